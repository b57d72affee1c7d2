/**
 * What a change touches: a typed view that is the same for all resource types. From it the engine finds what a login
 * uses, makes the lock-out guard keep that, and judges what is certain to lock the operator out. The engine knows the
 * paths that a type writes; a type returns here what the engine cannot know by itself.
 */
import type { Reveal, StateText } from './value.ts'

export type Touch =
  | { path: string; becomes?: Becomes }
  /** A systemd unit. `stops`: it does not run afterwards. */
  | { unit: string; stops?: true }
  /** A key of sysctl(8). */
  | { setting: string }
  /** An account of the host, and what changes about it. */
  | { account: string; login?: Login; keys?: Keys }
  | { group: string }
  /** A package that is removed. */
  | { without: string }
  /** A program of the recipe, which may load any file. */
  | { program: true }
  | { packetRule: PacketRule }
  | { packetPolicy: PacketPolicy }

/**
 * What a path will contain, for a trial before anything is written. Absent when that is not known yet.
 *
 * - `same`: its present content, with other rights
 * - `gone`: nothing
 * - `text`: a file with that content
 * - `link`: a link to that target
 * - `copy`: a file with the bytes at that path of the host
 * - `edited`: shell text that changes the copy at `"$new"`, in a private /tmp of its own
 */
export type Becomes =
  | { same: true }
  | { gone: true }
  | { text: StateText }
  | { link: string }
  | { copy: string }
  | { edited: (reveal: Reveal) => string }

/** `expires`: a day, `2026-01-31`, or `never`. */
export type Login = { gone?: true; shell?: string; expires?: string }

/** Lines of authorized_keys; `all`: the file keeps no other lines. */
export type Keys = { lines: readonly string[]; all: boolean }

/** What a rule of a packet filter matches. Empty text means "any". */
export type PacketMatch = {
  direction: 'in' | 'out'
  /** Forwarded traffic. */
  route: boolean
  protocol: string
  from: string
  fromPort: string
  to: string
  port: string
  /** Of a routed rule: the incoming interface. */
  interface: string
  /** Of a routed rule: the outgoing interface. */
  outInterface: string
}

/** `after`: null when the rule is removed. `moves`: the rule changes its position. */
export type PacketRule = { name: string; after: (PacketMatch & { action: string }) | null; moves: boolean }

export type PacketPolicy = { incoming: string; enabled: boolean }
