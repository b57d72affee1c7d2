/**
 * Selects the hosts of a command. Pure.
 */
import picomatch from 'picomatch'
import { didYouMean } from '../dsl/didYouMean.ts'
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

/** `; did you mean web-1?`, or nothing. */
export function hint(word: string, known: readonly string[]): string {
  const best = didYouMean(word, known)
  return best === undefined ? '' : `; did you mean ${best}?`
}
