// Placeholder until the real one lands.
import type { CatalogResource } from './catalog.ts'
import type { Ref } from './resource.ts'
export function order(resources: readonly CatalogResource[]): { ordered: CatalogResource[]; needsOf: Map<Ref, Ref[]> } {
  return { ordered: [...resources], needsOf: new Map() }
}
