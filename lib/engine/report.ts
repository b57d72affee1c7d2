/**
 * The reports of plan and converge: plain JSON, the input of every renderer and of `--json`.
 */
import type { CatalogHost, Source } from './catalog/catalog.ts'
import type { Ref } from '../kit/ref.ts'
import type { Consequence, FieldChange, FollowUpAction } from '../kit/resourceType.ts'

/**
 * - `follow-up`: a service has yet to load what changed, or a command to run for it; nothing else differs.
 * - `adopt`: the host has the resource as declared, and the ledger will record it (record only).
 * - `forget`: no longer declared, and either older than Keelson or not Keelson's to remove: the record is removed, the
 *   resource stays.
 * - `recheck`: in order now, but an earlier change of this plan (a package) may alter it; it is read again after that
 *   change.
 */
export type ChangeKind = 'create' | 'change' | 'remove' | 'follow-up' | 'adopt' | 'forget' | 'recheck'

/** intent: the code changed; drift: somebody else changed the host; both. */
export type Cause = 'intent' | 'drift' | 'both'

/**
 * - `exact`: read, and will be applied as shown.
 * - `predicted`: `because` says what an earlier change may still alter.
 * - `unknown`: could not be read yet, `because` says why; it is read once its needs are in place.
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
  /** Fields of a new resource that the recipe did not write. */
  implied?: string[]
  /** Where the resource is declared; absent when it no longer is. */
  source?: Source
  /** Run that made or last changed the resource, when the ledger knows. */
  run?: string
  /** Earlier run that planned this change and is not known to have applied it. */
  leftBy?: string
  /** Access that the change opens to others or closes: `lets root log in with a password`, `closes 80/tcp`. */
  opens?: string[]
  /** What the change does or leaves besides: `its home /home/ada stays`. */
  besides?: string[]
  /** With the causes `drift` and `both`: what somebody else changed. */
  drift?: Drift
  /** Set when it is certain that nobody could log in after this change. */
  locksOut?: true
}

/** What happened to the resource since the last run that left it as declared. */
export type Drift = {
  /** `stopped`, `put into sudo` */
  what: string[]
  run: string
  /** When that run ended, if the ledger knows. ISO 8601. */
  at?: string
}

/** Why nobody could log in any more, and the changes that cause it. */
export type Lockout = { because: string; refs: Ref[] }

export type FollowUp = { action: FollowUpAction; unit: string; because: string }

/** Counts every resource that was read exactly once: all fields but `resources` add up to it. */
export type Summary = {
  /** Resources in scope, and owned ones that are no longer declared. */
  resources: number
  create: number
  change: number
  remove: number
  adopt: number
  forget: number
  recheck: number
  /** Resources that only have something to load. */
  followUps: number
  unchanged: number
}

/** Something that undo leaves as it is. `rest`: undo restores the resource except for this part. */
export type Staying = { ref: Ref; label: string; because: string; rest?: true }

export type Undoing = { run: string; stays: Staying[] }

/** Set when a plan removes more than the budget allows without consent. */
export type Removals = {
  labels: string[]
  /** How many resources Keelson owns on the host, and how many of them may be removed without consent. */
  owned: number
  budget: number
  /** Name that the host was last converged under, if it differs. */
  former?: string
}

/** A run that is in progress on a host. */
export type Holder = {
  run: string
  unit: string
  /** `run 4 of ada@laptop since 16:59:02 UTC (keelson-4-ab12cd, commit 3f2c1ab, plan 0d3c9f1)` */
  text: string
  /** No client follows the run: its client was killed, or the connection broke. */
  alone: boolean
}

/** The machine that answered: what is not known of it is left out. */
export type Machine = {
  /** machine-id(5) */
  id?: string
  /** Fingerprint of the SSH key it showed: `SHA256:…` */
  hostKey?: string
  /** What it is, where it only stands in for the host: `sandbox try`. */
  standIn?: string
}

/** Plain JSON: a plan read from a file is equivalent to one made in this process. */
export type Plan = {
  format: 1
  host: CatalogHost
  machine?: Machine
  /** In the order in which they would be applied. */
  changes: PlanChange[]
  followUps: FollowUp[]
  summary: Summary
  /** The plan covers only part of the catalog (`--only`). */
  partial: boolean
  /** True when nothing has ever been converged on this host. */
  first: boolean
  /** Sentences about the host that are not changes: memory differs from the inventory, a run did not finish. */
  warnings: string[]
  /** Why nobody could log in any more, where that is certain: a sentence for each way in that would be closed. */
  lockouts?: string[]
  /** Set when the plan undoes a run. */
  undo?: Undoing
  /** Why the plan is refused: a sentence for each protected resource that it would remove or replace. */
  barred?: string[]
  /** Why the plan is refused: a sentence for each change that cannot succeed. */
  impossible?: string[]
  /** Set when the plan is refused unless the number of removals is agreed to. */
  removals?: Removals
  /** The run that was in progress on the host while it was read. */
  holder?: Holder
  /** SHA-256 of the ledger that the plan was made with, or of nothing. */
  ledger: string
  /** How many runs that ledger has seen. */
  ledgerSerial?: number
  /** Of what each change relies on and does not show. Absent when the host has no key for them. */
  fingerprints?: { [ref: Ref]: Fingerprint }
  /** Digest of the normalised changes only: without time, order or run. */
  digest: string
}

/** Keyed digests; the key stays on the host. `observed` is absent for what could not be read. */
export type Fingerprint = { observed?: string; declared?: string }

/** How the plan of a host differs from one that was made before. */
export type PlanDifference = {
  /** Sentences about the host as a whole. */
  about: string[]
  /** Changes of the earlier plan that are not to be made any more. */
  gone: PlanChange[]
  /** Changes that only the present plan has. */
  added: PlanChange[]
  /** Changes of both plans that are not the same. */
  moved: { ref: Ref; label: string; differences: Moved[] }[]
}

/**
 * One difference between two plans of a change. `observed`: the host is another; `declared`: the recipes or the values of
 * secrets are; `plan`: something that follows from both, or is only shown.
 */
export type Moved = {
  side: 'observed' | 'declared' | 'plan'
  field: string
  form: FieldChange['form']
  was?: unknown
  now?: unknown
}

export type Outcome = 'changed' | 'unchanged' | 'failed' | 'skipped' | 'recorded'

/** Read-only view of how resources came out so far. */
export type OutcomesSoFar = { of(ref: Ref): { outcome: Outcome } | undefined }

/** Why a change failed or was skipped. Secrets are removed from host text here, control characters when it is shown. */
export type Failure = {
  phase: 'read' | 'apply' | 'verify'
  /** Title of the step that failed, in words; a report never contains its shell text. */
  step?: string
  /** The principal command of that step, where its type names one. */
  ran?: string
  exit?: number
  /** With `step`, what the host said; otherwise a sentence of Keelson. */
  said: string
  /** Absent when nothing can be added to `said`. */
  next?: string
  /** Label of what failed before it, for what was skipped. */
  after?: string
}

export type ReportChange = PlanChange & { outcome: Outcome; failure?: Failure }

export type Trips = { connections: number; execs: number }

type HostAbout = {
  host: string
  address: string
  /** The machine that stood in for the host: `sandbox try`. */
  standIn?: string
  trips: Trips
  seconds: number
  /** Only a part of what is declared was asked for (`--only`); nothing else was removed. */
  partial?: true
  /** Set for `undo`; without `run` when no run has changed anything. */
  undo?: Partial<Pick<Undoing, 'run'>> & Pick<Undoing, 'stays'>
  /** Set when the host could not be planned or converged at all. */
  error?: HostProblem
}

export type HostProblem = {
  name: string
  message: string
  /** What the host said. */
  said: string
  /** What this client adds to it. */
  why?: string
  next: string
  exit: ExitName
  /** With `stale`: how the host's plan differs from the one that was to be applied. */
  moved?: PlanDifference
}

/** The report of a host that was only read. */
export type PlanReport = HostAbout & { summary: Summary; changes: PlanChange[] }

/** The report of a host that was converged. */
export type HostReport = HostAbout & {
  /** As planned; `failed` says how many of those changes did not come out right. */
  summary: Summary & { failed: number }
  changes: ReportChange[]
  /** Identifier of the run on the host; absent when nothing was applied. */
  run?: string
}

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

/** Progress events while hosts are planned and converged. */
export type Progress = { host: string } & HostProgress

export type HostProgress =
  | { event: 'connecting' }
  | { event: 'reading' }
  | { event: 'planned'; plan: Plan }
  | { event: 'applying'; run: string; unit: string; steps: number }
  | { event: 'step'; ref: Ref; label: string; title: string; state: 'started' | 'ok' | 'failed' | 'skipped' }
  | { event: 'reconnecting'; because: string; attempt: number }
  /**
   * Waits for the run that holds the lock, after which everything starts over; with `step`, a step of this run waits
   * for a lock on the host.
   */
  | { event: 'waiting'; because: string; step?: true }
  /** A new login has to succeed before a change that may lock the operator out becomes permanent. */
  | { event: 'proving' }
  /** The host knows that it has to stop after the step in progress, whatever becomes of this client. */
  | { event: 'stopping' }
  | { event: 'verifying' }
  | { event: 'done' }
