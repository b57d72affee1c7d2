/**
 * Reads a host and plans its changes: one trip reads everything, a second fetches the text that differs and
 * fingerprints what is about to be written. Nothing is written.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Connection } from '../../transport/connection.ts'
import { ask } from '../host/ask.ts'
import { type Detail, detailOf } from './secondRead.ts'
import { KEEPS_CHANGING, NotUnderstood, Stale } from '../errors.ts'
import { checkClock, checkHost, CLOCK_SECTION, FACT_SECTIONS, machineOf, parseFacts } from '../host/facts.ts'
import { gateSections, lockoutsIn, operatorOf } from './lockouts.ts'
import { HOLDER_SECTION, parseHolder } from '../host/lockHolder.ts'
import { damageWarnings, type Ledger } from '../host/ledger.ts'
import { checkPlaces, linksSection } from '../host/links.ts'
import { type Planned, type Planning } from './planned.ts'
import { planItems } from './plan.ts'
import { summarize } from './summarize.ts'
import {
  type Answer,
  fingerprintOf,
  parseReadings,
  readSections,
  type Request,
  type Section,
  type TypeReading,
} from '../host/read.ts'
import type { Holder, Plan } from '../report.ts'
import {
  declaredRequests,
  mergeRequests,
  planningBase,
  type PlanOptions,
  type Undo,
  undeclaredRequests,
} from './scope.ts'
import { Unknown } from '../../kit/resourceType.ts'
import type { WaysContext } from './touches.ts'
import type { Stage, Task } from './stage.ts'

export type HostPlan = {
  plan: Plan
  planning: Planning
  items: Planned[]
  stage: Stage
  /** For each comparable task of the stage, the digest of the present reading of its resources. */
  fingerprints: ReadonlyMap<Task, string>
  /** SHA-256 of the ledger's bytes, or of nothing. */
  ledgerDigest: string
}

type Answers = ReadonlyMap<string, Answer>
type Look = { answers: Answers; planning: Planning; items: Planned[] }

/** How often a host that changes while it is read is read again before giving up. */
const ATTEMPTS = 3
/** How often it is then read again with the changing resources left out. */
const MORE_ATTEMPTS = 10

/** @throws {HostError | Stale} */
export function planHost(connection: Connection, options: PlanOptions): Promise<HostPlan> {
  return new HostPlanner(connection, options).plan()
}

class HostPlanner {
  readonly #connection: Connection
  readonly #options: PlanOptions
  readonly #base: ReturnType<typeof planningBase>
  readonly #requests: readonly Request[]
  readonly #sections: readonly Section[]
  readonly #expected: readonly string[]
  /** Warnings about the host's clock, which is read only the first time. */
  #clock: readonly string[] = []

  constructor(connection: Connection, options: PlanOptions) {
    this.#connection = connection
    this.#options = options
    this.#base = planningBase(options)
    this.#requests = declaredRequests(options)
    const own = [...OWN_SECTIONS, linksSection(options.catalog.resources)]
    this.#sections = [...own, ...readSections(this.#requests, options.mark)]
    this.#expected = [...own.map(({ name }) => name), ...this.#requests.map(({ type }) => type.type)]
  }

  async plan(): Promise<HostPlan> {
    let seen = await this.#first()
    const moving: Planned[] = []
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { answers, planning, items } = seen
      const detail = detailOf(planning, items, this.#options.mark)
      const more = [...detail.sections, ...gateSections(items, planning)]
      const later = more.length === 0 ? answers : await this.#read(more)
      const next = sameAnswers(answers, later, this.#expected)
        ? { ...seen, answers: later }
        : await this.#look(later, more)
      // A unit in a restart loop reads differently each time; only the planned changes have to be the same.
      if (sameChanges(items, next.items)) return hostPlanOf(seen, detail, next.answers)
      moving.push(...movingIn(items, next.items))
      seen = next
    }
    return this.#besides(seen, moving)
  }

  /**
   * Plans with the changing resources as unknown: any account can keep what it owns changing, and that must not stop
   * the rest.
   */
  async #besides(seen: Look, moving: Planned[]): Promise<HostPlan> {
    let settled = this.#without(seen, moving)
    for (let attempt = 0; attempt < MORE_ATTEMPTS; attempt += 1) {
      const detail = detailOf(settled.planning, settled.items, this.#options.mark)
      const more = [...detail.sections, ...gateSections(settled.items, settled.planning)]
      const later = this.#without(await this.#look(await this.#read(more), more), moving)
      if (sameChanges(settled.items, later.items)) return hostPlanOf(settled, detail, later.answers)
      // Other resources may change at each reading: one account may own many.
      moving.push(...movingIn(settled.items, later.items))
      settled = this.#without(later, moving)
    }
    throw new Stale('the host keeps changing while it is read', {
      next: 'see what else is at work there, then plan again',
    })
  }

  #without({ answers, planning }: Look, moving: readonly Planned[]): Look {
    const readings = new Map(planning.readings)
    for (const { type, shown } of moving) {
      const known = readings.get(type.type)
      const name = shown.ref.slice(type.type.length + 1)
      if (known instanceof Unknown || known === undefined) continue
      readings.set(type.type, new Map([...known, [name, new Unknown(KEEPS_CHANGING)]]))
    }
    const without: Planning = { ...planning, readings }
    return { answers, planning: without, items: ownItems(planItems(without), this.#options.undo) }
  }

  async #first(): Promise<Look> {
    const asked = Date.now()
    const answers = await this.#read([CLOCK_SECTION])
    this.#clock = checkClock(answers.get(CLOCK_SECTION.name)!, asked, Date.now())
    return this.#look(answers, [])
  }

  #read(more: readonly Section[]): Promise<Answers> {
    const { mark, readMs } = this.#options
    const expected = [...this.#expected, ...more.map(({ name }) => name)]
    return ask(this.#connection, [...this.#sections, ...more], mark, expected, readMs)
  }

  /**
   * Reads again when parts of an answer contradict each other: that is more often a change during the reading than a
   * fault here.
   */
  async #look(first: Answers, more: readonly Section[]): Promise<Look> {
    let answers = first
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#understand(answers, attempt === ATTEMPTS ? 'unknown' : 'fails')
      } catch (error) {
        if (!(error instanceof NotUnderstood) || attempt === ATTEMPTS) throw error
        answers = await this.#read(more)
      }
    }
  }

  async #understand(answers: Answers, odd: 'fails' | 'unknown'): Promise<Look> {
    const { facts, ledger, damaged } = parseFacts(answers, this.#options.types)
    checkPlaces(this.#options.catalog.resources, answers)
    const undeclared = await readUndeclared(this.#connection, this.#options, ledger, odd)
    const readings = joinReadings(parseReadings(answers, this.#requests, odd), undeclared)
    // The peer is known once the host has answered.
    const operator = operatorOf(this.#connection.peer)
    const context: WaysContext = {
      ...this.#base.context,
      ...(operator === undefined ? {} : { operator }),
      ways: facts.ways,
    }
    const warnings = [
      ...checkHost(this.#options.catalog.host, facts),
      ...this.#clock,
      ...damageWarnings(damaged),
      ...atWork(parseHolder(answers.get(HOLDER_SECTION.name)!)),
    ]
    const { standIn } = this.#options
    const machine = { ...machineOf(facts, this.#connection.peer), ...(standIn === undefined ? {} : { standIn }) }
    const planning: Planning = {
      ...this.#base,
      context,
      ledger,
      machine,
      ...(facts.key === undefined ? {} : { key: facts.key }),
      warnings,
      readings,
    }
    return { answers, planning, items: ownItems(planItems(planning), this.#options.undo) }
  }
}

/** @param answers The latest, which lead to the same changes as those the plan was made from. */
function hostPlanOf({ planning, items }: Look, detail: Detail, answers: Answers): HostPlan {
  const holder = parseHolder(answers.get(HOLDER_SECTION.name)!)
  const ledgerDigest = fingerprintOf(answers.get('keelson-ledger')!.bytes)
  return {
    plan: {
      ...summarize(planning, detail.showTexts(answers), lockoutsIn(items, planning, answers)),
      ...(holder === undefined ? {} : { holder }),
      ledger: ledgerDigest,
      ledgerSerial: planning.ledger?.serial ?? 0,
    },
    planning,
    items,
    stage: detail.stage,
    fingerprints: detail.fingerprints(answers),
    ledgerDigest,
  }
}

/** Sections that Keelson reads for itself. */
const OWN_SECTIONS = [...FACT_SECTIONS, HOLDER_SECTION]

function atWork(holder: Holder | undefined): string[] {
  if (holder === undefined) return []
  return [
    `${holder.text} is at work there${holder.alone ? ' without its client' : ''}: this is the host in the middle of it`,
  ]
}

/** The items of an undo: what it restores, and services that have to load that. */
function ownItems(items: Planned[], undo: Undo | undefined): Planned[] {
  if (undo === undefined) return items
  const changed = new Set(
    items
      .filter(({ shown, change }) => change !== undefined && !undo.followers.has(shown.ref))
      .map(({ shown }) => shown.ref),
  )
  return items.filter(
    ({ shown, after }) =>
      !undo.followers.has(shown.ref) || (shown.kind === 'follow-up' && [...after].some((ref) => changed.has(ref))),
  )
}

function sameChanges(a: readonly Planned[], b: readonly Planned[]): boolean {
  const changesOf = (items: readonly Planned[]) =>
    items.map(({ shown: { ref, kind, fields } }) => ({ ref, kind, fields }))
  return a === b || isDeepStrictEqual(changesOf(a), changesOf(b))
}

/** Items in which two readings of a host differ. */
function movingIn(a: readonly Planned[], b: readonly Planned[]): Planned[] {
  const earlier = new Map(a.map((item) => [item.shown.ref, item]))
  return b.filter((item) => {
    const other = earlier.get(item.shown.ref)
    return other === undefined || !sameChanges([other], [item])
  })
}

/** Sections that read again everything that is declared or owned. */
export function againSections(hostPlan: HostPlan, options: PlanOptions): { sections: Section[]; requests: Request[] } {
  const requests = mergeRequests(declaredRequests(options), undeclaredRequests(options, hostPlan.planning.ledger))
  return { sections: readSections(requests, options.mark), requests }
}

/** Plans what the last reading shows is left to do, and fingerprints what is about to be written. */
export async function replan(
  connection: Connection,
  hostPlan: HostPlan,
  options: PlanOptions,
  { planning, items, ledgerDigest }: Pick<HostPlan, 'planning' | 'items' | 'ledgerDigest'>,
): Promise<HostPlan> {
  const detail = detailOf(planning, items, options.mark, false)
  const names = detail.sections.map(({ name }) => name)
  const answers =
    names.length === 0
      ? new Map<string, Answer>()
      : await ask(connection, detail.sections, options.mark, names, options.readMs)
  return {
    ...hostPlan,
    planning,
    items,
    stage: detail.stage,
    fingerprints: detail.fingerprints(answers),
    ledgerDigest,
  }
}

/**
 * Reads what is owned and no longer declared. Only the ledger knows that, so it costs an additional trip when there is
 * any.
 */
async function readUndeclared(
  connection: Connection,
  options: PlanOptions,
  ledger: Ledger | undefined,
  odd: 'fails' | 'unknown',
): Promise<Map<string, TypeReading>> {
  const requests = undeclaredRequests(options, ledger)
  if (requests.length === 0) return new Map()
  const expected = requests.map(({ type }) => type.type)
  return parseReadings(
    await ask(connection, readSections(requests, options.mark), options.mark, expected, options.readMs),
    requests,
    odd,
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
