/**
 * The ledger on the host: what Keelson owns, what it last applied, and how to take it away.
 *
 * It is written before a stage's first step (entries of that stage marked pending) and again when all is verified.
 * A run that was cut off therefore leaves pending entries: what is on the host by then is ours, what is not was never
 * made.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { canonicalJson, type CatalogResource } from './catalog.ts'
import { HostError } from './errors.ts'
import type { Answer } from './read.ts'
import { excerpt } from './redact.ts'
import type { Cause } from './report.ts'
import type { Json, Ref } from './resource.ts'
import { secretNames } from './value.ts'

export type LedgerEntry = {
  type: string
  name: string
  /** True when Keelson created it; false when it was there before. Only what is made is removed. */
  made: boolean
  /** State last applied; secrets by name. */
  desired: Json
  /** Keyed digest of `desired` and of the values of its secrets. */
  digest: string
  needs: Ref[]
  protect: boolean
  /** The run that last applied it. */
  run: string
  /** Applying it began and was not confirmed. */
  pending?: true
  /** With `pending`: what may stand there still was applied with secrets, which `desired` no longer names. */
  hides?: true
  /** A later run was to do something here, for this cause, and is not known to have done it. */
  left?: Left
}

export type Left = { run: string; cause: Cause }

export type Ledger = {
  format: 1
  /** Number of runs so far. */
  serial: number
  /** Name of the host that it was last converged as. */
  host?: string
  /** A run that began to do what may alter anything, such as a command, and did not come to its end. */
  begun?: string
  /** Key of the digests, hex; it never leaves the host but to the client that plans. */
  key: string
  entries: { [ref: Ref]: LedgerEntry }
}

export function emptyLedger(): Ledger {
  return { format: 1, serial: 0, key: randomBytes(32).toString('hex'), entries: {} }
}

/** @throws {HostError} For a ledger that is not one; it is never taken for an empty one. */
export function parseLedger({ stdout, stderr, exit }: Answer): Ledger | undefined {
  if (exit === 0 && stdout === '') return undefined
  try {
    const ledger: unknown = JSON.parse(stdout)
    if (isLedger(ledger)) return ledger
  } catch {
    // Falls through to the error below, which shows the text itself.
  }
  throw new HostError('the ledger on the host cannot be read', {
    said: excerpt(stderr || stdout, 'start', 500),
    next: 'look at /var/lib/keelson/ledger.json; moving it away makes Keelson forget what it owns, and then it removes nothing',
  })
}

function isLedger(value: unknown): value is Ledger {
  if (typeof value !== 'object' || value === null) return false
  const { format, serial, key, entries } = value as Partial<Ledger>
  return (
    format === 1 &&
    typeof serial === 'number' &&
    typeof key === 'string' &&
    typeof entries === 'object' &&
    entries !== null
  )
}

/** Keyed, so that a weak secret cannot be guessed from a digest that was seen. */
export function ledgerDigest(key: string, desired: Json, secrets: ReadonlyMap<string, string>): string {
  const values = secretNames(desired).map((name) => [name, secrets.get(name) ?? null])
  return createHmac('sha256', Buffer.from(key, 'hex'))
    .update(canonicalJson([desired, values]))
    .digest('hex')
}

/** Whether what stands there may hold a secret, whatever is declared now: nobody may know its value any more. */
export function mayHoldSecret(entry: LedgerEntry | null | undefined): boolean {
  return entry?.hides === true || secretNames(entry?.desired).length > 0
}

/** The entry of a declared resource as of a run. */
export function entryFor(
  resource: CatalogResource,
  how: { made: boolean; digest: string; needs: Ref[]; run: string },
): LedgerEntry {
  const { type, name, desired, protect } = resource
  return { type, name, desired, protect, ...how }
}
