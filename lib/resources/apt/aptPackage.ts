/**
 * A Debian package: whether it is installed, at which version, and whether it is held. All changes of a host are one
 * apt transaction. Read with dpkg-query(1); changed with apt-get(8) and apt-mark(8).
 */
import { byField } from '../../kit/byField.ts'
import {
  type Change,
  type Compared,
  type Output,
  NOTHING_LEFT,
  type ResourceType,
  Unknown,
  type Desired,
  type Was,
  type UndoTarget,
} from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { lines, quote, sh } from '../../kit/shell.ts'
import { foreseenOf, foreseeText } from './aptForeseen.ts'
import { type AptPackageState, JOURNAL, LIST, type PackageHow, transaction, WHOLE } from './aptTransaction.ts'

/**
 * @example
 * // Stays at the version that is installed, until the hold is taken away.
 * aptPackage({ name: 'htop', hold: true, recommends: false })
 * @example
 * absent(aptPackage, { name: 'nano', purge: true })
 */
export type AptPackage = {
  /** The name of a real package, not a virtual one; `name:arch` for another architecture. */
  name: string
  /**
   * Exactly this version, as `apt-cache policy` shows it. Any version is accepted when omitted.
   *
   * @example '1.26.3-3+deb13u1'
   */
  version?: string
  /** Held packages are not upgraded by apt. Left unchanged when omitted. */
  hold?: boolean
  /** Whether installing it also installs its recommended packages; no effect later. @default false */
  recommends?: boolean
  /** 'absent' removes it and keeps its configuration files. @default 'present' */
  ensure?: 'present' | 'absent'
  /** With 'absent': removes its configuration too, and what its removal scripts consider its data. @default false */
  purge?: boolean
}

export const aptPackage: ResourceType<AptPackage, AptPackageState, 'name', 'purge'> = {
  type: 'package',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[a-z0-9][a-z0-9.+-]+(:[a-z0-9-]+)?$',
        description: 'the name of one package, such as "nginx"; `version` takes a version',
      },
      version: {
        type: 'string',
        pattern: '^([0-9]+:)?[0-9][A-Za-z0-9.+~-]*$',
        description: 'a version as `apt-cache policy` shows it, such as "1.22.1-9"',
      },
      hold: { type: 'boolean' },
      recommends: { type: 'boolean' },
      ensure,
      purge: { type: 'boolean' },
    },
  },
  absentProps: ['purge'],
  name: ({ name }) => name,
  check: ({ purge }) => (purge === true ? ["purge goes with ensure: 'absent'"] : []),
  desired: ({ version, hold, recommends }) => ({ status: 'installed', version, hold, how: { recommends } }),
  absent: {
    check: ({ version, hold, recommends }) =>
      (version ?? hold ?? recommends) === undefined
        ? []
        : ['an absent package has no version, no hold and no recommends'],
    desired: ({ purge }) => (purge === true ? { status: 'purged' } : null),
  },
  state: form.fields<Compared<AptPackageState>>({
    status: form.inner(form.line()),
    version: form.optional(form.line()),
    hold: form.optional(form.flag),
    mark: form.optional(form.oneOf('auto', 'manual')),
    interrupted: form.optional(form.text()),
  }),
  how: form.optional(form.fields<PackageHow>({ recommends: form.optional(form.flag) })),
  read: {
    // One list covers the declared packages and those that dpkg has not finished.
    command: (entries) => `k_marks=${MARKS}; [ -r "$k_marks" ] || k_marks=/dev/null
{ ${sh`printf '%s\n' ${entries.map(({ name }) => name)} :`}; ${LIST} || echo "failed $?"; } | awk -F '\t' ${quote(LISTED)} "$k_marks" -
${JOURNAL}`,
    parse: parseList,
  },
  diff: (desired, observed) =>
    byField(
      {
        ...(observed.mark === 'auto' && desired.status === 'installed' ? { mark: 'manual' as const } : {}),
        ...desired,
        ...(observed.interrupted === undefined ? {} : { interrupted: 'nothing' }),
      },
      observed,
    ),
  drift: {
    field: ({ field, before, after }) => {
      if (field === 'hold') return after === true ? 'its hold released' : 'held'
      if (field === 'mark') return `marked ${String(before)}`
      return field === 'version' ? `${String(before)} installed` : undefined
    },
  },
  touches: ({ name, after }) => (after === null || after.status === 'purged' ? [{ without: name }] : []),
  consequence({ kind, after, fields }) {
    if (after?.status === 'purged') return 'destructive'
    // Whether any process of it runs is not read.
    if (kind === 'remove') return 'unknown'
    // Maintainer scripts restart the services of a new version.
    return kind === 'change' && fields.some(({ field }) => field === 'version' || field === 'interrupted')
      ? 'restart'
      : 'safe'
  },
  besides: besidesOf,
  foresee: { command: foreseeText, parse: ({ stdout }, changes) => foreseenOf(stdout, changes) },
  steps: (change) => transaction([change]),
  remove: (change) => transaction([change]),
  batch: transaction,
  holdsData: (observed) => (!(observed instanceof Unknown) && observed.status === 'purged' ? NOTHING_LEFT : undefined),
  undo: undoPackage,
  altersOthers: true,
}

/** States in which dpkg has a package's files or has not finished it. */
const THERE = ['installed', 'half-installed', 'unpacked', 'half-configured', 'triggers-awaited', 'triggers-pending']

/** Where apt notes which packages came only because others need them. It names the host's architecture for `all`. */
const MARKS = '/var/lib/apt/extended_states'
/**
 * Reads MARKS, then names, a line `:`, and LIST; prints the lines of those names and of what dpkg has not finished. A
 * line has six fields, and a seventh when the package is marked.
 */
const LISTED = `/^Package: / { of = substr($0, 10); next }
/^Architecture: / { as = substr($0, 15); next }
/^Auto-Installed: 1/ { marked[of, as]; marked[of, "all"]; next }
/^Auto-Installed: / || $0 == "" { next }
!listed { if ($0 == ":") listed = 1; else wanted[$0]; next }
$1 in wanted || ($1 ":" $2) in wanted || !(${WHOLE}) { print $0 (($1, $2) in marked ? "\\tauto" : "") }`
function parseList(
  { stdout, stderr, exit }: Output,
  declared: readonly Desired<AptPackageState>[],
): Map<string, AptPackageState | null> {
  const failed = exit === 0 ? /^failed (\d+)$/m.exec(stdout)?.[1] : exit
  if (failed !== undefined) throw new Error(`dpkg-query exited with ${failed}: ${stderr}`)
  const isJournal = (line: string): boolean => line === 'journal'
  const entries = lines(stdout)
    .filter((line) => !isJournal(line))
    .map(parseEntry)
  const found = new Map(entries.flatMap(({ names, state }) => names.map((name) => [name, state] as const)))
  const states = new Map(declared.map(({ name, desired }) => [name, stateOf(found.get(name), desired)]))
  const present = declared.filter(({ desired }) => desired?.status === 'installed').map(({ name }) => name)
  const interrupted = [
    ...entries
      .filter(({ names, isWhole }) => !isWhole && !names.some((name) => present.includes(name)))
      .map(({ names: [name = ''], state: { status } }) => `${name} ${status}`),
    ...(lines(stdout).some(isJournal) ? ['its journal'] : []),
  ].join(', ')
  const first = present.find((name) => states.get(name) !== null)
  if (interrupted !== '' && first !== undefined) states.set(first, { ...states.get(first)!, interrupted })
  return states
}

type Entry = { names: string[]; state: AptPackageState; isWhole: boolean }

function parseEntry(line: string): Entry {
  const [name, architecture, version, want, status, flag, mark] = line.split('\t')
  if (name === undefined || status === undefined || flag === undefined)
    throw new Error(`dpkg-query: not understood: ${JSON.stringify(line)}`)
  const isWhole = flag === 'ok' && ['installed', 'config-files', 'not-installed'].includes(status)
  const state = { status, version, hold: want === 'hold', ...(mark === undefined ? {} : { mark: 'auto' as const }) }
  return { names: [name, `${name}:${architecture}`], state, isWhole }
}

function stateOf(found: AptPackageState | undefined, desired: AptPackageState | null): AptPackageState | null {
  if (found?.status === 'not-installed') return stateOf(undefined, desired)
  if (desired?.status === 'purged') return found ?? { status: 'purged' }
  return found !== undefined && THERE.includes(found.status) ? found : null
}

/** The archive has one version of a package, rarely the previous one. */
function undoPackage({ before, after, fields }: Was<AptPackageState>): UndoTarget<AptPackageState> {
  if (before === null) return { state: null, stays: 'its configuration files, and packages that came with it' }
  const { status, version, hold, mark } = before
  if (after?.status === 'purged') return { cannot: 'its configuration was purged with it' }
  if (after !== null && fields.some(({ field }) => field === 'version'))
    return { cannot: `version ${version ?? ''} was installed, which the archive may no longer have` }
  if (after !== null && status !== 'installed') return { cannot: `it was ${status}` }
  return { state: { status: 'installed', hold, mark } }
}

/** What an operator may not expect of the change. */
function besidesOf({ before, after, fields }: Change<AptPackageState>): string[] {
  if (before === null || before instanceof Unknown) return []
  const isGone = after === null || after.status === 'purged'
  const isHeld = before.hold === true && after?.hold === undefined
  const isMoved = isGone || fields.some(({ field }) => field === 'version')
  return [
    ...(isHeld && isMoved ? [`it is held, and ${isGone ? 'goes' : 'changes'} all the same`] : []),
    ...(after === null ? ['its configuration files stay'] : []),
  ]
}
