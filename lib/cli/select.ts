/**
 * Selects the hosts and resources of a command. Pure.
 */
import picomatch from 'picomatch'
import { didYouMean } from '../dsl/didYouMean.ts'
import type { Forgotten } from '../engine/catalog/catalog.ts'
import { labelOf } from '../kit/ref.ts'
import { UsageError } from './errors.ts'

/**
 * Selects hosts, in the inventory's order.
 *
 * @param patterns Names, or patterns such as `web-*`; none for all hosts.
 * @throws {UsageError} When a pattern matches no host.
 */
export function selectHosts<Host extends { name: string }>(
  hosts: readonly Host[],
  patterns: readonly string[],
): Host[] {
  if (patterns.length === 0) return [...hosts]
  const names = hosts.map(({ name }) => name)
  const chosen = new Set(patterns.flatMap((pattern) => namesFor(pattern, names)))
  return hosts.filter(({ name }) => chosen.has(name))
}

function namesFor(pattern: string, names: readonly string[]): string[] {
  const fits = picomatch(pattern)
  const found = names.filter((name) => name === pattern || fits(name))
  if (found.length > 0) return found
  throw new UsageError(
    `no host is called ${JSON.stringify(pattern)}${hint(pattern, names)}`,
    `hosts: ${names.join(', ')}`,
  )
}

/** The fields that select a resource, declared or forgotten. */
type Asked = Pick<Forgotten, 'ref' | 'type' | 'tags'>

/** Whether a word is the resource's ref (`file:/etc/motd`), its label (`file /etc/motd`), its type or one of its tags. */
export function isAskedFor({ ref, type, tags }: Asked, words: readonly string[]): boolean {
  return words.some((word) => word === ref || word === labelOf(ref) || word === type || tags.includes(word))
}

/** @throws {UsageError} When a word matches no resource of any host. */
export function checkOnly(words: readonly string[], resources: readonly Asked[]): void {
  for (const word of words) {
    if (resources.some((resource) => isAskedFor(resource, [word]))) continue
    const known = new Set(resources.flatMap(({ ref, type, tags }) => [ref, type, ...tags]))
    throw new UsageError(
      `--only ${word} fits no resource${hint(word, [...known])}`,
      'it takes a ref such as file:/etc/motd, a type such as file, or a tag; graph lists them',
    )
  }
}

/** `; did you mean web-1?`, or nothing. */
export function hint(word: string, known: readonly string[]): string {
  const best = didYouMean(word, known)
  return best === undefined ? '' : `; did you mean ${best}?`
}
