/** A resource type with a prop of each kind, so that the DSL is tried without any of the real types. */
import { type Handle, resource } from '../../lib/dsl/declare.ts'
import { defineSite, type Role, type Site } from '../../lib/dsl/site.ts'
import { inventory, type InventoryProps } from '../../lib/dsl/inventory.ts'
import type { Catalog } from '../../lib/engine/catalog/catalog.ts'
import { type Diagnostic, RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { anything } from '../../lib/kit/form.ts'
import { refOf } from '../../lib/kit/ref.ts'
import type { ResourceType } from '../../lib/kit/resourceType.ts'
import { absolutePath, ensure, fileMode, handle, port, type PropsSchema, textValue } from '../../lib/kit/schema.ts'
import type { TextValue } from '../../lib/kit/value.ts'

export type Thing = {
  path: string
  mode?: string
  content?: TextValue
  ports?: readonly number[]
  /** Things it is made of. */
  parts?: readonly Handle<Thing>[]
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

type ThingState = { mode?: string; content?: TextValue; ports?: number[] }

export const thingType: ResourceType<Thing, ThingState> = {
  type: 'small-thing',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: absolutePath,
      mode: fileMode,
      content: textValue,
      ports: { type: 'array', items: port },
      parts: { type: 'array', items: handle },
      ensure,
    },
  } as const satisfies PropsSchema<Thing>,
  name: ({ path }) => path,
  check: ({ path, mode }) => (path === '/locked' && mode !== undefined ? ['mode: /locked takes none'] : []),
  desired: ({ ensure: presence, mode, content, ports }) =>
    presence === 'absent'
      ? null
      : {
          ...(mode === undefined ? {} : { mode: mode.padStart(4, '0') }),
          ...(content === undefined ? {} : { content }),
          ...(ports === undefined ? {} : { ports: [...ports] }),
        },
  needs: (name) => {
    const parent = name.slice(0, name.lastIndexOf('/'))
    return parent === '' ? [] : [refOf(thingType, parent)]
  },
  claims: (name, { ports = [] }) => [`path:${name}`, ...ports.map((each) => `port:${each}`)],
  state: anything,
  read: { command: () => ':', parse: () => new Map() },
  steps: () => [],
  remove: () => [],
}

export const thing = resource(thingType)

export const host = { os: 'debian-12', server: 'CCX32', address: '192.0.2.1' } as const

/** A site of one host, `one`, whose only role is `declare`. */
export function siteOf(declare: Role<object>, props: Partial<InventoryProps<object>> = {}): Site {
  return defineSite(import.meta.filename, inventory({ hosts: { one: { ...host, roles: ['only'] } }, ...props }), {
    only: declare,
  })
}

export async function evaluate(declare: Role<object>): Promise<Catalog> {
  return siteOf(declare).evaluate('one')
}

/** What is wrong with a site; fails when nothing is. */
export async function mistakesOf(evaluated: Promise<unknown>): Promise<readonly Diagnostic[]> {
  try {
    await evaluated
  } catch (error) {
    if (error instanceof RecipeError) return error.diagnostics
    throw error
  }
  throw new Error('nothing is wrong with it')
}

export async function messagesOf(declare: Role<object>): Promise<string[]> {
  return (await mistakesOf(evaluate(declare))).map(({ message }) => message)
}

/** Line of the caller, counted from 1. */
export function here(): number {
  const frame = new Error().stack?.split('\n')[2] ?? ''
  return Number(/:(\d+):\d+\)?$/.exec(frame)?.[1])
}
