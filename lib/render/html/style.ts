/**
 * The style of a page: light or dark as the reader has it, from narrow screens on, and on paper with all unfolded.
 */
import { CONSEQUENCES } from '../../kit/resourceType.ts'
import { markup } from './html.ts'

/** Shows only the changes of the consequence that is chosen. Free of characters that HTML escapes. */
const FILTERS = CONSEQUENCES.map(
  (one) => `:root:has(#only-${one}:checked) .row:not(.is-${one}) { display: none }`,
).join('\n')

export const STYLE = markup`
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --shade: #f6f8fa;
  --red: #b3261e; --red-shade: #ffebe9; --green: #116329; --green-shade: #dafbe1;
  --amber: #7a4b00; --amber-shade: #fff8e1; --magenta: #8a2a80; --blue: #0550ae; --cyan: #0b6075;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d1117; --ink: #e6edf3; --faint: #9aa5b1; --line: #30363d; --shade: #161b22;
    --red: #ff9a92; --red-shade: #3c1618; --green: #7ee787; --green-shade: #12311c;
    --amber: #f2c14e; --amber-shade: #2f2508; --magenta: #f0a6e8; --blue: #79c0ff; --cyan: #76d7ea;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: 90rem; margin: 0 auto; padding: 1rem 1.25rem 3rem }
h1 { font-size: 1.5rem; margin: .25rem 0 .5rem }
h2 { font-size: 1.2rem; margin: 1.5rem 0 .25rem }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem }
code, del, ins, .diff td { font: .875em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; unicode-bidi: isolate }
.facts { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0 }
.facts, .where, .why, caption { color: var(--faint) }
.alerts { list-style: none; padding: 0; margin: .75rem 0 }
.alerts > li { border-left: .3rem solid var(--amber); background: var(--amber-shade); padding: .35rem .75rem; margin: .3rem 0 }
.alerts > .caution { border-color: var(--red); background: var(--red-shade) }
.alerts > .note { border-color: var(--blue); background: var(--shade) }
.alerts strong { color: var(--amber) }
.alerts .caution strong { color: var(--red) }
.alerts .note strong { color: var(--blue) }
.alerts ul { margin: 0; padding-left: 1.25rem }
fieldset { border: 1px solid var(--line); border-radius: .4rem; margin: 1rem 0 0; padding: .25rem .75rem .5rem; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem }
legend { padding: 0 .35rem; color: var(--faint) }
.row { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; overflow: hidden }
.line { display: flex; flex-wrap: wrap; gap: 0 .6rem; padding: .4rem .75rem; background: var(--shade); list-style: none }
.line::-webkit-details-marker { display: none }
.line::before { content: ""; width: .8rem }
details > .line::before { content: "▸" }
details[open] > .line::before { content: "▾" }
.what { flex: 1 1 20rem }
summary { cursor: pointer }
summary:focus-visible, input:focus-visible { outline: 3px solid var(--blue); outline-offset: -3px }
.kind { font-weight: 600; white-space: nowrap }
.create { color: var(--green) } .change, .opaque { color: var(--amber) } .remove { color: var(--red) }
.follow-up { color: var(--cyan) } .adopt { color: var(--blue) } .forget, .recheck { color: var(--faint) }
.effect { border: 1px solid; border-radius: .75rem; padding: 0 .5rem; font-size: .85em; color: var(--amber) }
.is-lockout .effect, .is-destructive .effect { color: var(--red) }
.is-safe .effect, .is-record .effect { color: var(--faint) }
.drift .why { color: var(--magenta) }
.body { padding: .5rem .75rem; border-top: 1px solid var(--line) }
table { border-collapse: collapse; margin: .25rem 0 .5rem }
caption { text-align: left; font-size: .9em }
thead th { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
td, tbody th { vertical-align: top; padding: .1rem .5rem; text-align: left; font-weight: 400 }
.fields td { min-width: 8rem }
.fields tr + tr { border-top: 1px solid var(--line) }
.diff { width: 100%; table-layout: fixed; border: 1px solid var(--line) }
.diff tbody + tbody { border-top: 3px double var(--line) }
.diff td { white-space: pre-wrap; tab-size: 4; padding: 0 .35rem 0 1.35rem }
.diff col:nth-child(odd) { width: 3.5rem }
.diff td:nth-child(odd) { padding: 0 .5rem; text-align: right; color: var(--faint); user-select: none }
.diff td:nth-child(3) { border-left: 1px solid var(--line) }
del, ins { display: block; text-decoration: none; padding: 0 .35rem 0 1.35rem; position: relative; white-space: pre-wrap }
del { background: var(--red-shade); color: var(--red) }
ins { background: var(--green-shade); color: var(--green) }
del::before, ins::before { position: absolute; left: .35rem; content: "-" }
ins::before { content: "+" }
.diff td > del, .diff td > ins { font: inherit; margin: 0 -.35rem 0 -1.35rem }
${FILTERS}
@media (max-width: 700px) {
  main { padding: .5rem .5rem 2rem }
  .what { flex-basis: 15rem }
  .where { flex-basis: 100%; padding-left: 1.4rem }
  .fields td { min-width: 0 }
  .diff, .diff tbody, .diff caption { display: block }
  .diff colgroup { display: none }
  .diff tr { display: grid; grid-template-columns: 2.75rem 1fr }
  .diff td:nth-child(3) { border: 0 }
  .diff .same td:nth-child(-n + 2), .diff .gained td:nth-child(-n + 2), .diff .lost td:nth-child(n + 3) { display: none }
}
@media print {
  :root { color-scheme: light }
  main { max-width: none }
  fieldset { display: none }
  details::details-content { content-visibility: visible; block-size: auto }
  del, ins, .line, .alerts > li { print-color-adjust: exact }
}
`
