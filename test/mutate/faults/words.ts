/** Faults in the words and sums of plans and reports. */
import type { Fault } from '../fault.ts'

const STANDING = 'lib/render/view/standing.ts'
const PLAN_VIEW = 'lib/render/view/planView.ts'
const RUNS = 'lib/engine/host/storedRun.ts'

export const WORDS_FAULTS: readonly Fault[] = [
  {
    what: 'answer a value with the pattern that it does not match',
    file: 'lib/dsl/validate.ts',
    find: "    return typeof meant === 'string' ? meant : undefined\n",
    replace: "    return `${String(meant)}: ${String(parentSchema?.['pattern'])}`\n",
    tests: ['dsl/mistakes'],
  },
  {
    what: 'say nothing of the words of other tools',
    file: 'lib/dsl/validate.ts',
    find: "const foreign = meant === '' ?",
    replace: "const foreign = meant !== '' ?",
    tests: ['dsl/mistakes'],
  },
  {
    what: 'leave the default out of what types shows',
    file: 'lib/render/text/typesText.ts',
    find: "    ...(usual === undefined ? [] : labelled('default', usual)),\n",
    replace: '',
    tests: ['cli/types'],
  },
  {
    what: 'count what is no longer declared twice',
    file: 'lib/engine/plan/summary.ts',
    find: 'unchanged: resources - changes.length,',
    replace: 'unchanged: resources - changes.filter(({ source }) => source !== undefined).length,',
    tests: ['render/sums'],
  },
  {
    what: 'call a host with pending changes done',
    file: STANDING,
    find: "return { state: 'pending', text }",
    replace: "return { state: 'ok', text }",
    tests: ['render/sums', 'hosts/words'],
  },
  {
    what: 'count what was right already with what was never touched, twice',
    file: STANDING,
    find: "counts([[summary.unchanged, 'in sync']])",
    replace: "counts([[summary.unchanged + count('unchanged'), 'in sync']])",
    tests: ['render/sums'],
  },
  {
    what: 'fold what certainly locks out',
    file: 'lib/render/view/fold.ts',
    find: 'isPlain(row) && !isGrave(row)',
    replace: 'isPlain(row)',
    tests: ['render/firstPlan'],
  },
  {
    what: 'leave what is forgotten out of a plan',
    file: PLAN_VIEW,
    find: "of('create', 'change', 'remove', 'forget')",
    replace: "of('create', 'change', 'remove')",
    tests: ['render/view', 'render/planText'],
  },
  {
    what: 'give a label to a form of output as it came',
    file: PLAN_VIEW,
    find: '    sign: signOf(change),\n    label: cleanLine(label),',
    replace: '    sign: signOf(change),\n    label,',
    tests: ['render/view', 'render/raw'],
  },
  {
    what: 'say of what is gone that it stays',
    file: 'lib/engine/plan/undeclared.ts',
    find: '  if (stays === undefined || stays === NOTHING_LEFT) return stays',
    replace: '  if (stays === undefined) return stays',
    tests: ['engine/plan/plan'],
  },
  {
    what: 'call a run at work whose client alone is awaited',
    file: RUNS,
    find: "const state = wait === undefined ? 'running' : 'waiting'",
    replace: "const state = wait === undefined ? 'running' : 'running'",
    tests: ['engine/host/storedRun', 'hosts/words'],
  },
  {
    what: 'call a run failed that was applied in part',
    file: RUNS,
    find: "stored.outcome === 'failed' && wasApplied ? 'partial' : stored.outcome",
    replace: "stored.outcome === 'failed' && wasApplied ? 'failed' : stored.outcome",
    tests: ['engine/host/storedRun', 'hosts/words'],
  },
  {
    what: 'show a word of a record as it is',
    file: 'lib/render/view/runs.ts',
    find: '  return Object.hasOwn(words, word) ? words[word]! : cleanLine(word)',
    replace: '  return Object.hasOwn(words, word) ? words[word]! : word',
    tests: ['render/raw'],
  },
  {
    what: 'let a control sequence out that a renderer forgot',
    file: 'lib/render/clean.ts',
    find: '(index % 2 === 1 ? piece : cleanText(piece))',
    replace: '(index % 2 === 1 ? piece : piece)',
    tests: ['render/raw', 'cli/output'],
  },
  {
    what: 'say of a service that stopped that it was started',
    file: 'lib/resources/systemd/service.ts',
    find: '  return after === true ? wasYes : wasNo\n',
    replace: '  return after === true ? wasNo : wasYes\n',
    tests: ['hosts/words'],
  },
  {
    what: 'let a role keep what nobody declared',
    file: 'lib/engine/plan/rights.ts',
    find: 'const gained = beyond.filter((right) => !known.includes(right))',
    replace: 'const gained = beyond.filter((right) => known.includes(right))',
    tests: ['engine/plan/rights', 'hosts/postgresRoles'],
  },
  {
    what: 'take rights away from what was there before',
    file: 'lib/engine/plan/rights.ts',
    find: '  if (entry === undefined || (!entry.made && entry.rights === undefined))',
    replace: '  if (entry === undefined && beyond.length === 0)',
    tests: ['engine/plan/rights', 'hosts/postgresRoles'],
  },
  {
    what: 'give what was only skipped as the cause of a skip',
    file: 'lib/engine/apply/outcomes.ts',
    find: "needs.find((ref) => this.of(ref)?.outcome === 'failed')",
    replace: 'needs.at(-1)',
    tests: ['hosts/words'],
  },
]
