/**
 * What a resource promises while nothing changes, and `verify` looks at: from outside, as probes that the engine knows,
 * and on the host, as shell text with a parser. Plain data, so that the engine needs to know no type.
 */

/** Something that is tried from the machine of the operator. Ports are TCP. */
export type Probe =
  /** A name that clients use leads to the host, in A and AAAA records. */
  | { probe: 'name'; name: string }
  /** Plain HTTP sends clients of the name to HTTPS. */
  | { probe: 'redirect'; name: string; port: number }
  /** Something answers clients of the name over plain HTTP. */
  | { probe: 'http'; name: string; port: number }
  /** HTTPS answers, with the certificate of that file, which holds for the name. */
  | { probe: 'https'; name: string; port: number; certificate: string }
  /** A name that nobody declares gets no answer. */
  | { probe: 'unknown'; port: number; tls: boolean }
  /** Nobody outside can connect. */
  | { probe: 'closed'; port: number }
  /** Days are left of a certificate in a PEM file on the host. */
  | { probe: 'certificate'; path: string }
  /** Cannot be tried; it is reported, and never counts as passed. */
  | { probe: 'none'; check: string; about: string; because: string }

/** `unchecked`: it was not looked at, and says why. `warning`: it can wait, but not for long. */
export type CheckState = 'ok' | 'warning' | 'wrong' | 'unchecked'

/** The result of one check. Its texts may contain output of the host. */
export type Finding = {
  /** Kind of check: `service`. */
  check: string
  /** What it is about: `api.service`. */
  about: string
  state: CheckState
  /** What was seen, as one sentence without a full stop. */
  said: string
  /** What to do about it. */
  next?: string
  /** A number that was measured: `{ name: 'backup_age_seconds', value: 3600 }`. */
  measure?: { name: string; value: number }
}

/** Output of shell text; `exit` is its exit status. */
type Printed = { stdout: string; stderr: string; exit: number }

/** A declared resource that is to be there. */
export type Declared<State> = { name: string; state: State }

/** Shell text for all resources of a type at once, which writes nothing, and the parser of its output. */
export type Look<State> = {
  /** @param mark Random word that the probes of this run leave in what the host logs. */
  command(entries: readonly Declared<State>[], mark: string): string
  /** @throws {Error} When the output cannot be parsed: a state is never guessed. */
  parse(output: Printed, entries: readonly Declared<State>[], mark: string): Finding[]
}

export type Verify<State> = {
  /** Every kind of check that `look` and `late` find, and what it means, for the table in docs/verify.md. */
  means?: { readonly [check: string]: string }
  /** What is tried from outside. */
  outside?(name: string, state: State): Probe[]
  /** TCP and UDP ports on which it listens for others, or lets others in. */
  ports?(name: string, state: State): number[]
  /** Units that it speaks for: the check of failed units leaves them out. */
  units?(name: string, state: State): string[]
  /** What is looked at on the host. */
  look?: Look<State>
  /** The same, after the probes from outside have been made. */
  late?: Look<State>
}

/** Path that the probes ask for besides `/`, to be found in the host's log: `markedPath('keelson-0123')`. */
export function markedPath(mark: string): string {
  return `/.well-known/keelson/${mark}`
}
