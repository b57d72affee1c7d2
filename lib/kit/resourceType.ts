/**
 * The shape that every resource type has. The engine knows this shape and never a particular type.
 *
 * All slots are pure: reading is command text and a parser, applying is command text. Reading, diff and apply share one
 * `State` type; observed and desired states have one canonical form. `null` means "does not exist", an undefined field
 * means "not managed". States are plain JSON. What acting needs and is not compared is in a state's `how`; what is only
 * observed is in its `seen`.
 */
import type { FieldForms, Form } from './form.ts'
import type { NamedType, Ref, TypedRef } from './ref.ts'
import type { PropsSchema, RequiredKeys } from './schema.ts'
import type { Touch } from './touch.ts'
import type { Verify } from './verify.ts'
import type { Comparing, Reveal } from './value.ts'

/** What `holdsData` returns when nothing is left to remove. */
export const NOTHING_LEFT = 'gone already'

/**
 * A state that cannot be read yet, and why. Shown to people after "unknown, because ".
 *
 * @example new Unknown('postgresql is not installed')
 */
export class Unknown {
  readonly because: string

  constructor(because: string) {
    this.because = because
  }
}

/** Output of one read command; `exit` is its exit status. */
export type Output = { stdout: string; stderr: string; exit: number }

/** A resource to be read: a declared one with its desired state, one no longer declared with the state last applied. */
export type Desired<State> = { name: string; desired: State | null }

/** A resource that exists by its state. */
export type Named<State> = { name: string; state: State }

/**
 * Runs the read texts of several types in one process, such as one psql for all PostgreSQL types. `join` returns one
 * shell command; after each text's output it must print a line made by `mark(exit)`. When the interpreter gives no
 * answer, the output of the shell text `otherwise` precedes that line.
 */
export type Interpreter = {
  name: string
  join(texts: readonly { text: string; mark: (exit: number) => string; otherwise?: string }[]): string
}

type Reader<State> = {
  /** @default POSIX sh */
  via?: Interpreter
  /**
   * One text for all resources in `entries`. The number of its processes must not grow with theirs (see `forEach`). It
   * must not write on the host, and must print the same bytes while the host stays the same: the engine compares its
   * output for one resource just before that resource's step runs, unless there is `compare`.
   */
  command(entries: readonly Desired<State>[]): string
  /** With `via`: shell text that reads what it can when the interpreter gives no answer. */
  otherwise?: string
  /**
   * Compared just before a write instead of the output of `command`, when other steps may alter part of that output:
   * covers only what the write would overwrite of somebody else's change.
   */
  compare?(entries: readonly Desired<State>[]): string
  /**
   * Parses the output. A name missing from the map does not exist. `Unknown` for the whole type, or for one name.
   * @throws {Error} With the output, when it cannot be parsed: a state is never guessed.
   */
  parse(output: Output, entries: readonly Desired<State>[]): ReadonlyMap<string, State | null | Unknown> | Unknown
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * What applying a change does in addition to recording it, worst first. `disruptive`: something that runs is
 * interrupted. `unknown`: nobody has declared it.
 */
export const CONSEQUENCES = [
  'lockout',
  'destructive',
  'disruptive',
  'unknown',
  'restart',
  'reload',
  'safe',
  'record',
] as const
export type Consequence = (typeof CONSEQUENCES)[number]

/** What has to follow a change of something else. */
export type FollowUpAction = 'reload' | 'restart' | 'run'

/** One difference. `secret`: `before` and `after` are absent, and no values are shown. `text`: a unified diff is shown. */
export type FieldChange = {
  field: string
  form: 'value' | 'text' | 'list' | 'mode' | 'secret'
  /** Plain JSON. */
  before?: unknown
  after?: unknown
  /** Of a text: the path on the host at which its `after` is kept; `fetch` reads it from there. */
  afterAt?: string
  /** Set when the state does not differ, but a service has yet to load it, or a command to run for it. */
  followUp?: {
    action: FollowUpAction
    because: string
    /** @default the resource's name */
    unit?: string
  }
  /** Set when nothing can tell whether it is applied: every converge applies it again, without verifying it. */
  opaque?: true
}

export type Change<State> =
  | { kind: 'create'; name: string; before: null | Unknown; after: State; fields: FieldChange[] }
  | { kind: 'change'; name: string; before: State; after: State; fields: FieldChange[] }
  | { kind: 'remove'; name: string; before: State | Unknown; after: null; fields: FieldChange[] }

/** How the operator logged in, as the host sees it: a new login must succeed in the same way. */
export type Operator = {
  account: string
  /** Numeric address of the client. */
  from: string
  /** Numeric address and port of the host that the client connected to. */
  to: string
  port: number
  /** Public halves, in base64, of all keys that the client would offer; absent when one of them is not known. */
  keys?: readonly string[]
}

/** Passed to slots that need more than the resource itself. Text from `reveal` may only be compared or put in a payload. */
export type Context = {
  reveal: Reveal
  /** Absent when the host is this machine. */
  operator?: Operator
  /** Every declared resource of the type in declaration order, for types whose resources have an order on the host. */
  declared?: readonly Desired<Json>[]
}

/**
 * One shell program of a change, run as root with `set -eu`, stdin /dev/null, in the run's private folder on tmpfs. It
 * must be safe to run again after it was cut off anywhere. Available to it:
 *
 * - `fail MESSAGE…` ends it with the message as its last output
 * - `$P`, the folder of its payload, accessible to root only; temporary files may go there too
 * - `replace_file PATH OWNER GROUP MODE SOURCE [CHECK…]` puts SOURCE's bytes at PATH by one rename, when
 *   `CHECK… CANDIDATE` accepts them
 * - `read_file PATH COPY`, `make_folder PATH`, `make_link PATH TARGET ''`, `remove_file PATH`, `remove_link PATH`,
 *   `remove_directory PATH`, none of which another account can redirect
 */
export type Step = {
  /** Shown while it runs and in errors; must not contain a secret. */
  title: string
  /** Its principal command as a person would type it, for errors; must not contain a secret. */
  command?: string
  run: string
  /** Files that the program finds as `$P/NAME`, readable by root only. The only place where secrets may go. */
  payload?: { [name: string]: string | Uint8Array }
  /** @default 600_000 */
  timeoutMs?: number
}

/**
 * Something that the operator must pass to log in, and that changes may close. A gate reports only what is certain:
 * that no new login can succeed once the whole plan is applied. What might still work is left to the guard on the host.
 */
export type Gate = {
  name: string
  /** Whether the touch concerns the gate. Only resources with such a touch are passed to it, and blamed. */
  reads(touch: Touch, operator: Operator): boolean
  /**
   * Shell text whose output `judge` needs; like a reading, it writes nothing. Undefined when these changes do not
   * concern the gate.
   */
  command(view: GateView): string | undefined
  /** What locks the operator out, as one sentence. */
  judge(output: Output, view: GateView): string | undefined
}

export type GateView = {
  operator: Operator
  reveal: Reveal
  /** Touches of the planned changes that the gate reads. */
  touches: readonly Touch[]
  /** The same for all declared resources, in declaration order, changed or not. */
  declared: readonly Touch[]
}

/** A change elsewhere in the same plan, as far as another type may see it. */
export type EarlierChange = {
  ref: Ref
  label: string
  kind: 'create' | 'change' | 'remove'
  paths: string[]
  /** It may alter what others read, as a package does. */
  altersOthers?: true
}

/** Text read from a host. `isPrivate`: it is in a folder that other accounts cannot enter. */
export type Fetched = { text: string; isPrivate: boolean }

/** The compared fields of a state. */
export type Compared<State> = Omit<State, 'how' | 'seen'>

/** The form of a part that a state has; optional when the part is. */
type PartOf<State, Part extends 'how' | 'seen'> = Part extends keyof State
  ? FieldForms<Pick<State, Part>>
  : { [part in Part]?: Form<unknown> }

export type ResourceType<
  Props,
  State,
  Key extends keyof Props = RequiredKeys<Props>,
  AbsentProp extends keyof Props = never,
> = Slots<Props, State, Key, AbsentProp> & PartOf<State, 'how'> & PartOf<State, 'seen'>

/** All slots but the forms of the parts. */
export type Slots<Props, State, Key extends keyof Props, AbsentProp extends keyof Props> = {
  /** Kebab case: `ufw-rule`. Shown to people with spaces. */
  type: string
  schema: PropsSchema<Props>
  /** Props that make the natural key. @default the props that the schema requires */
  key?: readonly Key[]
  /** Props in addition to the key that say how it is removed, for `absent`. */
  absentProps?: readonly AbsentProp[]
  /** Natural key. Two declarations with one name are one resource. */
  name(props: Pick<Props, Key>): string
  /** Mistakes that a schema cannot express, one sentence each; secrets and conf`…` are still objects here. */
  check?(props: Props): string[]
  /** Canonical desired state. Not called for a resource declared absent, whose state is null. */
  desired(props: Props): State | null
  /** For resources declared absent: their mistakes, and a state of their own where null cannot say how they go. */
  absent?: { check?(props: Props): string[]; desired?(props: Props): State | null }
  /** Refs by natural key that must exist first (a file's directory and owner). A ref has effect only if it is declared. */
  needs?(name: string, state: State): TypedRef[]
  /** Names that only one resource may hold, such as `path:/etc/motd` or `server_name:example.com`. */
  claims?(name: string, state: State): string[]
  /** Paths that it writes, by which services that load them refer to it. @default the paths that it claims */
  paths?(name: string, state: State): string[]
  /**
   * Files, or folders of files, that its reading takes in as a whole and its steps may write, besides its own paths: a
   * resource of another type that writes there alters the reading, and the other way round.
   */
  sharedPaths?: readonly string[]
  /** Refs of what it creates in addition to itself, for resources that need those: the home of a user is a directory. */
  brings?(name: string, state: State): TypedRef[]
  /**
   * What it touches besides its paths, and what those paths will contain. The engine uses this to find and guard what
   * may lock the operator out.
   */
  touches?(change: Change<State>): Touch[]
  /**
   * The form of a state as a host may return it, from the ledger or from what it has kept for undo; and how its fields
   * are compared. `how` and `seen` of a state have forms of their own, and no field name may occur in two of them.
   */
  state: Form<Compared<State>>
  /** Fields of the state whose secret is a hash as crypt(5) has it: a value that is made up must be one as well. */
  hashFields?: readonly (keyof State & string)[]
  /** Of a link: the absolute path that it leads to. */
  leads?(name: string, state: State): string
  read: Reader<State>
  /**
   * Present text of the named resources, for changes with a text field; run in a second trip. `parse` returns text by
   * name. The engine puts it in `before` of the field of form 'text'.
   */
  fetch?: { command(names: readonly string[]): string; parse(output: Output): ReadonlyMap<string, Fetched> }
  /** Whether some accounts on the host must not read what was observed: it is then not shown, unless Keelson wrote it. */
  isPrivate?(observed: State): boolean
  /**
   * Called when something was applied without an error and still does not read as declared: returns explanations by
   * name. They may contain output of the host.
   */
  explain?: {
    command(entries: readonly Desired<State>[]): string
    parse(output: Output, entries: readonly Desired<State>[]): ReadonlyMap<string, string>
  }
  /** @default byField, by the form of the state. Against an empty object it returns what a new resource will have. */
  diff?(desired: State, observed: State, comparing: Comparing): FieldChange[]
  /**
   * What a change opens to others or closes, a few words each: `opens 443/tcp`, `closes 80/tcp`. Known lines of texts are
   * found without it.
   */
  opens?(change: Change<State>): string[]
  /** What a change does or leaves besides, a few words each: `its home /home/ada stays`. */
  besides?(change: Change<State>): string[]
  /** The same as the host itself foresees it, by name; asked in the second trip, and only when there are such changes. */
  foresee?: {
    command(changes: readonly Change<State>[]): string
    parse(output: Output, changes: readonly Change<State>[]): ReadonlyMap<string, string[]>
  }
  /**
   * The desired state of something that was there before Keelson: without the defaults of fields that the recipe left
   * out, which are for what is new.
   */
  adopted?(desired: State, observed: State): State
  /**
   * Rights beyond the declared ones, for types whose undeclared fields stay as the host has them. On a resource that
   * Keelson created they are drift all the same; on one that it adopted, they are drift if they came later.
   */
  rights?: Rights<State>
  /**
   * What somebody else did when the host differs from what was applied, in a word or two: `stopped`, `put into sudo`.
   * `gone` is for a resource that no longer exists; `field` for one difference, undefined for the usual words.
   */
  drift?: { gone?: string; field?(change: FieldChange): string | undefined }
  /** What this resource will look like once other changes of the plan are applied. */
  simulate?(observed: State | null, desired: State | null, earlier: readonly EarlierChange[]): State | null
  /**
   * Why a change cannot succeed after all that the plan applies before it, as one sentence; only where that is certain.
   * The whole plan is refused then.
   */
  impossible?(change: Change<State>, earlier: readonly EarlierChange[]): string | undefined
  /** What it promises while nothing changes, which `verify` looks at. */
  verify?: Verify<State>
  /** @default 'safe' */
  consequence?(change: Change<State>, context: Context): Consequence
  /** Gates of its own family, in addition to those that every plan passes. Called when a change is guarded. */
  gates?: readonly Gate[]
  /** Steps for one create or change. */
  steps(change: Extract<Change<State>, { kind: 'create' | 'change' }>, context: Context): Step[]
  /** Steps that remove it. */
  remove(change: Extract<Change<State>, { kind: 'remove' }>, context: Context): Step[]
  /**
   * Steps for several changes at once, in order, where one transaction is better than many. Replaces `steps` and
   * `remove`.
   */
  batch?(changes: readonly Change<State>[], context: Context): Step[]
  /**
   * Why removing it loses data, always or as observed; such a resource is never removed only because it is no longer
   * declared. `NOTHING_LEFT` when the observed state holds no data. `applied`: the state last applied.
   */
  holdsData?: string | ((observed: State | Unknown, applied: State | null) => string | undefined)
  /**
   * Whether what is declared by another name stands for the same on the host as `gone`, which is no longer declared:
   * that is then only forgotten, or its removal would take away what is declared.
   */
  standsFor?(declared: Named<State>, gone: Named<State>): boolean
  /**
   * How to undo a change; undefined for the default, as for a type without this slot: what the run created is removed
   * unless that loses data, otherwise the state observed before becomes the desired one. The result is stored on the
   * host and must not contain the value of a secret. A state whose changes involve secrets is only used when Keelson
   * knows it by name.
   */
  undo?(was: Was<State>): UndoTarget<State> | undefined
  /** True when applying it may alter what others read (packages): dependents are read again before they are applied. */
  altersOthers?: boolean
  /** True when its reading may depend on anything it comes after: it is read again when that is done. */
  alteredByOthers?: boolean
  /**
   * True when its steps mostly wait, as for a service to stay up: they run at the same time as steps of others that do
   * not need them.
   */
  runsBeside?: boolean
  /** True when no other resource's step alters its reading: the engine then always compares before writing. */
  readsAlone?: boolean
}

export type Rights<State> = {
  /**
   * Returns the rights beyond the declared ones, by names that people know: `superuser`, `group sudo`. @param declared
   * Every resource of a type.
   */
  beyond(
    name: string,
    desired: State,
    observed: State,
    declared: (type: NamedType) => readonly Desired<Json>[],
  ): string[]
  /** The desired state, with none of these rights. */
  without(name: string, desired: State, rights: readonly string[]): State
}

/** What a run did to a resource, for its undo. */
export type Was<State> = {
  name: string
  /** As observed before; null: it did not exist. */
  before: State | null
  /** The state that the run gave it; null: the run removed it. */
  after: State | null
  fields: readonly FieldChange[]
  /** Makes the host keep a file's bytes, if they have this digest, and returns the path at which they will be. */
  keep: (path: string, sha256: string) => string
}

/** The desired state that restores the previous one, with what cannot be restored; or why there is none. */
export type UndoTarget<State> = { state: State | null; stays?: string } | { cannot: string }

/** A type for code in which its props and state do not matter. */
// Methods are bivariant, so every ResourceType<P, S> is assignable; only the DSL and the engine's own calls pair them up.
export type AnyType = ResourceType<Record<string, unknown>, Json>

/** The desired state of a declaration; null: it is to be absent. */
export function desiredOf<Props extends object, State>(
  type: Pick<Slots<Props, State, never, never>, 'desired' | 'absent'>,
  props: Props,
): State | null {
  return isAbsent(props) ? (type.absent?.desired?.(props) ?? null) : type.desired(props)
}

/** Mistakes that a schema cannot express. */
export function mistakesIn<Props extends object>(
  type: Pick<Slots<Props, unknown, never, never>, 'check' | 'absent'>,
  props: Props,
): string[] {
  return (isAbsent(props) ? type.absent?.check?.(props) : type.check?.(props)) ?? []
}

export function isAbsent(props: object): boolean {
  return 'ensure' in props && props.ensure === 'absent'
}

/** Paths that a resource writes: those that its type returns, otherwise those that it claims. */
export function pathsOf(type: Pick<AnyType, 'paths' | 'claims'>, name: string, state: Json): string[] {
  if (type.paths !== undefined) return state === null ? [] : type.paths(name, state)
  // A resource to be removed has no claims; its name tells its path.
  const claims = type.claims?.(name, state ?? {}) ?? []
  return claims.flatMap((claim) => (claim.startsWith('path:') ? [claim.slice('path:'.length)] : []))
}
