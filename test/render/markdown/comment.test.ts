/** The comment that a pull request keeps for a host, over several pushes. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CommentAbout, outdatedComment, renderComment } from '../../../lib/render/markdown/comment.ts'
import { planMarker } from '../../../lib/render/markdown/planMarkdown.ts'
import { viewReview, viewReviews } from '../../../lib/render/view/review.ts'
import { change, everyKind, planOf } from '../fixture.ts'
import { assertInert, elementsOf, rendered, textOf } from '../github.ts'
import { aboutOf, hostile, infectedPlan } from '../infected.ts'
import { manyChanges } from '../many.ts'
import { digested, planFileOf } from '../planFile.ts'

const test = suite('comment on a pull request')

/** What GitHub takes. */
const LIMIT = 65_536
const first = 'a'.repeat(40)
const second = 'b'.repeat(40)
const third = 'c'.repeat(40)

const about = (head: string, minute = 0): CommentAbout => ({
  head,
  base: 'f'.repeat(40),
  at: new Date(Date.UTC(2026, 10, 28, 12, minute)).toISOString(),
  run: 'https://github.example/acme/servers/actions/runs/7',
  isUntrusted: false,
})
const reviewOf = (...kinds: Parameters<typeof change>[]) =>
  viewReview(digested(planOf(kinds.map((each) => change(...each)))), { site: 'takeclient' })
const one = reviewOf(['file:/etc/motd', {}])
const two = reviewOf(['file:/etc/issue', {}])

test('it says of which commits it is, and links to the run', () => {
  const text = renderComment(one, about(first))
  assert.ok(text.startsWith(`${planMarker(one)}\n<!-- keelson:state `))
  assert.match(text, 'Head `aaaaaaaaaaaa` on base `ffffffffffff` · written 2026-11-28 12:00 UTC · [run](https://github')
  assert.not.match(text, 'earlier plan')
})

test('digests of earlier plans are kept, folded, each once, the newest first', () => {
  const digestOf = (text: string): string => /digest `([0-9a-f]{64})`/.exec(text)![1]!
  const one1 = renderComment(one, about(first, 1))
  const two2 = renderComment(two, about(second, 2), one1)
  const one3 = renderComment(one, about(third, 3), two2)
  const [fold] = elementsOf(rendered(one3), 'details').slice(-1)
  assert.match(textOf(fold!), /^1 earlier plan\n+digest \w+ of head bbbbbbbbbbbb, 2026-11-28 12:02 UTC\n/)
  assert.match(textOf(fold!), digestOf(two2))
  const none4 = renderComment(viewReview(digested(planOf([]))), about(first, 4), one3)
  assert.match(none4, '<summary>2 earlier plans</summary>')
  assert.ok(none4.indexOf(digestOf(one1)) < none4.indexOf(digestOf(two2)))
})

test('the same plan of another commit is no earlier one', () => {
  assert.not.match(renderComment(one, about(second), renderComment(one, about(first))), 'earlier plan')
})

test('a host that was not planned keeps what was known', () => {
  const [lost] = viewReviews({ ...planFileOf(), unplanned: [{ host: 'takeclient-1', because: 'port 22 is closed' }] })
  const text = renderComment(lost!, about(second), renderComment(one, about(first)))
  assert.match(text, '· not planned')
  assert.match(text, '<summary>1 earlier plan</summary>')
  assert.match(renderComment(two, about(third), text), '<summary>1 earlier plan</summary>')
})

test('it is marked outdated once, until a plan of the latest commit is there', () => {
  const text = renderComment(one, about(first))
  assert.is(outdatedComment(text, first), undefined)
  const marked = outdatedComment(text, second)!
  assert.match(marked, '> [!WARNING]\n> Outdated: `bbbbbbbbbbbb` was pushed since.')
  assertInert(marked.replace(/ · \[run\]\(.*\)$/m, ''), 3)
  assert.is(outdatedComment(marked, third), undefined)
  const next = renderComment(two, about(second, 1), marked)
  assert.not.match(next, 'Outdated')
  assert.match(next, '<summary>1 earlier plan</summary>')
})

test('a state that somebody else wrote is read as far as it has the form of one, and no further', () => {
  const [marker] = renderComment(one, about(first)).split('\n')
  const digest = 'd'.repeat(64)
  for (const state of [
    `${digest}@${first}@2026-11-28T12:00:00Z --> <script>alert(1)</script> <!--`,
    `${digest}@x@2026-11-28T12:00:00Z`,
    `${digest}@${first}@2026-11-28T12:00:00Z`.repeat(2000),
    '](https://evil.example)',
  ])
    assert.not.match(renderComment(two, about(first), `${marker}\n<!-- keelson:state ${state} -->\n`), /earlier|evil/)
  const many = Array.from({ length: 60 }, (_, n) => `${String(n).padStart(64, '0')}@${first}@2026-11-28T12:00:00Z`)
  const text = renderComment(two, about(first), `${marker}\n<!-- keelson:state ${many.slice(0, 30).join(',')} -->\n`)
  assert.match(text, '<summary>20 earlier plans</summary>')
})

test('with all there may be, it is within what GitHub takes, and balanced', () => {
  for (const count of [1, 400, 4000]) {
    const review = viewReview(digested(planOf(manyChanges(count, 7))))
    let text = ''
    for (let push = 0; push < 25; push += 1) {
      const other = push === 24 ? review : reviewOf([`file:/etc/${push}`, {}])
      text = renderComment(other, { ...about(first, push), isUntrusted: true }, text)
    }
    const marked = outdatedComment(text, second)!
    assert.ok(marked.length <= LIMIT, `${count}: ${marked.length}`)
    assertInert(text.replace(/ · \[run\]\(.*\)$/m, ''), 2)
    assert.match(text, '<summary>20 earlier plans</summary>')
  }
})

test('the short form leaves out the changes and says so', () => {
  const review = viewReview(digested(planOf(everyKind)))
  const text = renderComment(review, about(first), '', true)
  assert.not.match(text, '**Changes**')
  assert.match(text, '**Removes** (1)')
  assert.match(text, 'more than this server takes in a comment')
})

test('hostile text stays text', () => {
  fc.assert(
    fc.property(infectedPlan, hostile, (plan, text) => {
      const review = viewReview(plan, aboutOf(text))
      const { run: _run, ...rest } = about(first)
      const made = renderComment(review, { ...rest, isUntrusted: true }, renderComment(one, rest))
      assertInert(made, 2)
      assertInert(outdatedComment(made, second)!, 3)
    }),
    { numRuns: 30 },
  )
})

test.run()
