/**
 * The JSON Schema of a plan file, tied to its types at compile time. schemas/plan-1.json publishes it.
 *
 * Objects may have keys that the schema does not name: a later minor version of the format adds some.
 */
import type { CatalogHost, Source } from '../catalog/catalog.ts'
import { CONSEQUENCES, type Consequence, type FieldChange } from '../../kit/resourceType.ts'
import type { JsonSchema } from '../../kit/schema.ts'
import type {
  Cause,
  Certainty,
  ChangeKind,
  Drift,
  Fingerprint,
  FollowUp,
  Holder,
  Machine,
  Plan,
  PlanChange,
  Removals,
  Staying,
  Summary,
  Undoing,
} from '../report.ts'
import type { PlanBase, PlanFile, SavedPlan } from './planFile.ts'

type Members<T> = { readonly [K in keyof T]-?: object extends Pick<T, K> ? readonly [JsonSchema] : JsonSchema }

/** The schema of an object; the schemas of optional keys stand in lists. */
export function fields<T extends object>(members: Members<T>): JsonSchema {
  const all: [string, JsonSchema | readonly [JsonSchema]][] = Object.entries(members)
  return {
    type: 'object',
    required: all.filter(([, member]) => !isOptional(member)).map(([name]) => name),
    properties: Object.fromEntries(all.map(([name, member]) => [name, isOptional(member) ? member[0] : member])),
  }
}

function isOptional(member: JsonSchema | readonly [JsonSchema]): member is readonly [JsonSchema] {
  return Array.isArray(member)
}

export function list(items: JsonSchema, maxItems = 1000): JsonSchema {
  return { type: 'array', items, maxItems }
}

/** An enum of exactly the members of a union. */
export function wordOf<T extends string>(words: { readonly [word in T]: true }): JsonSchema & { of?: T } {
  return { enum: Object.keys(words) }
}

export const MOST_CHANGES = 100_000
export const text = { type: 'string', maxLength: 70_000 }
export const word = { type: 'string', maxLength: 300 }
export const flag = { type: 'boolean' }
const isTrue = { enum: [true] }
export const count = { type: 'integer', minimum: 0, maximum: 2 ** 31 }
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' }
export const time = {
  type: 'string',
  maxLength: 40,
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z$',
}
const anything = {}

export const source = fields<Source>({ file: text, line: count, column: count })

const followUp = fields<NonNullable<FieldChange['followUp']>>({
  action: wordOf<FollowUp['action']>({ reload: true, restart: true, run: true }),
  because: text,
  unit: [text],
})

export const field = fields<FieldChange>({
  field: word,
  form: wordOf<FieldChange['form']>({ value: true, text: true, list: true, mode: true, secret: true }),
  before: [anything],
  after: [anything],
  afterAt: [text],
  followUp: [followUp],
  opaque: [isTrue],
})

export const change = fields<PlanChange>({
  ref: text,
  label: text,
  kind: wordOf<ChangeKind>({
    create: true,
    change: true,
    remove: true,
    'follow-up': true,
    adopt: true,
    forget: true,
    recheck: true,
  }),
  cause: wordOf<Cause>({ intent: true, drift: true, both: true }),
  consequence: { enum: CONSEQUENCES satisfies readonly Consequence[] },
  certainty: wordOf<Certainty>({ exact: true, predicted: true, unknown: true, opaque: true }),
  because: [text],
  fields: list({ $ref: '#/$defs/field' }),
  implied: [list(word)],
  source: [{ $ref: '#/$defs/source' }],
  run: [word],
  leftBy: [word],
  opens: [list(text)],
  besides: [list(text)],
  drift: [fields<Drift>({ what: list(text), run: word, at: [word] })],
  locksOut: [isTrue],
})

export const summary = fields<Summary>({
  resources: count,
  create: count,
  change: count,
  remove: count,
  adopt: count,
  forget: count,
  recheck: count,
  followUps: count,
  unchanged: count,
})

export const host = fields<CatalogHost>({
  name: word,
  address: word,
  os: wordOf<CatalogHost['os']>({ 'debian-12': true, 'debian-13': true }),
  server: word,
  cpus: { type: 'number', minimum: 0 },
  memoryMiB: { type: 'number', minimum: 0 },
})

export const undo = fields<Undoing>({
  run: word,
  stays: list(fields<Staying>({ ref: text, label: text, because: text, rest: [isTrue] }), MOST_CHANGES),
})

const keyed = { type: 'string', pattern: '^[0-9a-f]{32}$' }
const fingerprint = fields<Fingerprint>({ observed: [keyed], declared: [keyed] })

const plan = fields<Plan>({
  format: { enum: [1] },
  host,
  machine: [fields<Machine>({ id: [{ type: 'string', pattern: '^[0-9a-f]{32}$' }], hostKey: [word], standIn: [word] })],
  changes: list({ $ref: '#/$defs/change' }, MOST_CHANGES),
  followUps: list(
    fields<FollowUp>({
      action: wordOf<FollowUp['action']>({ reload: true, restart: true, run: true }),
      unit: text,
      because: text,
    }),
    MOST_CHANGES,
  ),
  summary,
  partial: flag,
  first: flag,
  warnings: list(text),
  lockouts: [list(text)],
  undo: [undo],
  barred: [list(text, MOST_CHANGES)],
  impossible: [list(text, MOST_CHANGES)],
  removals: [fields<Removals>({ labels: list(text, MOST_CHANGES), owned: count, budget: count, former: [word] })],
  holder: [fields<Holder>({ run: word, unit: word, text, alone: flag })],
  ledger: sha256,
  ledgerSerial: [count],
  fingerprints: [{ type: 'object', maxProperties: MOST_CHANGES, patternProperties: { '': fingerprint } }],
  digest: sha256,
})

export const PLAN_FILE_SCHEMA: JsonSchema = {
  ...fields<PlanFile>({
    format: { type: 'string', pattern: '^1\\.\\d{1,6}$' },
    tool: word,
    base: fields<PlanBase>({ kind: wordOf<PlanBase['kind']>({ live: true }), at: time }),
    site: [word],
    recipe: [fields<NonNullable<PlanFile['recipe']>>({ commit: word, dirty: flag })],
    only: [list(text)],
    hosts: { ...list(fields<SavedPlan>({ inputsDigest: sha256, plan: { $ref: '#/$defs/plan' } })), minItems: 1 },
    unplanned: [list(fields<{ host: string; because: string }>({ host: word, because: text }))],
  }),
  $defs: { plan, change, field, source },
}
