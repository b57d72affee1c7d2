/**
 * The part of a site that `--only` asks for. Pure.
 */
import picomatch from 'picomatch'
import { posix } from 'node:path'
import { didYouMean } from '../dsl/didYouMean.ts'
import { type Forgotten, formatSource } from '../engine/catalog/catalog.ts'
import { labelOf } from '../kit/ref.ts'
import { UsageError } from './errors.ts'

/** The fields that select a resource, declared or forgotten. */
export type Asked = Pick<Forgotten, 'ref' | 'type' | 'tags' | 'source' | 'also'>

/** As in a `case` of the shell: `*` matches any text, also `/`; only what is known is matched, so nothing is negated. */
const GLOB = { bash: true, dot: true, nonegate: true, noextglob: true }
/** Names of one kind in a list, and resources in a suggestion. */
const MOST_NAMED = 20
const MOST_SIMILAR = 3

/**
 * Whether a resource is asked for. A word is its ref (`file:/etc/motd`) or its label (`file /etc/motd`); its type as a
 * plan (`nginx vhost`), JSON (`nginx-vhost`) or a recipe (`nginxVhost`) writes it; one of its tags; the recipe file that
 * declares it, or a line of it; or a pattern of any of these.
 */
export function askedFor(words: readonly string[]): (resource: Asked) => boolean {
  const tests = words.map(testFor)
  return (resource) => {
    const names = namesOf(resource)
    return tests.some((fits) => names.some(fits))
  }
}

function testFor(word: string): (name: string) => boolean {
  // `./recipes/tls.ts`, as a shell completes it.
  const plain = word.startsWith('./') ? posix.normalize(word) : word
  if (!/[*?[{]/.test(plain)) return (name) => name === plain
  const fits = picomatch(plain, GLOB)
  return (name) => name === plain || fits(name)
}

function namesOf({ ref, type, tags, source, also }: Asked): string[] {
  const places = [source, ...also].flatMap((place) => [place.file, formatSource(place)])
  return [ref, labelOf(ref), ...typeNames(type), ...tags, ...places]
}

function typeNames(type: string): string[] {
  return [type, type.replaceAll('-', ' '), functionOf(type)]
}

/** The function of the front door that declares resources of a type: `nginxVhost`. */
export function functionOf(type: string): string {
  // `package` is a reserved word.
  if (type === 'package') return 'aptPackage'
  return type.replaceAll(/-(.)/g, (_dash, letter: string) => letter.toUpperCase())
}

/** @throws {UsageError} When a word matches no resource of any host. */
export function checkOnly(words: readonly string[], resources: readonly Asked[]): void {
  const missing = words.find((word) => !resources.some(askedFor([word])))
  if (missing === undefined) return
  throw new UsageError(`--only ${missing} fits no resource${similarTo(missing, resources)}`, listOf(resources))
}

/** `; did you mean note:first?`: the nearest in spelling, else what contains the word. */
export function similarTo(word: string, resources: readonly Asked[]): string {
  const best = didYouMean(word, [...new Set(resources.flatMap(namesOf))])
  const names = new Set([
    ...resources.flatMap(({ type, tags }) => [type, ...tags]),
    ...resources.flatMap(({ ref, source }) => [ref, source.file]),
  ])
  const similar = best === undefined && word !== '' ? [...names].filter((name) => name.includes(word)) : []
  const found = best === undefined ? similar.slice(0, MOST_SIMILAR) : [best]
  return found.length === 0 ? '' : `; did you mean ${found.join(', or ')}?`
}

/** Everything but the refs, of which there may be thousands. */
export function listOf(resources: readonly Asked[]): string {
  const kinds: [name: string, values: string[]][] = [
    ['types', resources.map(({ type }) => type)],
    ['tags', resources.flatMap(({ tags }) => tags)],
    ['files', resources.flatMap(({ source, also }) => [source, ...also].map(({ file }) => file))],
  ]
  const lists = kinds.flatMap(([name, values]) => {
    const all = [...new Set(values)].sort()
    const more = all.length > MOST_NAMED ? ` and ${all.length - MOST_NAMED} more` : ''
    return all.length === 0 ? [] : [`${name}: ${all.slice(0, MOST_NAMED).join(', ')}${more}`]
  })
  return [
    'give a ref such as file:/etc/motd, a type, a tag, a recipe file, or a pattern such as "file:/etc/*"',
    ...lists,
  ].join('\n')
}
