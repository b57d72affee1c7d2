/**
 * What a plan and a converge say: plain JSON that every renderer and `--json` start from.
 */
import type { CatalogHost, Source } from './catalog/catalog.ts'
import type { Ref } from '../kit/ref.ts'
import type { Consequence, FieldChange } from '../kit/resourceType.ts'

/**
 * - `follow-up`: a service has yet to load what changed; nothing else differs.
 * - `adopt`: it is on the host as declared, and Keelson will remember it (record only).
 * - `forget`: no longer declared, was there before Keelson or is not ours to remove: the record goes, it stays.
 * - `recheck`: in order now, but an earlier change of this plan (a package) may alter it; it is looked at again then.
 */
export type ChangeKind = 'create' | 'change' | 'remove' | 'follow-up' | 'adopt' | 'forget' | 'recheck'

/** intent: the code changed; drift: the host was changed by another hand; both. */
export type Cause = 'intent' | 'drift' | 'both'

/**
 * - `exact`: read, and will be done as shown.
 * - `predicted`: `because` says what an earlier change may still alter.
 * - `unknown`: could not be read yet, `because` says why; it is read after what it needs is there.
 * - `opaque`: a command without a check.
 */
export type Certainty = 'exact' | 'predicted' | 'unknown' | 'opaque'

export type PlanChange = {
  ref: Ref
  /** `file /etc/motd` */
  label: string
  kind: ChangeKind
  cause: Cause
  consequence: Consequence
  certainty: Certainty
  because?: string
  fields: FieldChange[]
  /** Where it is declared; absent when it no longer is. */
  source?: Source
  /** Run that made or last changed it, when the ledger knows. */
  run?: string
  /** Run that was to do this before, and is not known to have done it. */
  leftBy?: string
  /** What it opens to others: `lets root log in with a password`. */
  opens?: string[]
  /** With the causes `drift` and `both`: what another hand did. */
  drift?: Drift
  /** Set where it is certain that nobody could log in after it. */
  locksOut?: true
}

/** What happened to it between a run, which left it as it was to be, and now. */
export type Drift = {
  /** `stopped`, `put into sudo` */
  what: string[]
  run: string
  /** When that run ended, where the ledger knows. ISO 8601. */
  at?: string
}

/** Why nobody could log in any more, and the changes that it lies in. */
export type Lockout = { because: string; refs: Ref[] }

export type FollowUp = { action: 'reload' | 'restart'; unit: string; because: string }

/** Every resource that was looked at is counted once: all but `resources` add up to it. */
export type Summary = {
  /** Those in scope, and what is owned and no longer declared. */
  resources: number
  create: number
  change: number
  remove: number
  adopt: number
  forget: number
  recheck: number
  /** Those that only have something to load. */
  followUps: number
  unchanged: number
}

/** Something that undo leaves as it is. `rest`: it goes back, and this much of it stays. */
export type Staying = { ref: Ref; label: string; because: string; rest?: true }

export type Undoing = { run: string; stays: Staying[] }

/** More than goes without being asked. */
export type Removals = {
  labels: string[]
  /** How many Keelson owns on the host, and how many of them may go unasked. */
  owned: number
  budget: number
  /** The name that the host was last converged under, where that was another. */
  former?: string
}

/** A run that is at work on a host. */
export type Holder = {
  run: string
  unit: string
  /** `run 4 of ada@laptop since 16:59:02 UTC (keelson-4-ab12cd, commit 3f2c1ab, plan 0d3c9f1)` */
  text: string
  /** Nobody sees what it does: its client was killed, or the line to it broke. */
  alone: boolean
}

/** JSON: what is read from a file is as good as what was made. */
export type Plan = {
  format: 1
  host: CatalogHost
  /** In the order they would be applied. */
  changes: PlanChange[]
  followUps: FollowUp[]
  summary: Summary
  /** Only part of the catalog was looked at (`--only`). */
  partial: boolean
  /** True when nothing has ever been converged on this host. */
  first: boolean
  /** Sentences about the host that are not changes: memory differs from the inventory, a run did not finish. */
  warnings: string[]
  /** Why nobody could log in any more, where that is certain: a sentence for each way in that is shut. */
  lockouts?: string[]
  /** Set where a run's changes are taken back. */
  undo?: Undoing
  /** Why it is refused: a sentence for each protected resource that it would take away or replace. */
  barred?: string[]
  /** Set where it is refused unless the count is agreed to. */
  removals?: Removals
  /** The run that was at work on the host while it was read. */
  holder?: Holder
  /** SHA-256 of the ledger that it was made with, or of nothing. */
  ledger: string
  /** Of the normalised changes only: no time, order or run. */
  digest: string
}

export type Outcome = 'changed' | 'unchanged' | 'failed' | 'skipped' | 'recorded'

/** How resources came out so far, for who only asks. */
export type OutcomesSoFar = { of(ref: Ref): { outcome: Outcome } | undefined }

/** Why a change failed or was skipped. Host text is cleaned of secrets here, of control characters when shown. */
export type Failure = {
  phase: 'read' | 'apply' | 'verify'
  /** Title of the step that ran, in words; its shell text is no matter of a report. */
  step?: string
  exit?: number
  /** With `step`, what the host said; otherwise a sentence of our own. */
  said: string
  /** Left out where nobody knows better than what was said. */
  next?: string
}

export type ReportChange = PlanChange & { outcome: Outcome; failure?: Failure }

export type Trips = { connections: number; execs: number }

type HostAbout = {
  host: string
  address: string
  trips: Trips
  seconds: number
  /** Of `undo`; without a run where none has changed anything. */
  undo?: Partial<Pick<Undoing, 'run'>> & Pick<Undoing, 'stays'>
  /** Set when the host could not be planned or converged at all. */
  error?: HostProblem
}

export type HostProblem = {
  name: string
  message: string
  /** By the host. */
  said: string
  /** More in words of this side. */
  why?: string
  next: string
  exit: ExitName
}

/** A host that was read: nothing of this has been done. */
export type PlanReport = HostAbout & { summary: Summary; changes: PlanChange[] }

/** A host that was converged. */
export type HostReport = HostAbout & {
  /** As planned; `failed` says how many of those did not come out right. */
  summary: Summary & { failed: number }
  changes: ReportChange[]
  /** Identifier of the run on the host; absent when nothing was applied. */
  run?: string
}

/** Either of the two. */
export type AnyReport = HostAbout & {
  summary: Summary
  changes: (PlanChange & Partial<Pick<ReportChange, 'outcome' | 'failure'>>)[]
}

export const EXIT_CODES = {
  ok: 0,
  error: 1,
  changes: 2,
  stale: 3,
  refused: 4,
  unreachable: 5,
  locked: 6,
  partial: 7,
  usage: 64,
  interrupted: 130,
} as const
export type ExitName = keyof typeof EXIT_CODES

/** What happens while hosts are planned and converged, for progress. */
export type Progress = { host: string } & HostProgress

export type HostProgress =
  | { event: 'connecting' }
  | { event: 'reading' }
  | { event: 'planned'; plan: Plan }
  | { event: 'applying'; run: string; unit: string; steps: number }
  | { event: 'step'; ref: Ref; label: string; title: string; state: 'started' | 'ok' | 'failed' | 'skipped' }
  | { event: 'reconnecting'; because: string; attempt: number }
  /** For the run that holds the lock, and then all begins anew; or a step for a lock on the host. */
  | { event: 'waiting'; because: string }
  /** A new login has to work before a change that may lock the operator out is kept. */
  | { event: 'proving' }
  | { event: 'verifying' }
  | { event: 'done' }
