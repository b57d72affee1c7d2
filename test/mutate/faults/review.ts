/** Faults in the forms that are read in a review: Markdown and HTML. */
import type { Fault } from '../fault.ts'

const INERT = 'lib/render/markdown/inert.ts'

export const REVIEW_FAULTS: readonly Fault[] = [
  {
    what: 'let a text of a host end the block that it stands in',
    file: INERT,
    find: "Math.max(3, longestRun(lines.join('\\n')) + 1)",
    replace: '3',
    tests: ['render/markdown/planMarkdown'],
  },
  {
    what: 'let a name of a host begin a cell of a table',
    file: INERT,
    find: ".replaceAll('|', String.raw`\\|`)",
    replace: '',
    tests: ['render/markdown/planMarkdown'],
  },
  {
    what: 'let a comment on a pull request grow beyond what is taken',
    file: 'lib/render/markdown/differences.ts',
    find: 'const isShown = block.text.length + 2 <= left',
    replace: 'const isShown = block.text.length + 2 <= room',
    tests: ['render/markdown/planMarkdown'],
  },
  {
    what: 'leave out of a comment how many changes are not in it',
    file: 'lib/render/markdown/planMarkdown.ts',
    find: 'kindCounts(rows.slice(rows.length - left))',
    replace: 'kindCounts(rows)',
    tests: ['render/markdown/planMarkdown'],
  },
  {
    what: 'say of a rule that goes that it opens',
    file: 'lib/resources/ufw/ufwRule.ts',
    find: "isOpen(after) ? 'opens' : 'closes'",
    replace: "isOpen(after) ? 'opens' : 'opens'",
    tests: ['engine/plan/opens'],
  },
  {
    what: 'take text of a host as HTML',
    file: 'lib/render/html/html.ts',
    find: `replace(/[&<>"']|`,
    replace: `replace(/[&"']|`,
    tests: ['render/html/planHtml'],
  },
  {
    what: 'filter out of a page what the choice is about',
    file: 'lib/render/html/style.ts',
    find: '.row:not(.is-${one})',
    replace: '.row.is-${one}',
    tests: ['render/html/planHtml'],
  },
]
