/**
 * The ledger on the host: what Keelson owns, what it last applied, and how to remove it.
 *
 * It is written before a stage's first step (entries of that stage marked pending) and again when everything is
 * verified. A run that was cut off therefore leaves pending entries: of these, Keelson owns what exists on the host by
 * then; what does not exist was never made.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { canonicalJson, type CatalogResource } from '../catalog/catalog.ts'
import { HostError } from '../errors.ts'
import * as form from '../../kit/form.ts'
import type { Answer } from './read.ts'
import { excerpt } from '../../kit/redact.ts'
import type { Cause } from '../report.ts'
import { flatProblem, joined, parted } from '../../kit/parts.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Json } from '../../kit/resourceType.ts'
import { secretNames } from '../../kit/value.ts'

export type LedgerEntry = {
  type: string
  name: string
  /** True when Keelson created it; false when it was there before. Only what Keelson created is removed. */
  made: boolean
  /** State last applied; secrets by name. */
  desired: Json
  /** Keyed digest of what was declared and of the values of its secrets. */
  digest: string
  /** The same of `desired`, where that is less: what a recipe leaves out of a resource that was there is not managed. */
  applied?: string
  needs: Ref[]
  protect: boolean
  /** Of a resource that was there before: the rights beyond its declaration that it had then. */
  rights?: string[]
  /** The run that last applied it. */
  run: string
  /** Names of the sites that declare it; absent when those sites have no name. */
  sites?: string[]
  /** A run began to apply it and did not confirm it. */
  pending?: true
  /** With `pending`: the host may still have a state applied with secrets that `desired` no longer names. */
  hides?: true
  /** A later run planned a change here, for this cause, and is not known to have applied it. */
  left?: Left
}

export type Left = { run: string; cause: Cause }

export type Ledger = {
  format: 1
  /** Number of runs so far. */
  serial: number
  /** Name that the host was last converged under. */
  host?: string
  /** A run that began a change that may alter anything, such as a command, and did not finish. */
  begun?: string
  /** Key of the digests, hex; only a client that plans ever receives it from the host. */
  key: string
  entries: { [ref: Ref]: LedgerEntry }
  /** When the runs that entries name ended, or began if they did not end. ISO 8601. */
  times?: { [run: string]: string }
}

/** The ref of an edit contains a line of its file. */
export const refText = form.line(70_000)

/** The form of an entry, except its state, which only its type can check. */
export const ENTRY: form.Form<LedgerEntry> = form.fields<LedgerEntry>({
  type: form.matching(/^[a-z][a-z0-9-]{0,63}$/, 'name of a type'),
  name: refText,
  made: form.flag,
  desired: form.anything,
  digest: form.sha256Hex,
  applied: form.optional(form.sha256Hex),
  needs: form.list(refText),
  protect: form.flag,
  rights: form.optional(form.list(form.line())),
  run: form.runNumber,
  sites: form.optional(form.list(form.line(300), 100)),
  pending: form.optional(form.oneOf(true)),
  hides: form.optional(form.oneOf(true)),
  left: form.optional(
    form.fields<Left>({
      run: form.runNumber,
      cause: form.wordOf<Cause>({ intent: true, drift: true, both: true }),
    }),
  ),
})

const LEDGER: form.Form<StoredLedger> = form.fields<StoredLedger>({
  format: form.oneOf(1),
  serial: form.whole(0, 999_999_998),
  host: form.optional(form.line()),
  begun: form.optional(form.line()),
  key: form.sha256Hex,
  times: form.optional(form.table(form.instant, form.runNumber)),
  entries: form.table<unknown>(form.anything, form.text()),
})

export function emptyLedger(): Ledger {
  return { format: 1, serial: 0, key: randomBytes(32).toString('hex'), entries: {} }
}

/** A ledger read from a host. Keelson does not own the resource of an entry that is damaged. */
export type KnownLedger = { ledger: Ledger | undefined; damaged: string[] }

/** @throws {HostError} When the file is not a ledger; it is never taken for an empty one. */
export function parseLedger({ stdout, stderr, exit }: Answer, types: ReadonlyMap<string, AnyType>): KnownLedger {
  if (exit === 0 && stdout === '') return { ledger: undefined, damaged: [] }
  const stored = storedIn(stdout)
  if (stored === undefined)
    throw new HostError('the ledger on the host cannot be read', {
      said: excerpt(stderr || stdout, 'start', 500),
      next: 'look at /var/lib/keelson/ledger.json; moving it away makes Keelson forget what it owns, and then it removes nothing',
    })
  const { entries, ...about } = stored
  const damaged: string[] = []
  const sound: [Ref, LedgerEntry][] = []
  for (const [ref, entry] of Object.entries(entries)) {
    const problem = entryProblem(ref, entry, types)
    if (problem !== undefined) damaged.push(`${form.shown(ref)} ${problem}`)
    else if (form.fits(ENTRY, entry)) sound.push([ref, partedEntry(entry, types)])
  }
  return { ledger: { ...about, entries: Object.fromEntries(sound) }, damaged }
}

/** A ledger before its entries are checked. */
type StoredLedger = Omit<Ledger, 'entries'> & { entries: { [ref: Ref]: unknown } }

function storedIn(stdout: string): StoredLedger | undefined {
  try {
    const stored = form.parseJson(stdout)
    return form.fits(LEDGER, stored) ? stored : undefined
  } catch {
    return undefined
  }
}

/** What is wrong with an entry, as the end of a sentence; undefined when nothing is. */
export function entryProblem(ref: Ref, entry: unknown, types: ReadonlyMap<string, AnyType>): string | undefined {
  const problem = ENTRY.problem(entry, 'more')
  if (problem !== undefined || !form.fits(ENTRY, entry)) return problem ?? 'is no entry'
  const { type, name, desired } = entry
  if (ref !== `${type}:${name}`) return `is of ${form.shown(`${type}:${name}`)}`
  const known = types.get(type)
  const wrong = desired === null || known === undefined ? undefined : flatProblem(known, desired, 'more')
  return wrong === undefined ? undefined : `has a desired state that ${wrong}`
}

/** Converts an entry from the form that a host stores. */
export function partedEntry(entry: LedgerEntry, types: ReadonlyMap<string, AnyType>): LedgerEntry {
  const type = types.get(entry.type)
  return type === undefined ? entry : { ...entry, desired: parted(type, entry.desired) }
}

/** Converts an entry to the form that a host stores. */
export function joinedEntry(entry: LedgerEntry): LedgerEntry {
  return { ...entry, desired: joined(entry.desired) }
}

/** Converts a ledger to the form that a host stores. */
export function joinedLedger(ledger: Ledger): Ledger {
  const entries = Object.entries(ledger.entries).map(([ref, entry]) => [ref, joinedEntry(entry)])
  return { ...ledger, entries: Object.fromEntries(entries) }
}

/** Warnings about entries that cannot be used. */
export function damageWarnings(damaged: readonly string[]): string[] {
  const rest = damaged.length - SHOWN_DAMAGE
  return [
    ...damaged
      .slice(0, SHOWN_DAMAGE)
      .map(
        (problem) =>
          `the ledger cannot be trusted on one entry: ${problem}; Keelson does not own it, and removes nothing for it`,
      ),
    ...(rest > 0 ? [`the same goes for ${rest} more entries`] : []),
  ]
}

const SHOWN_DAMAGE = 5

/** Keyed, so that nobody can guess a weak secret from a digest. */
export function ledgerDigest(key: string, desired: Json, secrets: ReadonlyMap<string, string>): string {
  const values = secretNames(desired).map((name) => [name, secrets.get(name) ?? null])
  return createHmac('sha256', Buffer.from(key, 'hex'))
    .update(canonicalJson([joined(desired), values]))
    .digest('hex')
}

/** Whether the host's state may hold a secret, whatever is declared now: nobody may know the secret's value any more. */
export function mayHoldSecret(entry: LedgerEntry | null | undefined): boolean {
  return entry?.hides === true || secretNames(entry?.desired).length > 0
}

/** Whether a site may remove something: the site declared it, or nobody knows who did. */
export function isOfSite({ sites }: LedgerEntry, site: string | undefined): boolean {
  return sites === undefined || (site !== undefined && sites.includes(site))
}

export function otherSites({ sites = [] }: LedgerEntry, site: string | undefined): string[] {
  return sites.filter((each) => each !== site)
}

/** The entry of a declared resource, as the run writes it. */
export function entryFor(
  resource: CatalogResource,
  how: Pick<LedgerEntry, 'made' | 'digest' | 'applied' | 'needs' | 'run' | 'rights' | 'sites'>,
): LedgerEntry {
  const { type, name, desired, protect } = resource
  return { type, name, desired, protect, ...how }
}
