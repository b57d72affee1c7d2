/**
 * Options that several commands share, converted from commander's strings to values.
 */
import { type Command, Option } from 'commander'
import type { ExitName } from '../engine/report.ts'
import { UsageError } from './errors.ts'
import { parseAt, type Where } from './machine.ts'

export type HostFlags = { host: string[]; only: string[]; forks: string }
export type AllowFlags = { allow?: 'lockout' }
export type MachineFlags = { sandbox?: string | true; at?: string; identity?: string; hostKey?: string }
export type ConvergeFlags = HostFlags &
  MachineFlags &
  AllowFlags & { yes?: boolean; allowRemove?: string; wait?: boolean; digest: string[] }

/** Sets the exit code of the command line. */
export type Run = (work: () => Promise<ExitName | number>) => Promise<void>

/** Forms in which `plan show` writes a plan file. */
export const SHOW_FORMS = ['text', 'markdown', 'md', 'html', 'json'] as const
export type ShowFlags = { as: (typeof SHOW_FORMS)[number] }

/** Heading of the options that ask, wait or refuse. */
export const SAFETY = 'Safety:'

/** @param command Gets the options `--json`, `--verbose` and `--no-color`. */
export function addGlobals(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--json', 'the last line of stdout is the report')
    .option('--verbose', 'show everything in full length')
    .option('--no-color', 'no colours; NO_COLOR and FORCE_COLOR are heeded too')
}

export function addHosts(command: Command): Command {
  return command
    .optionsGroup('Targets:')
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
    .addOption(several('--only <what>', 'a ref, type, tag, recipe file or pattern, with what it needs', 'everything'))
}

/** An option that may be repeated. */
export function several(flags: string, description: string, otherwise: string): Option {
  return new Option(flags, `${description} (repeatable)`)
    .default([], otherwise)
    .argParser((value: string, before: string[]) => [...before, value])
}

export function addMachine(command: Command): Command {
  return command
    .optionsGroup('Targets:')
    .option('--sandbox [name]', 'run against a throw-away host of the same system, booted if need be')
    .option('--at <user@address[:port]>', 'run against any other machine; "local" is this one, without ssh')
    .option('--identity <file>', 'with --at: the private key to log in with')
    .option('--host-key <key>', 'with --at: the public host key, "ssh-ed25519 AAAA…"')
    .option('--forks <n>', 'hosts at a time', '10')
}

/** @param command Gets `--allow lockout`, which permits a plan that would otherwise be refused. */
export function addAllow(command: Command): Command {
  return command
    .optionsGroup(SAFETY)
    .addOption(
      new Option('--allow <what>', 'lockout: go on though it is certain that nobody could log in afterwards').choices([
        'lockout',
      ]),
    )
}

export function allowsLockout({ allow }: AllowFlags): { allowLockout: boolean } {
  return { allowLockout: allow === 'lockout' }
}

/** @throws {UsageError} When options exclude each other. */
export function whereFrom({ sandbox, at, identity, hostKey }: MachineFlags, hosts: number): Where {
  if (sandbox !== undefined && at !== undefined) throw new UsageError('--sandbox and --at exclude each other')
  if (at === undefined && (identity ?? hostKey) !== undefined) {
    throw new UsageError(
      '--identity and --host-key go with --at',
      'for the hosts of the site they stand in the inventory',
    )
  }
  const isOneMachine = at !== undefined || typeof sandbox === 'string'
  if (isOneMachine && hosts !== 1) {
    throw new UsageError(`one machine cannot stand in for ${hosts} hosts`, 'choose one with --host NAME')
  }
  if (at === 'local') return { kind: 'local' }
  if (at !== undefined) {
    const more = { ...(identity === undefined ? {} : { identity }), ...(hostKey === undefined ? {} : { hostKey }) }
    return { kind: 'other', target: parseAt(at, more) }
  }
  if (sandbox === undefined) return { kind: 'own' }
  return { kind: 'sandbox', ...(sandbox === true ? {} : { name: sandbox }) }
}

/**
 * Digests of reviewed plans by host. One that is given alone is that of the only host.
 * @throws {UsageError} When a chosen host has none, unless no host has one.
 */
export function digestsFrom(words: readonly string[], hosts: readonly { name: string }[]): Map<string, string> {
  const digests = new Map(words.map((word) => parseDigest(word, hosts)))
  const missing = hosts.find(({ name }) => !digests.has(name))
  if (digests.size === 0 || missing === undefined) return digests
  throw new UsageError(
    `--digest says nothing of ${missing.name}`,
    'give HOST=DIGEST for each host, or choose one with --host',
  )
}

function parseDigest(word: string, hosts: readonly { name: string }[]): [host: string, digest: string] {
  const at = word.lastIndexOf('=')
  const digest = word.slice(at + 1)
  const host = at === -1 && hosts.length === 1 ? hosts[0]!.name : word.slice(0, Math.max(0, at))
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new UsageError(
      `--digest takes the whole digest of a plan, not ${JSON.stringify(digest)}`,
      'plan --verbose and plan --json show it',
    )
  if (!hosts.some(({ name }) => name === host))
    throw new UsageError(
      `--digest must say of which host it is`,
      'give HOST=DIGEST for each host, or choose one with --host',
    )
  return [host, digest]
}

/** A whole number. @throws {UsageError} */
export function parseCount(option: string, text: string, least = 1): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text)
  throw new UsageError(`${option} takes a whole number from ${least} on, not ${JSON.stringify(text)}`)
}

/** The end of a command's help. */
export function examples(program: Command, ...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${program.name()} ${line}`).join('\n')}\n`
}
