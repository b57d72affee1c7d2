/**
 * Resource types for people at a terminal: all of them in short, and one in full. Pure.
 */
import stringWidth from 'fast-string-width'
import { groupBy } from '../../kit/groupBy.ts'
import type { PropDoc, TypeDoc, TypeDocs, WordDoc } from '../view/typeDoc.ts'
import { type Page, pad, widest, wrap } from './page.ts'

/** Columns where there is no terminal, and the most that are read with ease. */
const COLUMNS = 80

/** One line or two for each type, by family. */
export function renderTypes({ types }: TypeDocs, page: Page): string {
  const name = widest(types.map((each) => each.name))
  const families = [...groupBy(types, ({ family }) => family)].sort(([a], [b]) => (a < b ? -1 : 1))
  const blocks = families.map(([family, members]) => {
    const lines = members.flatMap((each) => hanging(`  ${pad(each.name, name)}  `, each.about, page))
    return [page.colors.bold(family), ...lines].join('\n')
  })
  return `${blocks.join('\n\n')}\n`
}

/** Everything about one type. */
export function renderType(type: TypeDoc, { common, words }: TypeDocs, page: Page): string {
  const { bold, dim } = page.colors
  const head = `${bold(type.name)}${dim(`  ${type.type}, of ${type.family}`)}`
  const examples = type.examples.map((example) => example.replaceAll(/^/gm, '  '))
  const props = type.props.flatMap((prop) => renderProp(prop, page))
  const also = common.flatMap((prop) => renderProp(prop, page))
  const used = wordsIn(type, words)
  const blocks = [
    [head, '', ...type.more.split('\n\n').flatMap((paragraph) => [...hanging('', paragraph, page), ''])],
    [examples.join('\n\n'), ''],
    [bold('props'), ...props, ''],
    [bold('props of every type'), ...also, ''],
    ...(used.length === 0 ? [] : [[bold('words'), ...used.flatMap((word) => renderWord(word, page)), '']]),
    [bold('key and removal'), ...removalOf(type).flatMap((sentence) => hanging('  ', sentence, page))],
  ]
  return `${blocks.flat().join('\n')}\n`
}

/** Names of types that the props use, with the names that those use. */
export function wordsIn({ props }: Pick<TypeDoc, 'props'>, words: readonly WordDoc[]): WordDoc[] {
  const named = (text: string): WordDoc[] => words.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text))
  const found = new Set(props.flatMap(({ type }) => named(type)))
  // A set that grows is walked to its end.
  for (const { type = '' } of found) for (const word of named(type)) found.add(word)
  return [...found]
}

/** What tells one from another, and how it goes. */
export function removalOf({ name, key, absent, holdsData }: TypeDoc): string[] {
  const which =
    key.length === 0 ? 'One per host.' : `Two declarations with the same ${key.join(', ')} are one resource.`
  const props = [...key, ...(absent ?? [])].join(', ')
  return [
    which,
    ...(absent === undefined ? [] : [`Removed by absent(${name}, { ${props} }), whoever made it.`]),
    holdsData === undefined
      ? 'Removed when it is no longer declared, if Keelson made it.'
      : typeof holdsData === 'string'
        ? `Never removed only because it is no longer declared: ${holdsData}.`
        : 'Removed when it is no longer declared, if Keelson made it and nothing is lost with it.',
  ]
}

/** Whether the example says more than the text. */
export function needsExample({ about = '', example }: PropDoc): boolean {
  return example !== undefined && !about.includes(example)
}

function renderProp(prop: PropDoc, page: Page): string[] {
  const { name, type, required, default: usual, unit, limits, form, about, example = '' } = prop
  const { bold, dim } = page.colors
  const notes = [...(unit === undefined ? [] : [`in ${unit}`]), ...(limits === undefined ? [] : [limits])]
  const head = [`${name}: ${type}`, ...notes, ...(required ? ['required'] : [])].join(' · ')
  const [first = '', ...rest] = wrap(head.split(' '), ' ', columnsOf(page) - 6)
  const labelled = (label: string, text: string): string[] =>
    hanging(`      ${label}  `, text, page).map((line) => line.replace(label, dim(label)))
  return [
    `  ${first.replace(name, bold(name))}`,
    ...rest.map((line) => `      ${line}`),
    ...(about === undefined ? [] : hanging('      ', about, page)),
    ...(form === undefined ? [] : labelled('must be', form)),
    ...(usual === undefined ? [] : labelled('default', usual)),
    ...(needsExample(prop) ? labelled('example', example) : []),
  ]
}

function renderWord({ name, type, about }: WordDoc, page: Page): string[] {
  const paragraphs = about
    .replaceAll(/\n(?!\n|- )/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return [
    ...hanging('  ', type === undefined ? name : `${name} = ${type}`, page),
    ...paragraphs.flatMap((paragraph) => hanging('      ', paragraph.trim(), page)),
  ]
}

/** Text that begins behind a label, its further lines below its first word. */
function hanging(label: string, text: string, page: Page): string[] {
  const indent = stringWidth(label)
  const lines = wrap(text.split(' '), ' ', columnsOf(page) - indent)
  return lines.map((line, index) => (index === 0 ? label : ' '.repeat(indent)) + line)
}

function columnsOf({ width = COLUMNS }: Page): number {
  return Math.max(40, Math.min(width, COLUMNS))
}
