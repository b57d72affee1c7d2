/**
 * What a change touches: a typed view that is the same for all resource types. The engine finds in it what a login passes
 * through, has the lock-out guard keep that, and judges what is certain to shut the operator out. A type that writes paths
 * need not say so; it says here what the engine cannot know by itself.
 */
import type { Reveal, StateText } from './value.ts'

export type Touch =
  | { path: string; becomes?: Becomes }
  /** A unit of systemd. `stops`: it does not run afterwards. */
  | { unit: string; stops?: true }
  /** A key of sysctl(8). */
  | { setting: string }
  /** An account of the host, and what of it changes. */
  | { account: string; login?: Login; keys?: Keys }
  | { group: string }
  /** A package that is gone afterwards. */
  | { without: string }
  /** A program of the recipe, which may load any file. */
  | { program: true }
  | { packetRule: PacketRule }
  | { packetPolicy: PacketPolicy }

/**
 * What will stand at a path, for a trial of it before anything is written. Left out where nobody can tell yet.
 *
 * - `same`: what stands there now, with other rights
 * - `gone`: nothing
 * - `text`: a file with that content
 * - `link`: a link to that target
 * - `copy`: a file with the bytes that stand at that path of the host
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

/** Lines of authorized_keys; `all`: no others stay beside them. */
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
  /** Of a routed rule, where it comes in. */
  interface: string
  /** Of a routed rule, where it goes out. */
  outInterface: string
}

/** `after`: null where it is taken away. `moves`: its place among the rules is another one. */
export type PacketRule = { name: string; after: (PacketMatch & { action: string }) | null; moves: boolean }

export type PacketPolicy = { incoming: string; enabled: boolean }
