/** No renderer lets anything through that steers a terminal, whatever stands in any field of what it shows. */
import fc from 'fast-check'
import picocolors from 'picocolors'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { viewResult } from '../../lib/render/view/result.ts'
import { viewFleet } from '../../lib/render/view/fleet.ts'
import { viewRun, viewRuns } from '../../lib/render/view/runs.ts'
import type { Sink } from '../../lib/cli/output.ts'
import { openProgress } from '../../lib/cli/progress.ts'
import { coloursOnly } from '../../lib/render/clean.ts'
import { renderFleet } from '../../lib/render/text/fleetText.ts'
import { renderDot, renderTree } from '../../lib/render/text/graph.ts'
import { renderJson } from '../../lib/render/json.ts'
import type { Page } from '../../lib/render/text/page.ts'
import { renderProblem } from '../../lib/render/text/problemText.ts'
import { errorProblem, recipeProblem } from '../../lib/render/view/problem.ts'
import { renderResult } from '../../lib/render/text/resultText.ts'
import { renderRun, renderRuns } from '../../lib/render/text/runsText.ts'
import { renderPrometheus } from '../../lib/render/text/prometheus.ts'
import { renderVerify } from '../../lib/render/text/verifyText.ts'
import { viewVerify } from '../../lib/render/view/verify.ts'
import { applied, planned } from '../../lib/render/view/standing.ts'
import type { Progress } from '../../lib/engine/report.ts'
import { anyError, anyPlan, anyReport, anyRun, anyStays, anyVerify, hostile } from './anything.ts'
import { paper, planOf, planText } from './fixture.ts'

const test = suite('raw text')

const pages: Page[] = [
  paper,
  { ...paper, verbose: true },
  { ...paper, width: 60 },
  { ...paper, width: 80, colors: picocolors.createColors(true) },
]

/** Newlines, tabs and colours are ours; nothing else that steers is anybody's. */
function assertTame(text: string): void {
  // oxlint-disable-next-line no-control-regex -- colours are what is taken out
  const bare = text.replace(/\x1b\[\d{1,2}m/g, '')
  assert.not.match(bare, /[^\P{Cc}\n\t]|\p{Bidi_Control}|\p{Cs}|[\u2028\u2029]/u)
}

function never<Shown>(
  title: string,
  anything: fc.Arbitrary<Shown>,
  render: (shown: Shown, page: Page) => string,
): void {
  test(`${title} shows nothing raw`, () => {
    fc.assert(
      fc.property(anything, fc.constantFrom(...pages), (shown, page) => assertTame(render(shown, page))),
      { numRuns: 300 },
    )
  })
}

never('a plan', fc.tuple(anyPlan, hostile), ([plan, sentence], page) =>
  planText(plan, page, sentence.replace(/[^a-z ]/g, '')),
)
never('the plan of an undo', fc.tuple(anyPlan, anyStays), ([plan, of], page) => planText({ ...plan, undo: of }, page))
never('a result', anyReport, (report, page) => renderResult(viewResult(report), page))
never('the result of an undo', fc.tuple(anyReport, anyStays), ([report, of], page) =>
  renderResult(viewResult({ ...report, changes: [], undo: of }), page),
)
never('an error of a host', fc.tuple(anyReport, anyError), ([report, error], page) =>
  renderResult(viewResult({ ...report, error }), page),
)
never('a fleet', fc.array(fc.tuple(anyReport, fc.option(anyError)), { maxLength: 3 }), (all, page) => {
  const reports = all.map(([report, error]) => (error === null ? report : { ...report, error }))
  return renderFleet(viewFleet(reports, planned), page) + renderFleet(viewFleet(reports, applied), page)
})
never('a problem', anyError, (error, page) => renderProblem(errorProblem(error), page))
never(
  'a mistake in a recipe',
  fc.record({
    message: hostile,
    next: hostile,
    source: fc.record({ file: hostile, line: fc.nat(), column: fc.nat() }),
  }),
  (diagnostic, page) => renderProblem(recipeProblem({ ...diagnostic, also: [diagnostic.source] }), page),
)
never('a list of runs', fc.tuple(hostile, fc.array(anyRun, { maxLength: 3 })), ([host, runs], page) =>
  renderRuns(viewRuns(host, runs), page),
)
never('one run', fc.tuple(hostile, anyRun), ([host, run], page) => renderRun(viewRun(host, run), page))
never('what verify found', anyVerify, (report, page) => renderVerify(viewVerify(report), page))
never('metrics', anyVerify, (report) => renderPrometheus([report], 0))
never('JSON', fc.tuple(anyReport, anyPlan, anyError), ([report, plan, error]) =>
  renderJson('plan', [{ report, plan }, { report: { ...report, error } }], 'ok'),
)

const graph = fc.array(fc.tuple(hostile, hostile), { maxLength: 4 }).map((all) => {
  const ordered = all.map(([ref, file], index) => ({
    ref: `${index}${ref}`,
    type: 'x',
    name: ref,
    desired: null,
    needs: [],
    claims: [],
    tags: [],
    protect: false,
    source: { file, line: 1, column: 1 },
    also: [],
  }))
  const needsOf = new Map(ordered.map(({ ref }, index) => [ref, ordered.slice(0, index).map((one) => one.ref)]))
  return { ordered, needsOf }
})
never('a graph', fc.tuple(hostile, graph), ([name, one], page) => {
  const host = { ...planOf([]).host, name }
  return renderTree(host, one, page) + renderDot(host, one)
})

const progress: fc.Arbitrary<Progress> = fc.oneof(
  fc.record({ host: hostile, event: fc.constantFrom('connecting', 'reading', 'proving', 'verifying', 'done') }),
  fc.record({ host: hostile, event: fc.constant('applying' as const), run: hostile, unit: hostile, steps: fc.nat() }),
  fc.record({
    host: hostile,
    event: fc.constant('step' as const),
    ref: hostile,
    label: hostile,
    title: hostile,
    state: fc.constantFrom('started' as const, 'ok' as const, 'failed' as const, 'skipped' as const),
  }),
  fc.record({ host: hostile, event: fc.constant('reconnecting' as const), because: hostile, attempt: fc.nat() }),
  fc.record({ host: hostile, event: fc.constant('waiting' as const), because: hostile }),
)
never(
  'progress',
  fc.tuple(fc.array(progress, { maxLength: 5 }), hostile, fc.boolean()),
  ([all, note, isTerminal], page) => {
    let written = ''
    const sink: Sink = { page, isTerminal, write: (text) => (written += text), erase: () => undefined }
    const view = openProgress(sink)
    all.forEach(view.show)
    view.note(note)
    view.close()
    return written
  },
)

test('what a renderer forgot is stopped at the way out, but for colours', () => {
  fc.assert(fc.property(fc.array(hostile), (texts) => assertTame(coloursOnly(texts.join('')))))
  assert.is(
    coloursOnly('\x1b[32mok\x1b[39m\x1b[2J\x1b]52;c;eA\x07\x9b1m'),
    '\x1b[32mok\x1b[39m\\u001b[2J\\u001b]52;c;eA\\u0007\\u009b1m',
  )
})

test.run()
