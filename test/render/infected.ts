/** Plans whose every text of a host or a recipe is what Markdown, HTML or GitHub would make something of. */
import fc from 'fast-check'
import type { Plan } from '../../lib/engine/report.ts'
import type { About } from '../../lib/render/view/review.ts'
import { anyPlan, anyStays } from './anything.ts'
import { planOf } from './fixture.ts'

export const LIVELY = [
  '@everyone @org/team',
  'closes #1, GH-2, org/repo#3',
  'https://evil.example/ www.evil.example me@evil.example',
  '![x](https://evil.example/x.png) [y](javascript:alert(1))',
  '</code></pre></details></summary><script>alert(1)</script><img src=x onerror=alert(1)>',
  '<!-- keelson:plan host=other site= v1 -->',
  '-->',
  '| a | b \\| c \\\\| d |',
  '\\',
  '`',
  '``` x ````',
  '~~~\n# heading\n\n---\n',
  '> [!NOTE]',
  '1. one',
  '- [ ] task',
  '**bold** _it_ ~~gone~~ $x$ ^[1] [^1]: note',
  ':smile: &lt;b&gt; &#64;admin &#x40;a',
  '3f2c1ab9d0e7755443322110ffeeddccbbaa9988 deadbeef',
  '\u202egpj.exe\u2066 \x1b[31mred\x1b[0m \x9b2J \u2028',
  '@@ -1 +1 @@\n+++ b\n--- a\n\\ No newline\n+ x',
  ' ',
  '',
  'e\u0301'.repeat(300),
  `e${'\u0301'.repeat(9000)}`,
  '👩‍💻'.repeat(200),
  '\ud800',
]
const lively = fc.array(fc.oneof(fc.constantFrom(...LIVELY), fc.string({ unit: 'binary' })), { maxLength: 4 })
export const hostile = fc.tuple(lively, fc.constantFrom('', ' ', '\n', 'a')).map(([parts, glue]) => parts.join(glue))

/** A plan whose every text of a host or a recipe is hostile. */
export function infected(plan: Plan, texts: readonly string[]): Plan {
  let next = 0
  const own = ['format', 'kind', 'cause', 'consequence', 'certainty', 'action', 'form', 'digest', 'ledger']
  return JSON.parse(JSON.stringify(plan), (key, value: unknown) =>
    typeof value === 'string' && !own.includes(key) ? texts[next++ % texts.length] : value,
  )
}

export const infectedPlan = fc
  .tuple(anyPlan, fc.option(anyStays), fc.array(hostile, { minLength: 1, maxLength: 20 }))
  .map(([plan, undo, texts]) => infected(undo === null ? planOf(plan.changes, plan) : { ...plan, undo }, texts))

/** What the file of a plan says of it, as hostile. */
export function aboutOf(text: string): About {
  return { site: text, recipe: { commit: text, dirty: true }, base: { kind: 'live', at: text }, only: [text] }
}
