/** Toy types and catalogs for tests of the pure engine. */
import type { Catalog, CatalogResource } from '../../lib/engine/catalog/catalog.ts'
import { anything } from '../../lib/kit/form.ts'
import { order } from '../../lib/engine/catalog/order.ts'
import type { Planning } from '../../lib/engine/plan/planned.ts'
import type { TypeReading } from '../../lib/engine/host/read.ts'
import type { Ref } from '../../lib/kit/ref.ts'
import type { AnyType, Json } from '../../lib/kit/resourceType.ts'
import { revealFrom } from '../../lib/kit/value.ts'

export function toyType(type: string, more: Partial<AnyType> = {}): AnyType {
  return {
    type,
    schema: { type: 'object', additionalProperties: false, required: [], properties: {} },
    name: () => '',
    desired: () => null,
    state: anything,
    read: { command: () => ':', parse: () => new Map() },
    steps: ({ name }) => [{ title: `set ${name}`, run: `set ${name}` }],
    remove: ({ name }) => [{ title: `remove ${name}`, run: `remove ${name}` }],
    ...more,
  }
}

export function resource(ref: Ref, desired: Json, needs: Ref[] = []): CatalogResource {
  const [type = '', name = ''] = ref.split(':')
  return {
    ref,
    type,
    name,
    desired,
    needs,
    claims: [],
    tags: [],
    protect: false,
    source: { file: 'site.ts', line: 1, column: 1 },
    also: [],
  }
}

export function planningOf(
  resources: CatalogResource[],
  types: AnyType[],
  readings: { [type: string]: TypeReading },
  more: Partial<Planning> = {},
): Planning {
  const catalog: Catalog = {
    host: { name: 'h', address: '192.0.2.1', os: 'debian-12', server: 'CX22', cpus: 2, memoryMiB: 4096 },
    resources,
  }
  return {
    catalog,
    ...order(resources),
    types: new Map(types.map((type) => [type.type, type])),
    readings: new Map(types.map(({ type }) => [type, readings[type] ?? new Map()])),
    ledger: undefined,
    secrets: new Map(),
    context: { reveal: revealFrom(new Map()) },
    forgotten: [],
    prune: true,
    warnings: [],
    ...more,
  }
}
