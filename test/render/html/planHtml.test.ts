/** A plan as a page of HTML. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { parse, type ParserError } from 'parse5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { summaryOf } from '../../../lib/engine/plan/summary.ts'
import type { Plan, PlanChange } from '../../../lib/engine/report.ts'
import { CONSEQUENCES } from '../../../lib/kit/resourceType.ts'
import { renderHtml } from '../../../lib/render/html/planHtml.ts'
import { viewReview } from '../../../lib/render/view/review.ts'
import { KINDS } from '../anything.ts'
import { change, everyKind, planOf } from '../fixture.ts'
import { type Element, elementsOf, nodesOf, type Parent, textOf } from '../github.ts'
import { aboutOf, hostile, infectedPlan, LIVELY } from '../infected.ts'
import { manyChanges } from '../many.ts'

const test = suite('plan as HTML')

function htmlOf(...plans: Plan[]): string {
  return renderHtml(plans.map((plan) => viewReview(plan)))
}

/** The page as a browser reads it, which must find nothing to repair. */
function pageOf(text: string): Parent {
  const errors: ParserError[] = []
  const page = parse(text, { onParseError: (error) => errors.push(error) })
  assert.equal(errors, [])
  return page
}

function classed(page: Parent, name: string): Element[] {
  return [...nodesOf(page)].filter((node): node is Element => 'attrs' in node && classes(node).includes(name))
}

function classes(node: Element): string[] {
  return attribute(node, 'class')?.split(' ') ?? []
}

function attribute(node: Element, name: string): string | undefined {
  return node.attrs.find((each) => each.name === name)?.value
}

const ELEMENTS = [
  'html head meta link title style body main section h1 h2 h3 p ul li span strong code fieldset legend label input',
  'details summary div table caption colgroup col thead tbody tr th td del ins',
].flatMap((names) => names.split(' '))
const ATTRIBUTES = 'lang charset http-equiv content name rel href class type id checked open scope'.split(' ')

function assertHarmless(page: Parent): void {
  for (const node of nodesOf(page)) {
    assert.is.not(node.nodeName, '#comment')
    if (!('attrs' in node)) continue
    assert.ok(ELEMENTS.includes(node.tagName), `<${node.tagName}>`)
    for (const { name, value } of node.attrs) {
      assert.ok(ATTRIBUTES.includes(name), `${node.tagName} ${name}=${value}`)
      if (name === 'href') assert.is(value, 'data:,')
      if (name === 'class' || name === 'id') assert.match(value, /^[a-z -]*$/)
    }
  }
}

test('hostile text of hosts and recipes is only text', () => {
  fc.assert(
    fc.property(infectedPlan, hostile, (plan, about) => {
      const text = renderHtml([viewReview(plan, aboutOf(about))])
      assertHarmless(pageOf(text))
      // oxlint-disable-next-line no-control-regex -- control characters are what it is about
      assert.not.match(text, /[\0-\x08\x0b-\x1f\x7f-\x9f]|\p{Bidi_Control}|\p{Cs}/u)
    }),
    { numRuns: 400 },
  )
})

test('a hostile text is there to be read as it is', () => {
  for (const text of LIVELY.filter((each) => /^[\x20-\x7e]+$/.test(each) && each.trim() !== '')) {
    const page = pageOf(htmlOf(planOf([change('file:/x', { label: text })])))
    assert.is(textOf(elementsOf(classed(page, 'row')[0]!, 'code')[0]!), text)
  }
})

test('the policy allows the style of the page and nothing else', () => {
  const page = pageOf(htmlOf(planOf(everyKind)))
  const [policy] = elementsOf(page, 'meta').filter((meta) => attribute(meta, 'http-equiv') !== undefined)
  const [style] = elementsOf(page, 'style').map(textOf)
  const hash = createHash('sha256').update(style!).digest('base64')
  assert.is(attribute(policy!, 'http-equiv'), 'Content-Security-Policy')
  assert.is(
    attribute(policy!, 'content'),
    `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
  )
  assert.is(elementsOf(page, 'style').length, 1)
  assert.not.match(style!, /url\(|@import|&[a-z#]/)
})

test('what may lock out, destroys, opens and restarts stands before the changes', () => {
  const opening = change('ufw-rule:8443/tcp', { kind: 'create', opens: ['opens 8443/tcp'] })
  const page = pageOf(htmlOf(planOf([...everyKind, opening], { lockouts: ['no rule for port 22'] })))
  const [alerts] = classed(page, 'alerts')
  assert.equal(elementsOf(alerts!, 'strong').map(textOf), [
    'Locks you out',
    'May lock you out, auto-reverts unless a new login works',
    'Removes',
    'Opens or closes',
    'Restarts',
    'Reloads',
  ])
  assert.equal(
    classed(page, 'row')
      .slice(0, 4)
      .map((row) => textOf(elementsOf(row, 'code')[0]!)),
    ['ufw rule 22/tcp from 10.0.0.0/8', 'restart api.service', 'nginx vhost api.takeclient.com', 'cron job old-report'],
  )
})

test('every change is there once, and the filter counts them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(1000), (count, seed) => {
      const changes = manyChanges(count, seed)
      const page = pageOf(htmlOf(planOf(changes, { summary: summaryOf(changes, count) })))
      const rows = classed(page, 'row')
      for (const kind of KINDS) {
        const own = changes.filter((each) => each.kind === kind).length
        const isGathered = kind === 'adopt' || kind === 'recheck'
        const gathered = elementsOf(page, 'details').filter((each) => classed(each, kind).length > 0)
        const shown = isGathered
          ? gathered.flatMap((each) => elementsOf(each, 'li')).length
          : rows.filter((row) => textOf(classed(row, 'kind')[0]!).endsWith(` ${kind}`)).length
        assert.is(shown, own, kind)
      }
      for (const label of elementsOf(page, 'label')) {
        const name = attribute(elementsOf(label, 'input')[0]!, 'id')!.replace('only-', '')
        const own = rows.filter((row) => name === 'all' || classes(row).includes(`is-${name}`))
        assert.match(textOf(label), new RegExp(`\\(${own.length}\\)$`))
      }
    }),
    { numRuns: 30 },
  )
})

test('for every consequence a choice shows its changes alone', () => {
  const [style] = elementsOf(pageOf(htmlOf(planOf([]))), 'style').map(textOf)
  for (const one of CONSEQUENCES)
    assert.match(style!, `:root:has(#only-${one}:checked) .row:not(.is-${one}) { display: none }`)
})

test('what was removed stands beside what came in its place, each with its number', () => {
  const fields: PlanChange['fields'] = [
    { field: 'content', form: 'text', before: 'a\nb\nc\nd\ne', after: 'a\nB\nC\nC2\nd\n' },
  ]
  const [diff] = classed(pageOf(htmlOf(planOf([change('file:/x', { fields })]))), 'diff')
  const rows = elementsOf(diff!, 'tr').slice(1)
  assert.equal(
    rows.map((row) => [...classes(row), ...elementsOf(row, 'td').map(textOf)]),
    [
      ['same', '1', 'a', '1', 'a'],
      ['changed', '2', 'b', '2', 'B'],
      ['changed', '3', 'c', '3', 'C'],
      ['gained', '', '', '4', 'C2'],
      ['same', '4', 'd', '5', 'd'],
      ['lost', '5', 'e', '', ''],
      ['same', '', 'No newline at end of file', '', ''],
    ],
  )
})

test('several hosts are one page', () => {
  const other = planOf([])
  const page = pageOf(htmlOf(planOf(everyKind), { ...other, host: { ...other.host, name: 'web-2' } }))
  assert.equal(elementsOf(page, 'h1').map(textOf), ['Plan for takeclient-1, web-2'])
  assert.is(elementsOf(page, 'section').length, 2)
})

test('a partial plan says so in its heading', () => {
  assert.match(htmlOf(planOf([], { partial: true })), '<h2>takeclient-1 · PARTIAL: nothing to do</h2>')
})

test.run()
