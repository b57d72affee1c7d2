/**
 * Clear values of the secrets that a catalog names.
 */
import type { Site } from '../dsl/site.ts'
import { UsageError } from './errors.ts'

/** @throws {UsageError} When one has no value. */
export async function secretValues(_site: Site, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (names.length === 0) return new Map()
  throw new UsageError(`no value for ${names.join(', ')}`, 'secrets set NAME stores one')
}
