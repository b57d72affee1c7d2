/**
 * The ledger during a run.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../catalog/catalog.ts'
import {
  emptyLedger,
  entryFor,
  joinedLedger,
  type Ledger,
  type LedgerEntry,
  ledgerDigest,
  mayHoldSecret,
  otherSites,
} from '../host/ledger.ts'
import type { Planned } from '../plan/planned.ts'
import { causeOnHost, type OutcomesSoFar } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { Json } from '../../kit/resourceType.ts'
import type { HostPlan } from '../plan/planHost.ts'
import { isInherited } from '../plan/undeclared.ts'

/** The ledger as a run changes it: read, then begun with pending entries, then confirmed. */
export class RunLedger {
  readonly #plan: HostPlan
  readonly #run: string
  readonly #ledger: Ledger
  readonly #begun = new Set<Ref>()
  readonly #undo: ReadonlyMap<Ref, LedgerEntry | null>
  digest: string

  /** @param undo The ledger entries that an undo restores, null for none. */
  constructor(plan: HostPlan, run: string, undo: ReadonlyMap<Ref, LedgerEntry | null> = new Map()) {
    this.#plan = plan
    this.#run = run
    this.#undo = undo
    this.#ledger = structuredClone(plan.planning.ledger ?? emptyLedger())
    this.#ledger.serial += 1
    this.#note()
    this.#ledger.host = plan.planning.catalog.host.name
    this.digest = plan.ledgerDigest
  }

  /**
   * Returns the ledger text with the items pending, which the host has from then on.
   *
   * @param later What else the run will apply or read: if the run is cut off before that, the ledger has it noted.
   */
  begin(items: readonly Planned[], later: readonly Planned[] = []): string {
    if (items.some(({ type }) => type.altersOthers)) this.#ledger.begun = this.#run
    for (const item of later) this.#leave(item)
    for (const item of items) {
      this.#begun.add(item.shown.ref)
      // An item that Keelson did not own before is begun under its present entry.
      const entry = this.#entry(item) ?? (item.desired === null ? undefined : this.#ledger.entries[item.shown.ref])
      if (entry === undefined) continue
      const hides = mayHoldSecret(this.#ledger.entries[item.shown.ref])
      this.#ledger.entries[item.shown.ref] = { ...entry, pending: true, ...(hides ? { hides } : {}) }
      this.#leave(item)
    }
    return this.#text()
  }

  #leave({ shown: { ref, cause } }: Planned): void {
    const entry = this.#ledger.entries[ref]
    if (entry === undefined) return
    this.#ledger.entries[ref] = { ...entry, left: { run: this.#run, cause: causeOnHost(cause) } }
  }

  /** The entry that the item will have when it has come out right; null for none. */
  left(item: Planned): LedgerEntry | null {
    return this.#entry(item) ?? null
  }

  /** Notes the time of this run, and drops the times of runs that no entry names any more. */
  #note(): void {
    const runs = new Set(Object.values(this.#ledger.entries).map(({ run }) => run))
    const known = Object.entries(this.#ledger.times ?? {}).filter(([run]) => runs.has(run))
    this.#ledger.times = Object.fromEntries([...known, [this.#run, new Date().toISOString()]])
  }

  /**
   * Returns the ledger text of the finished run: what came out right is confirmed, what is gone is removed, and planned
   * changes that were not applied keep a note of their cause.
   */
  confirmed(outcomes: OutcomesSoFar, items: readonly Planned[] = this.#plan.items): string {
    delete this.#ledger.begun
    for (const item of items) {
      const { ref } = item.shown
      const outcome = outcomes.of(ref)?.outcome
      if (outcome === 'failed' || outcome === 'skipped') this.#leave(item)
      if (outcome === undefined || outcome === 'failed' || outcome === 'skipped') continue
      const restored = this.#undo.has(ref) ? this.#entry(item) : undefined
      if (restored !== undefined) this.#ledger.entries[ref] = restored
      else if (item.desired === null || this.#undo.has(ref)) this.#drop(item)
      else {
        // An item that was begun has its entry, made from the reading it was begun with.
        const {
          pending: _,
          hides: _hides,
          left: _left,
          ...entry
        } = this.#begun.has(ref) ? this.#ledger.entries[ref]! : this.#entry(item)!
        this.#ledger.entries[ref] = entry
      }
    }
    this.#note()
    return this.#text()
  }

  /** Leaves to other sites what they declare as well. */
  #drop({ shown: { ref, kind } }: Planned): void {
    const entry = this.#ledger.entries[ref]
    const others = entry === undefined || kind !== 'forget' ? [] : otherSites(entry, this.#site)
    if (entry === undefined || others.length === 0) delete this.#ledger.entries[ref]
    else this.#ledger.entries[ref] = { ...entry, sites: others }
  }

  get #site(): string | undefined {
    return this.#plan.planning.catalog.site
  }

  written(): { ledger: Ledger; ledgerDigest: string } {
    return { ledger: this.#ledger, ledgerDigest: this.digest }
  }

  #entry({ resource, type, change, shown, desired, wish }: Planned): LedgerEntry | undefined {
    const restored = this.#undo.get(shown.ref)
    if (restored !== undefined) return restored === null ? undefined : { ...restored, run: this.#run }
    if (resource === undefined || resource.desired === null || desired === null) return undefined
    const known = this.#ledger.entries[shown.ref]
    const isNew = change?.kind === 'create' && change.before === null
    const made = (known?.made ?? isNew) || (known === undefined && isInherited(this.#plan.planning, type, resource))
    const digestOf = (state: Json): string => ledgerDigest(this.#ledger.key, state, this.#plan.planning.secrets)
    const [digest, applied] = [digestOf(resource.desired), digestOf(desired)]
    const needs = [...(this.#plan.planning.needsOf.get(shown.ref) ?? [])]
    const rights = made ? undefined : wish?.kept
    const site = this.#site
    const sites = site === undefined ? known?.sites : [...(known === undefined ? [] : otherSites(known, site)), site]
    return entryFor(
      { ...resource, desired },
      {
        made,
        digest,
        ...(applied === digest ? {} : { applied }),
        needs,
        run: this.#run,
        ...(rights === undefined ? {} : { rights }),
        ...(sites === undefined ? {} : { sites }),
      },
    )
  }

  #text(): string {
    const text = `${canonicalJson(joinedLedger(this.#ledger))}\n`
    this.digest = createHash('sha256').update(text).digest('hex')
    return text
  }
}
