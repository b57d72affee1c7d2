/**
 * The shape every resource type has. The engine knows this shape and never a particular type.
 *
 * All slots are pure: reading is command text and a parser, applying is command text. One `State` type crosses read,
 * diff and apply; what is read and what is desired are both brought to one canonical form. `null` means "not there",
 * a field left out (undefined) means "not managed". States are plain JSON. What acting needs, and is no part of what is
 * compared, stands in a state's `how`; what is only observed in its `seen`.
 */
import type { FieldForms, Form } from './form.ts'
import type { NamedType, Ref, TypedRef } from './ref.ts'
import type { PropsSchema, RequiredKeys } from './schema.ts'
import type { Touch } from './touch.ts'
import type { Comparing, Reveal } from './value.ts'

/** What `holdsData` says where nothing is to be taken away. */
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

/** What one read command printed; `exit` is its exit status. */
export type Output = { stdout: string; stderr: string; exit: number }

/** A resource to be read: declared ones with their desired state, no longer declared ones with the state last applied. */
export type Desired<State> = { name: string; desired: State | null }

/**
 * Runs the read texts of several types in one process, such as one psql for all PostgreSQL types.
 * `join` gives one shell command; after each text's output it must print a line made by `mark(exit)`. Where there is no
 * answer, what the shell text `otherwise` prints stands before that line.
 */
export type Interpreter = {
  name: string
  join(texts: readonly { text: string; mark: (exit: number) => string; otherwise?: string }[]): string
}

type Reader<State> = {
  /** @default POSIX sh */
  via?: Interpreter
  /**
   * One text for all entries resources, whose number of processes does not grow with them (see `forEach`). It must not
   * write on the host, and print the same bytes while the host stays the same: the engine compares its output for one
   * resource just before that resource's step runs, unless there is `compare`.
   */
  command(entries: readonly Desired<State>[]): string
  /** With `via`: shell text for when the interpreter has no answer, to read what can be read all the same. */
  otherwise?: string
  /**
   * Compared just before a write in place of what `command` prints, when other steps may alter some of that: what the
   * write would take from another hand, and no more.
   */
  compare?(entries: readonly Desired<State>[]): string
  /**
   * A name missing from the map is not there. `Unknown` for the whole type, or for one name.
   * @throws {Error} On output it does not understand, with that output: a state is never guessed.
   */
  parse(output: Output, entries: readonly Desired<State>[]): ReadonlyMap<string, State | null | Unknown> | Unknown
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * What applying a change does beyond the record, worst first. `disruptive`: something that runs is interrupted.
 * `unknown`: nobody has said.
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

/** One difference. `secret`: values are not shown, before and after are left out. `text`: a unified diff is shown. */
export type FieldChange = {
  field: string
  form: 'value' | 'text' | 'list' | 'mode' | 'secret'
  /** Plain JSON. */
  before?: unknown
  after?: unknown
  /** Of a text: where on the host its `after` is kept, from where `fetch` brings it. */
  afterAt?: string
  /** Set on a difference that is not one of state but of a service that has yet to load it. */
  followUp?: {
    action: 'reload' | 'restart'
    because: string
    /** @default the resource's name */
    unit?: string
  }
  /** Set where nothing tells whether it is so: it is done with every converge, and not verified. */
  opaque?: true
}

export type Change<State> =
  | { kind: 'create'; name: string; before: null | Unknown; after: State; fields: FieldChange[] }
  | { kind: 'change'; name: string; before: State; after: State; fields: FieldChange[] }
  | { kind: 'remove'; name: string; before: State | Unknown; after: null; fields: FieldChange[] }

/** How the operator came in, as the host sees it: a new login has to come in the same way. */
export type Operator = {
  account: string
  /** Numeric address it came from. */
  from: string
  /** Numeric address of the host that it reached, and the port. */
  to: string
  port: number
  /** Public halves, in base64, of all keys it would show; left out where one of them is not known. */
  keys?: readonly string[]
}

/** Given to slots that need more than the resource itself. What comes from `reveal` may only be compared or put in a payload. */
export type Context = {
  reveal: Reveal
  /** Left out for a machine that is this one. */
  operator?: Operator
  /** Every declared resource of the type in declaration order, for types whose resources stand in an order on the host. */
  declared?: readonly Desired<Json>[]
}

/**
 * One shell program of a change, run as root with `set -eu`, stdin /dev/null, in the run's private folder on tmpfs.
 * It must be safe to run again after it was cut off anywhere. Available to it:
 *
 * - `fail MESSAGE…` ends it with the message as its last words
 * - `$P`, the folder of its payload, for root alone; what it needs for a while may stand there too
 * - `replace_file PATH OWNER GROUP MODE SOURCE [CHECK…]` puts SOURCE's bytes at PATH by one rename, when `CHECK… CANDIDATE`
 *   accepts them
 * - `read_file PATH COPY`, `make_folder PATH`, `make_link PATH TARGET ''`, `remove_file PATH`, `remove_link PATH`,
 *   `remove_directory PATH`, which never follow where another account could lead them
 */
export type Step = {
  /** Shown while it runs and in errors; holds no secret. */
  title: string
  run: string
  /** Files the program finds as `$P/NAME`, readable by root only. The one place where secrets may go. */
  payload?: { [name: string]: string | Uint8Array }
  /** @default 600_000 */
  timeoutMs?: number
}

/**
 * Something that the operator has to pass to come in, which changes may shut. A gate speaks only where it is certain that
 * no new login can work when all of the plan is done; what might work is for the guard on the host to find out.
 */
export type Gate = {
  name: string
  /** Whether the touch has to do with it. Only resources with such a touch are asked about, and blamed. */
  reads(touch: Touch, operator: Operator): boolean
  /** Shell text whose output `judge` needs; like a read, it writes nothing. Undefined where these changes are no matter. */
  command(view: GateView): string | undefined
  /** What shuts the operator out, as one sentence. */
  judge(output: Output, view: GateView): string | undefined
}

export type GateView = {
  operator: Operator
  reveal: Reveal
  /** What the changes touch that the gate reads. */
  touches: readonly Touch[]
  /** The same of all that is declared, in declaration order, changed or not. */
  declared: readonly Touch[]
}

/** A change elsewhere in the same plan, as far as another type may know of it. */
export type EarlierChange = { ref: Ref; label: string; kind: 'create' | 'change' | 'remove'; paths: string[] }

/** The text that stands somewhere. `isPrivate`: it lies below a folder that others cannot enter. */
export type Fetched = { text: string; isPrivate: boolean }

/** What is compared of a state. */
export type Compared<State> = Omit<State, 'how' | 'seen'>

/** A form for a part that a state has; an optional one where it may be left out. */
type PartOf<State, Part extends 'how' | 'seen'> = Part extends keyof State
  ? FieldForms<Pick<State, Part>>
  : { [part in Part]?: Form<unknown> }

export type ResourceType<
  Props,
  State,
  Key extends keyof Props = RequiredKeys<Props>,
  AbsentProp extends keyof Props = never,
> = Slots<Props, State, Key, AbsentProp> & PartOf<State, 'how'> & PartOf<State, 'seen'>

/** All but the forms of the parts. */
export type Slots<Props, State, Key extends keyof Props, AbsentProp extends keyof Props> = {
  /** Kebab case: `ufw-rule`. People see it with spaces. */
  type: string
  schema: PropsSchema<Props>
  /** Props that make the natural key. @default those that the schema requires */
  key?: readonly Key[]
  /** Props beside the key that say how it is taken away, for `absent`. */
  absentProps?: readonly AbsentProp[]
  /** Natural key. Two declarations with one name are one resource. */
  name(props: Pick<Props, Key>): string
  /** Mistakes a schema cannot say, one sentence each; secrets and conf`…` are still objects here. */
  check?(props: Props): string[]
  /** Canonical desired state. What is declared absent is null, and never asked for here. */
  desired(props: Props): State | null
  /** Of what is declared absent: its mistakes, and a state of its own where null cannot say how it goes. */
  absent?: { check?(props: Props): string[]; desired?(props: Props): State | null }
  /** Refs by natural key this needs to exist first (a file's directory and owner). Bound only to what is declared. */
  needs?(name: string, state: State): TypedRef[]
  /** Things only one resource may have, such as `path:/etc/motd` or `server_name:example.com`. */
  claims?(name: string, state: State): string[]
  /** Paths it writes, by which who loads them knows them. @default those that it claims */
  paths?(name: string, state: State): string[]
  /** Refs of what it makes beside itself, for those who need that: the home of a user is a directory. */
  brings?(name: string, state: State): TypedRef[]
  /**
   * What it touches, beside its paths, and what will stand at those. What may shut the operator out is found from this and
   * is guarded.
   */
  touches?(change: Change<State>): Touch[]
  /**
   * What a state is, as a host may give it back: from the ledger, or from what it has kept for undo; and how its fields are
   * compared. `how` and `seen` of a state have forms of their own, and no field's name stands in two of them.
   */
  state: Form<Compared<State>>
  /** Of a link: the path it leads to, from `/` on. */
  leads?(name: string, state: State): string
  read: Reader<State>
  /**
   * Present text of the names given, for changes with a text field; run in a second trip. Parse gives text by name.
   * The engine puts it in `before` of the field of form 'text'.
   */
  fetch?: { command(names: readonly string[]): string; parse(output: Output): ReadonlyMap<string, Fetched> }
  /**
   * Whether what was read is not for everybody on the host to read: then it is not shown, unless Keelson wrote it.
   */
  isPrivate?(observed: State): boolean
  /**
   * Asked where something was applied without an error and still does not read as declared: what there is to say about
   * that, by name. What the host printed may be in it.
   */
  explain?: {
    command(entries: readonly Desired<State>[]): string
    parse(output: Output, entries: readonly Desired<State>[]): ReadonlyMap<string, string>
  }
  /** @default byField, by the form of the state. Against an empty object it says what a new resource will have. */
  diff?(desired: State, observed: State, comparing: Comparing): FieldChange[]
  /** What a change opens to others, a few words each: `opens 443/tcp`. Lines of texts are known without it. */
  opens?(change: Change<State>): string[]
  /**
   * Rights beyond what is declared, of types whose left-out fields stay as the host has them: of what Keelson made they
   * are drift all the same, and of what it found they are drift when they came later.
   */
  rights?: Rights<State>
  /**
   * What another hand did where the host is no longer as it was left, in a word or two: `stopped`, `put into sudo`.
   * `gone` of what is not there any more; `field` of one difference, undefined for the usual words.
   */
  drift?: { gone?: string; field?(change: FieldChange): string | undefined }
  /** What this resource will look like when other changes of the plan are done. */
  simulate?(observed: State | null, desired: State | null, earlier: readonly EarlierChange[]): State | null
  /** @default 'safe' */
  consequence?(change: Change<State>, context: Context): Consequence
  /** Gates of its own family, beside those that every plan passes. Asked when a change is guarded. */
  gates?: readonly Gate[]
  /** Steps for one create or change. */
  steps(change: Extract<Change<State>, { kind: 'create' | 'change' }>, context: Context): Step[]
  /** Steps that take it away. */
  remove(change: Extract<Change<State>, { kind: 'remove' }>, context: Context): Step[]
  /** Steps for several changes at once, in order, where one transaction is better than many. Replaces steps and remove. */
  batch?(changes: readonly Change<State>[], context: Context): Step[]
  /**
   * Why removing it loses data, always or as observed; such a resource is never removed only because it is no longer
   * declared. `NOTHING_LEFT` where what is observed is as good as nothing. `applied`: what was last applied.
   */
  holdsData?: string | ((observed: State | Unknown, applied: State | null) => string | undefined)
  /**
   * How a change goes back; undefined for the usual way, as for a type without it: what the run made is taken away unless
   * that loses data, otherwise the state observed before becomes the desired one. What it says is kept on the host: no
   * value of a secret may be in it. A state whose changes involve secrets is only used where Keelson knows it by name.
   */
  undo?(was: Was<State>): UndoTarget<State> | undefined
  /** True when applying it may alter what others read (packages): dependents are read again before they are applied. */
  altersOthers?: boolean
  /** True when what it reads may depend on anything it comes after: it is read again when that is done. */
  alteredByOthers?: boolean
  /** True when its steps mostly wait, as for a service to stay up: they run beside others that do not need them. */
  runsBeside?: boolean
  /** True when no other resource's step alters what its read prints: the engine then always compares before writing. */
  readsAlone?: boolean
}

export type Rights<State> = {
  /** By names that mean something to people: `superuser`, `group sudo`. @param declared Every resource of a type. */
  beyond(
    name: string,
    desired: State,
    observed: State,
    declared: (type: NamedType) => readonly Desired<Json>[],
  ): string[]
  /** What is desired, and that it has none of these. */
  without(name: string, desired: State, rights: readonly string[]): State
}

/** What a run did to a resource, for its undo. */
export type Was<State> = {
  name: string
  /** As observed before; null: it was not there. */
  before: State | null
  /** What the run made of it; null: it was taken away. */
  after: State | null
  fields: readonly FieldChange[]
  /** Has the host keep a file's bytes, if they are these, and says at which path they will be. */
  keep: (path: string, sha256: string) => string
}

/** Desired state that brings back what was, with what stays all the same; or why there is none. */
export type UndoTarget<State> = { state: State | null; stays?: string } | { cannot: string }

/** A type whose props and state are not of interest where it is passed around. */
// Methods are bivariant, so every ResourceType<P, S> is assignable; only the DSL and the engine's own calls pair them up.
export type AnyType = ResourceType<Record<string, unknown>, Json>

/** What is to be, as declared; null: nothing. */
export function desiredOf<Props extends object, State>(
  type: Pick<Slots<Props, State, never, never>, 'desired' | 'absent'>,
  props: Props,
): State | null {
  return isAbsent(props) ? (type.absent?.desired?.(props) ?? null) : type.desired(props)
}

/** Mistakes a schema cannot say. */
export function mistakesIn<Props extends object>(
  type: Pick<Slots<Props, unknown, never, never>, 'check' | 'absent'>,
  props: Props,
): string[] {
  return (isAbsent(props) ? type.absent?.check?.(props) : type.check?.(props)) ?? []
}

export function isAbsent(props: object): boolean {
  return 'ensure' in props && props.ensure === 'absent'
}

/** Paths that a resource writes: what its type says, otherwise what it claims. */
export function pathsOf(type: Pick<AnyType, 'paths' | 'claims'>, name: string, state: Json): string[] {
  if (type.paths !== undefined) return state === null ? [] : type.paths(name, state)
  // What is to be gone claims nothing; where it lies, its name tells.
  const claims = type.claims?.(name, state ?? {}) ?? []
  return claims.flatMap((claim) => (claim.startsWith('path:') ? [claim.slice('path:'.length)] : []))
}
