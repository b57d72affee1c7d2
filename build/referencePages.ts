/**
 * The reference of the resource types as Markdown, made of their docs. Pure.
 */
import { groupBy } from '../lib/kit/groupBy.ts'
import { needsExample, removalOf, wordsIn } from '../lib/render/text/typesText.ts'
import type { PropDoc, TypeDoc, TypeDocs, WordDoc } from '../lib/render/view/typeDoc.ts'

const NOTE = '<!-- Written by `npm run reference` from schemas and doc comments: change those. -->'
const COMMON = '[`after`, `tags` and `protect`](README.md#props-of-every-type)'

/** Path and text of each file of the reference, from the top of the repository. */
export function referenceFiles(docs: TypeDocs): Map<string, string> {
  return new Map([
    ['lib/types.json', `${JSON.stringify(docs, null, 2)}\n`],
    ['docs/reference/README.md', indexPage(docs)],
    ...docs.types.map((type): [string, string] => [`docs/reference/${type.name}.md`, typePage(type, docs)]),
  ])
}

function indexPage({ types, common }: TypeDocs): string {
  const families = [...groupBy(types, ({ family }) => family)].sort(([a], [b]) => (a < b ? -1 : 1))
  return joined([
    NOTE,
    '# Resource types',
    'What a recipe can declare. `keelson types` shows the same at a terminal, `keelson types NAME` one type with all its props.',
    ...families.flatMap(([family, members]) => [
      `## ${family}`,
      members.map(({ name, about }) => `- [\`${name}\`](${name}.md): ${inert(about)}`).join('\n'),
    ]),
    '## Props of every type',
    propTable(common),
  ])
}

function typePage(type: TypeDoc, { words }: TypeDocs): string {
  const used = wordsIn(type, words)
  return joined([
    NOTE,
    `# ${type.name}`,
    ...type.more.split('\n\n').map(inert),
    ...type.examples.map((example) => `\`\`\`ts\n${example}\n\`\`\``),
    '## Props',
    propTable(type.props),
    `Besides these, ${COMMON}.`,
    ...(used.length === 0 ? [] : ['## Words', ...used.map(wordText)]),
    '## Key and removal',
    removalOf(type)
      .map((sentence) => `- ${code(sentence)}`)
      .join('\n'),
    `Its refs begin with \`${type.type}:\`, as \`--only ${type.type}\` takes them. [All types](README.md)`,
  ])
}

function propTable(props: readonly PropDoc[]): string {
  const rows = props.map((prop) => [nameOf(prop), typeOf(prop), defaultOf(prop), aboutOf(prop)])
  const lines = [['Prop', 'Type', 'Default', 'What it says'], ['---', '---', '---', '---'], ...rows]
  return lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')
}

function nameOf({ name, required }: PropDoc): string {
  return required ? `**\`${name}\`** required` : `\`${name}\``
}

function typeOf({ type, unit, limits }: PropDoc): string {
  return [`\`${type}\``, ...(unit === undefined ? [] : [`in ${unit}`]), ...(limits === undefined ? [] : [limits])].join(
    ', ',
  )
}

function defaultOf({ default: usual = '' }: PropDoc): string {
  return /^('[^']*'|\[.*\]|[\d_]+|true|false)$/.test(usual) ? `\`${usual}\`` : inert(usual)
}

function aboutOf(prop: PropDoc): string {
  const { about = '', form, example } = prop
  const must = form === undefined ? [] : [`Must be ${inert(form)}.`]
  return [inert(about), ...must, ...(needsExample(prop) ? [`Example: \`${example}\``] : [])].join(' ')
}

function wordText({ name, type, about }: WordDoc): string {
  return joined([`**${name}**${type === undefined ? '' : ` is \`${type}\``}.`, inert(about)]).trimEnd()
}

/** A call in a sentence as code. */
function code(sentence: string): string {
  return inert(sentence.replace(/\w+\(.*\)/, (call) => `\`${call}\``))
}

/** Bars would end a cell, in code as well. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** Escapes what Markdown would take for its own, outside of code. */
function inert(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[*_<[\]]/g, (sign) => `\\${sign}`)))
    .join('')
}

function joined(blocks: readonly string[]): string {
  return `${blocks.join('\n\n')}\n`
}
