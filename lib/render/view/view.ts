/**
 * What a plan shows, between its data and every form of output: plain JSON without colours, widths or marks.
 *
 * All text of hosts and recipes in it is cleaned: no string holds a control character, but for the tabs of a text and
 * the newlines of `text`.
 */
import type { ChangeKind } from '../../engine/report.ts'

export type PlanView = {
  head: Head
  rows: ChangeRow[]
  gathered: GatheredRow[]
  followUps: FollowUpRow[]
  /** Set for the plan of an undo: what it leaves as it is, and what the next converge does of the rest. */
  undo?: { stays: Stay[]; next: string }
  /** `Plan: 1 create, 3 change · 1 to reload · 57 unchanged.` */
  closing: string
}

export type Head = {
  host: string
  address: string
  os: string
  /** `106 resources: 94 in sync, 12 to change` */
  sum: string
  remarks: Remark[]
}

/** `partial`: not all was looked at. `first`: the host is new. `lockout`: it is certain that it shuts a way in. */
export type Remark = { kind: 'partial' | 'first' | 'warning' | 'lockout'; text: string }

/** `guarded`: it may lock out or destroys data. `opaque`: nothing tells whether it is needed. */
export type Sign = ChangeKind | 'guarded' | 'opaque'

/** One change. Of a `create`, the fields are those that are `new` or secret; of other kinds, the differences. */
export type ChangeRow = {
  kind: ChangeKind
  sign: Sign
  label: string
  /** Where it is declared, or that it no longer is. */
  where: string
  notes: Note[]
  fields: Field[]
  /** What has to load it, where the change is more than that. */
  loads: { what: string; because: string }[]
}

export type Tone = 'danger' | 'warning' | 'drift' | 'plain'

export type Note = {
  tone: Tone
  text: string
  /** Since when it is so, for an age after the text. ISO 8601. */
  since?: string
}

export type Field =
  /** A text that is new has its length as the value; `text` is the whole of it. */
  | { form: 'new'; name: string; value: string; text?: string }
  | { form: 'value'; name: string; before: string; after: string }
  | { form: 'list'; name: string; gains: string[]; losses: string[] }
  /** Without a difference where one side is not known. */
  | { form: 'text'; name: string; difference?: TextDifference }
  | { form: 'secret'; name: string }

/** A unified diff, or words where a diff would say less. */
export type TextDifference = { words: string; hunks?: never } | { hunks: Hunk[]; words?: never }

/** Each line begins with its sign, as in a unified diff. */
export type Hunk = { range: string; lines: string[] }

/** Changes that say the same. */
export type GatheredRow = { kind: 'recheck' | 'adopt'; text: string; labels: string[] }

/** Something that only has to load what other changes alter. */
export type FollowUpRow = { label: string; what: string; because: string }

/** Something an undo leaves as it is. */
export type Stay = { label: string; why: string }
