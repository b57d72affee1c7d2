/**
 * The view of a plan, between its data and every output format: plain JSON without colours, widths or marks.
 *
 * All its text of hosts and recipes is cleaned: no string contains a control character, except tabs in a text and
 * newlines in `text`.
 */
import type { ChangeKind, PlanCause } from '../../engine/report.ts'
import type { Consequence } from '../../kit/resourceType.ts'

export type PlanView = {
  head: Head
  rows: ChangeRow[]
  gathered: GatheredRow[]
  followUps: FollowUpRow[]
  /** Set for the plan of an undo: what it leaves as it is, and what the next converge does with the rest. */
  undo?: { stays: Stay[]; next: string }
  /** `Plan: 1 to create, 3 to change, 1 to reload · 57 in sync.` */
  closing: string
}

export type Head = {
  /** `web-1`, or `sandbox try (stands in for web-1)` */
  host: string
  /** The host itself, not a machine that stands in for it. */
  isReal: boolean
  address: string
  os: string
  /** `106 resources: 12 planned, 94 in sync` */
  sum: string
  remarks: Remark[]
}

/**
 * `partial`: only part of the catalog was read. `first`: the host is new. `lockout`: it is certain that the plan closes
 * a way in. `denied`, `warned`, `passed`: what policies of the site say.
 */
export type Remark = {
  kind: 'partial' | 'first' | 'warning' | 'lockout' | 'denied' | 'warned' | 'passed'
  text: string
}

/** `guarded`: the change may lock out or destroys data. `opaque`: nothing can tell whether it is needed. */
export type Sign = ChangeKind | 'guarded' | 'opaque'

/** One change. Fields of a `create` are those that are `new` or secret; of other kinds, the differences. */
export type ChangeRow = {
  kind: ChangeKind
  sign: Sign
  consequence: Consequence
  cause: PlanCause
  label: string
  /** In words: `ufw rule`. */
  type: string
  /** The recipe that declares it. */
  file?: string
  /** Why it is not known yet what it will do. */
  unknown?: string
  /** Where the resource is declared, or that it no longer is. */
  where: string
  notes: Note[]
  fields: Field[]
  /** What has to load the change, in a change that is more than that. */
  loads: { what: string; because: string }[]
}

export type Tone = 'danger' | 'warning' | 'drift' | 'plain'

export type Note = {
  tone: Tone
  text: string
  /** Set for the notes that may be shown in a place of their own. */
  about?: 'consequence' | 'opens' | 'certainty'
  since?: Since
}

/** The run after which somebody else changed the host, and when it ended, if that is known. ISO 8601. */
export type Since = { run: string; at?: string }

export type Field =
  /** The value of a new text is its length; `text` is the whole of it. */
  | { form: 'new'; name: string; value: string; text?: string }
  | { form: 'value'; name: string; before: string; after: string }
  | { form: 'list'; name: string; gains: string[]; losses: string[] }
  /** No difference when one side is unknown. */
  | { form: 'text'; name: string; difference?: TextDifference }
  | { form: 'secret'; name: string }

/** A unified diff, or a sentence where a diff would say less. */
export type TextDifference = { words: string; hunks?: never } | { hunks: Hunk[]; words?: never }

/** Each line begins with its sign, as in a unified diff. `start`: number of the first line on either side. */
export type Hunk = { range: string; start: { before: number; after: number }; lines: string[] }

/** Changes with the same text. */
export type GatheredRow = { kind: 'recheck' | 'adopt'; text: string; labels: string[] }

/** A resource that only has to load what other changes alter. */
export type FollowUpRow = { label: string; consequence: Consequence; what: string; because: string }

/** Something an undo leaves as it is. */
export type Stay = { label: string; why: string }
