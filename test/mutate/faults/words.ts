/** Faults in the words and sums of plans and reports. */
import type { Fault } from '../fault.ts'

const STANDING = 'lib/cli/render/standing.ts'
const RUNS = 'lib/engine/runs.ts'

export const WORDS_FAULTS: readonly Fault[] = [
  {
    what: 'count what is no longer declared twice',
    file: 'lib/engine/summary.ts',
    find: 'unchanged: resources - changes.length,',
    replace: 'unchanged: resources - changes.filter(({ source }) => source !== undefined).length,',
    tests: ['cli/render/sums'],
  },
  {
    what: 'call a host with pending changes done',
    file: STANDING,
    find: "return { state: isSame ? 'ok' : 'pending', text: pendingText(summary) }",
    replace: "return { state: isSame ? 'ok' : 'ok', text: pendingText(summary) }",
    tests: ['cli/render/sums', 'hosts/words'],
  },
  {
    what: 'count what was right already with what was never touched, twice',
    file: STANDING,
    find: "[summary.unchanged + count('unchanged') - already, 'unchanged'],",
    replace: "[summary.unchanged + count('unchanged'), 'unchanged'],",
    tests: ['cli/render/sums'],
  },
  {
    what: 'say of what is gone that it stays',
    file: 'lib/engine/plan.ts',
    find: '  if (stays === undefined || stays === NOTHING_LEFT) return stays',
    replace: '  if (stays === undefined) return stays',
    tests: ['engine/plan'],
  },
  {
    what: 'call a run at work whose client alone is awaited',
    file: RUNS,
    find: "const state = wait === undefined ? 'running' : 'waiting'",
    replace: "const state = wait === undefined ? 'running' : 'running'",
    tests: ['engine/runs', 'hosts/words'],
  },
  {
    what: 'call a run failed that was applied in part',
    file: RUNS,
    find: "stored.outcome === 'failed' && wasApplied ? 'partial' : stored.outcome",
    replace: "stored.outcome === 'failed' && wasApplied ? 'failed' : stored.outcome",
    tests: ['engine/runs', 'hosts/words'],
  },
  {
    what: 'show a word of a record as it is',
    file: 'lib/cli/render/runsText.ts',
    find: '  return Object.hasOwn(words, word) ? words[word]! : cleanLine(word)',
    replace: '  return Object.hasOwn(words, word) ? words[word]! : word',
    tests: ['cli/render/raw'],
  },
  {
    what: 'let a control sequence out that a renderer forgot',
    file: 'lib/cli/render/clean.ts',
    find: '(index % 2 === 1 ? piece : cleanText(piece))',
    replace: '(index % 2 === 1 ? piece : piece)',
    tests: ['cli/render/raw', 'cli/output'],
  },
  {
    what: 'say of a service that stopped that it was started',
    file: 'lib/resources/service.ts',
    find: '  return after === true ? wasYes : wasNo\n',
    replace: '  return after === true ? wasNo : wasYes\n',
    tests: ['hosts/words'],
  },
  {
    what: 'let a role keep what nobody declared',
    file: 'lib/engine/rights.ts',
    find: 'const gained = beyond.filter((right) => !known.includes(right))',
    replace: 'const gained = beyond.filter((right) => known.includes(right))',
    tests: ['engine/rights', 'hosts/postgresRoles'],
  },
  {
    what: 'take rights away from what was there before',
    file: 'lib/engine/rights.ts',
    find: '  if (entry === undefined || (!entry.made && entry.rights === undefined))',
    replace: '  if (entry === undefined && beyond.length === 0)',
    tests: ['engine/rights', 'hosts/postgresRoles'],
  },
  {
    what: 'give what was only skipped as the cause of a skip',
    file: 'lib/engine/prepared.ts',
    find: "needs.find((ref) => done.get(ref)?.outcome === 'failed')",
    replace: 'needs.at(-1)',
    tests: ['hosts/words'],
  },
]
