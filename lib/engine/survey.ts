/**
 * Looks at a host: one trip reads everything, a second fetches the text that differs and fingerprints what is about to
 * be written. Nothing is written.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Connection } from '../transport/connection.ts'
import { ask } from './ask.ts'
import { type Catalog, type CatalogResource, type Forgotten, spokenOf } from './catalog.ts'
import { NotUnderstood, Stale } from './errors.ts'
import { checkClock, checkHost, CLOCK_SECTION, FACT_SECTIONS, parseFacts } from './facts.ts'
import { gateSections, lockoutsIn, operatorOf } from './gates.ts'
import { groupBy } from './group.ts'
import { type Holder, HOLDER_SECTION, parseHolder } from './holder.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import { order } from './order.ts'
import { type Item, type Planning, planItems, summarize } from './plan.ts'
import {
  type Answer,
  fingerprintOf,
  fingerprintText,
  parseReadings,
  readSections,
  type Request,
  type Section,
  type TypeReading,
} from './read.ts'
import type { Plan, Undoing } from './report.ts'
import { type AnyType, type Context, type Json, type Ref, Unknown, type Wanted } from './resource.ts'
import { nextStage, type Stage, type Task } from './stage.ts'
import { revealFrom } from './value.ts'

export type SurveyOptions = {
  catalog: Catalog
  types: ReadonlyMap<string, AnyType>
  secrets: ReadonlyMap<string, string>
  only?: (resource: CatalogResource | Forgotten) => boolean
  /** Set where a run is undone: the catalog is made for that, and holds what it is to be like again. */
  undo?: Undo
  /** For each time the host is read, in milliseconds. @default three minutes */
  readMs?: number
  /** Random word that closes the sections of this client's read programs. */
  mark: string
}

export type Undo = Undoing & {
  /** What goes back, by its ledger entry of that time; null for none. What only follows has the entry that it has. */
  entries: ReadonlyMap<Ref, LedgerEntry | null>
  /** Of `entries`, what the run made: it may be gone afterwards. */
  made: ReadonlySet<Ref>
  /** Of `entries`, what is only to follow. */
  followers: ReadonlySet<Ref>
  /** State by which something that is to be gone is found on the host. */
  was: ReadonlyMap<Ref, Json>
  /** SHA-256 of the ledger all this was made with. */
  ledgerDigest: string
}

export type Survey = {
  plan: Plan
  planning: Planning
  items: Item[]
  stage: Stage
  /** By the stage's comparable tasks, what their resources' reading hashes to now. */
  fingerprints: ReadonlyMap<Task, string>
  /** SHA-256 of the ledger's bytes, or of nothing. */
  ledgerDigest: string
  /** The run that was at work meanwhile. */
  holder?: Holder
}

type Answers = ReadonlyMap<string, Answer>
type Look = { answers: Answers; planning: Planning; items: Item[] }

/** How often a host that moves while it is read is read again before giving up. */
const ATTEMPTS = 3

/** @throws {HostError | Stale} */
export async function surveyHost(connection: Connection, options: SurveyOptions): Promise<Survey> {
  const base = planningBase(options)
  const requests = declaredRequests(options)
  const sections = [...OWN_SECTIONS, ...readSections(requests, options.mark)]
  const expected = [...OWN_SECTIONS.map(({ name }) => name), ...requests.map(({ type }) => type.type)]
  const read = (more: readonly Section[]) =>
    ask(connection, [...sections, ...more], options.mark, expected, options.readMs)
  const lookAt = async (answers: Answers): Promise<Look> => {
    const { facts, ledger } = parseFacts(answers)
    const undeclared = await readUndeclared(connection, options, ledger)
    const readings = joinReadings(parseReadings(answers, requests), undeclared)
    // Known since the host has answered.
    const operator = operatorOf(connection.peer)
    const context: Context = { ...base.context, ...(operator === undefined ? {} : { operator }) }
    const warnings = [
      ...checkHost(options.catalog.host, facts),
      ...clock,
      ...atWork(parseHolder(answers.get(HOLDER_SECTION.name)!)),
    ]
    const planning: Planning = { ...base, context, ledger, warnings, readings }
    return { answers, planning, items: ownItems(planItems(planning), options.undo) }
  }
  /** What does not fit together has been read while it changed, more often than it is a mistake in here. */
  const look = async (first: Answers, more: readonly Section[]): Promise<Look> => {
    let answers = first
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await lookAt(answers)
      } catch (error) {
        if (!(error instanceof NotUnderstood) || attempt === ATTEMPTS) throw error
        answers = await read(more)
      }
    }
  }

  const asked = Date.now()
  const first = await read([CLOCK_SECTION])
  const clock = checkClock(first.get(CLOCK_SECTION.name)!, asked, Date.now())
  let seen = await look(first, [])
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { answers, planning, items } = seen
    const detail = detailOf(planning, items, options.mark)
    const more = [...detail.sections, ...gateSections(items, planning)]
    const later = more.length === 0 ? answers : await read(more)
    const next = sameAnswers(answers, later, expected) ? { ...seen, answers: later } : await look(later, more)
    const again = next.answers
    // A unit in a restart loop reads otherwise each time; what counts is that the same is to be done.
    if (sameChanges(items, next.items)) {
      const holder = parseHolder(again.get(HOLDER_SECTION.name)!)
      return {
        ...(holder === undefined ? {} : { holder }),
        plan: summarize(planning, detail.showTexts(again), lockoutsIn(items, planning, again)),
        planning,
        items,
        stage: detail.stage,
        fingerprints: detail.fingerprints(again),
        ledgerDigest: fingerprintOf(again.get('keelson-ledger')!.bytes),
      }
    }
    seen = next
  }
  throw new Stale('the host keeps changing while it is read', {
    next: 'see what else is at work there, then plan again',
  })
}

/** What Keelson asks of a host for itself. */
const OWN_SECTIONS = [...FACT_SECTIONS, HOLDER_SECTION]

function atWork(holder: Holder | undefined): string[] {
  if (holder === undefined) return []
  return [
    `${holder.text} is at work there${holder.alone ? ' without its client' : ''}: this is the host in the middle of it`,
  ]
}

/** Of an undo: what goes back, and services that have to load it. */
function ownItems(items: Item[], undo: Undo | undefined): Item[] {
  if (undo === undefined) return items
  const changed = new Set(
    items
      .filter(({ plan, change }) => change !== undefined && !undo.followers.has(plan.ref))
      .map(({ plan }) => plan.ref),
  )
  return items.filter(
    ({ plan, after }) =>
      !undo.followers.has(plan.ref) || (plan.kind === 'follow-up' && [...after].some((ref) => changed.has(ref))),
  )
}

function sameChanges(a: readonly Item[], b: readonly Item[]): boolean {
  const changesOf = (items: readonly Item[]) => items.map(({ plan: { ref, kind, fields } }) => ({ ref, kind, fields }))
  return a === b || isDeepStrictEqual(changesOf(a), changesOf(b))
}

/** Sections that read again all that some items' types have declared, for `resurvey`. */
export function againSections(survey: Survey, options: SurveyOptions): { sections: Section[]; requests: Request[] } {
  const types = new Set(survey.items.map(({ type }) => type.type))
  const requests = mergeRequests(
    declaredRequests(options).filter(({ type }) => types.has(type.type)),
    undeclaredRequests(options, survey.planning.ledger).filter(({ type }) => types.has(type.type)),
  )
  return { sections: readSections(requests, options.mark), requests }
}

/** Plans what a stage left for later, from what was read after it. */
export async function resurvey(
  connection: Connection,
  survey: Survey,
  options: SurveyOptions,
  after: { readings: ReadonlyMap<string, TypeReading>; ledger: Ledger; ledgerDigest: string; scope: ReadonlySet<Ref> },
): Promise<Survey> {
  const readings = new Map([...survey.planning.readings, ...after.readings])
  const planning: Planning = { ...survey.planning, readings, ledger: after.ledger, scope: after.scope }
  const items = planItems(planning).filter(({ change }) => change !== undefined)
  const detail = detailOf(planning, items, options.mark)
  const names = detail.sections.map(({ name }) => name)
  const answers =
    names.length === 0
      ? new Map<string, Answer>()
      : await ask(connection, detail.sections, options.mark, names, options.readMs)
  return {
    ...survey,
    planning,
    items,
    stage: detail.stage,
    fingerprints: detail.fingerprints(answers),
    ledgerDigest: after.ledgerDigest,
  }
}

function planningBase({
  catalog,
  types,
  secrets,
  only,
  undo,
}: SurveyOptions): Omit<Planning, 'ledger' | 'warnings' | 'readings'> {
  const { ordered, needsOf } = order(catalog.resources)
  const scope =
    undo !== undefined
      ? new Set(undo.entries.keys())
      : only === undefined
        ? undefined
        : withNeeds(catalog.resources.filter(only), needsOf)
  const context: Context = { reveal: revealFrom(secrets) }
  return {
    catalog,
    ordered,
    needsOf,
    types,
    secrets,
    context,
    forgotten: undo !== undefined ? [] : (catalog.forgotten ?? []).filter((one) => only === undefined || only(one)),
    prune: scope === undefined,
    ...(scope === undefined ? {} : { scope }),
    ...(undo === undefined ? {} : { undo: { run: undo.run, stays: undo.stays }, mayBeGone: undo.made }),
  }
}

function withNeeds(chosen: readonly CatalogResource[], needsOf: ReadonlyMap<Ref, readonly Ref[]>): Set<Ref> {
  const scope = new Set<Ref>()
  const open = chosen.map(({ ref }) => ref)
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    if (scope.has(ref)) continue
    scope.add(ref)
    open.push(...(needsOf.get(ref) ?? []))
  }
  return scope
}

function declaredRequests({ catalog, types, undo }: SurveyOptions): Request[] {
  const byType = groupBy(catalog.resources, ({ type }) => type)
  return [...byType].map(([type, resources]) => ({
    type: types.get(type)!,
    wanted: resources.map(({ ref, name, desired }) => ({ name, desired: desired ?? undo?.was.get(ref) ?? null })),
  }))
}

function undeclaredRequests({ catalog, types, only, undo }: SurveyOptions, ledger: Ledger | undefined): Request[] {
  if (only !== undefined || undo !== undefined) return []
  const spoken = spokenOf(catalog)
  const wanted = new Map<AnyType, Wanted<Json>[]>()
  for (const [ref, entry] of Object.entries(ledger?.entries ?? {})) {
    const type = types.get(entry.type)
    if (type === undefined || spoken.has(ref)) continue
    wanted.set(type, [...(wanted.get(type) ?? []), { name: entry.name, desired: entry.desired }])
  }
  return [...wanted].map(([type, entries]) => ({ type, wanted: entries }))
}

function mergeRequests(a: readonly Request[], b: readonly Request[]): Request[] {
  const merged = new Map(a.map(({ type, wanted }) => [type, [...wanted]]))
  for (const { type, wanted } of b) merged.set(type, [...(merged.get(type) ?? []), ...wanted])
  return [...merged].map(([type, wanted]) => ({ type, wanted }))
}

/** Only the ledger tells what is owned and no longer declared; when there is any, it costs a trip of its own. */
async function readUndeclared(
  connection: Connection,
  options: SurveyOptions,
  ledger: Ledger | undefined,
): Promise<Map<string, TypeReading>> {
  const requests = undeclaredRequests(options, ledger)
  if (requests.length === 0) return new Map()
  const expected = requests.map(({ type }) => type.type)
  return parseReadings(
    await ask(connection, readSections(requests, options.mark), options.mark, expected, options.readMs),
    requests,
  )
}

function joinReadings(
  a: ReadonlyMap<string, TypeReading>,
  b: ReadonlyMap<string, TypeReading>,
): Map<string, TypeReading> {
  const joined = new Map(a)
  for (const [type, reading] of b) {
    const other = joined.get(type)
    if (other === undefined || other instanceof Unknown || reading instanceof Unknown)
      joined.set(type, other ?? reading)
    else joined.set(type, new Map([...reading, ...other]))
  }
  return joined
}

function sameAnswers(
  a: ReadonlyMap<string, Answer>,
  b: ReadonlyMap<string, Answer>,
  names: readonly string[],
): boolean {
  return names.every((name) => a.get(name)!.bytes.equals(b.get(name)!.bytes))
}

type Detail = {
  sections: Section[]
  stage: Stage
  /** The items with the host's text in the `before` of their text fields. */
  showTexts(answers: ReadonlyMap<string, Answer>): Item[]
  fingerprints(answers: ReadonlyMap<string, Answer>): Map<Task, string>
}

function detailOf(planning: Planning, items: readonly Item[], mark: string): Detail {
  const stage = nextStage(items)
  const compared = stage.tasks.filter(isCompared)
  const texts = groupBy(items.filter(hasText), ({ type }) => type)
  return {
    stage,
    sections: [
      ...[...texts].map(([type, ofType]) => ({
        name: textName(type),
        text: type.fetch!.command(ofType.map(({ name }) => name)),
      })),
      ...compared.map((task, index) => ({ name: `seen-${index}`, text: compareTextOf(planning, task, mark) })),
    ],
    showTexts(answers) {
      const before = new Map([...texts.keys()].map((type) => [type, type.fetch!.parse(answers.get(textName(type))!)]))
      return items.map((item) => (hasText(item) ? withText(item, before.get(item.type)!.get(item.name)) : item))
    },
    fingerprints: (answers) =>
      new Map(compared.map((task, index) => [task, fingerprintOf(answers.get(`seen-${index}`)!.bytes)])),
  }
}

function isCompared({ comparable, items }: Task): boolean {
  return (
    comparable &&
    items.some(({ change }) => change !== undefined) &&
    !items.some(({ change }) => change?.before instanceof Unknown)
  )
}

/** Shell text by which a task's resources are fingerprinted, here and by the worker. */
export function compareTextOf(planning: Planning, { items }: Task, mark: string): string {
  const wanted = items.map(({ name, plan, desired }) => ({
    name,
    desired: desired ?? planning.ledger?.entries[plan.ref]?.desired ?? null,
  }))
  return fingerprintText(items[0]!.type, wanted, mark)
}

function textName(type: AnyType): string {
  return `text-${type.type}`
}

function hasText({ type, change }: Item): boolean {
  return type.fetch !== undefined && change?.kind === 'change' && change.fields.some(({ form }) => form === 'text')
}

function withText(item: Item, before: string | undefined): Item {
  const fields = item.plan.fields.map((field) =>
    field.form === 'text' && before !== undefined ? { ...field, before } : field,
  )
  return { ...item, plan: { ...item.plan, fields } }
}
