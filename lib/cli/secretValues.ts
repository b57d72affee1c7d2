/**
 * Clear values of the secrets that a catalog names.
 */
import { dirname } from 'node:path'
import type { Site } from '../dsl/site.ts'

/** @throws {RecipeError} When some have no value, or the encrypted file cannot be opened. */
export async function secretValues(site: Site, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (names.length === 0) return new Map()
  const { secretStore } = await import('../dsl/secretStore.ts')
  return secretStore(dirname(site.file)).load(names)
}
