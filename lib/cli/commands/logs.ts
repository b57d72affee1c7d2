/**
 * logs: the journal of all units and Nginx's access log as one stream by time. Nothing is written on the hosts.
 */
import type { InventoryHost } from '../../dsl/inventory.ts'
import { ACCESS, type Entry, LEVELS } from '../../engine/logs/entries.ts'
import { followLogs, readLogs } from '../../engine/logs/logs.ts'
import type { Time, Wanted } from '../../engine/logs/texts.ts'
import { worstOf } from '../../engine/exit.ts'
import { EXIT_CODES, type ExitName, type HostProblem } from '../../engine/report.ts'
import { cleanJson, cleanLine } from '../../render/clean.ts'
import { renderEntry } from '../../render/text/logText.ts'
import { renderProblem } from '../../render/text/problemText.ts'
import { errorProblem } from '../../render/view/problem.ts'
import type { CommandContext } from '../commandContext.ts'
import { describeError, UsageError } from '../errors.ts'
import { onEach } from '../fleet.ts'
import { findMachine } from '../machine.ts'
import { type HostFlags, type MachineFlags, parseCount, whereFrom } from '../options.ts'
import { hint, selectHosts } from '../select.ts'

export type LogsFlags = Pick<HostFlags, 'host' | 'forks'> &
  MachineFlags & { follow?: true; since?: string; until?: string; grep?: string; level?: string }

const FORMAT = '1.0'

type Ended = { host: string; address: string; lines: number; error?: HostProblem }

export async function logs(context: CommandContext, services: readonly string[], flags: LogsFlags): Promise<ExitName> {
  const { site, output, json, verbose } = context
  const chosen = selectHosts(site.hosts, flags.host)
  const where = whereFrom(flags, chosen.length)
  const wanted = wantedFrom(services, flags)
  const isShown = filterFrom(flags)
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
  const note = (text: string): void => output.err.write(`${cleanLine(text)}\n`)
  const show = (host: string, entry: Entry): void => {
    if (json) output.out.write(`${cleanJson({ host, ...timed(entry) })}\n`)
    else output.out.write(renderEntry(entry, output.out.page, chosen.length > 1 ? host : undefined))
  }
  const ended = await onEach<InventoryHost, Ended>(chosen, {
    forks: flags.follow === true ? chosen.length : parseCount('--forks', flags.forks),
    async work({ name, address, ...host }) {
      const { connect } = await findMachine(site, { name, address, ...host }, where, note)
      let lines = 0
      const onEntry = (entry: Entry): void => {
        if (!isShown(entry)) return
        lines += 1
        show(name, entry)
      }
      const options = { connect, wanted, onEntry, signal: stop.signal }
      if (flags.follow === true)
        await followLogs({ ...options, onLost: (because) => note(`${name}: ${because}; connecting again`) })
      else await readLogs(options)
      return { host: name, address, lines }
    },
    failed: ({ name, address }, error) => ({ host: name, address, lines: 0, error: describeError(error, verbose) }),
    tell({ host, error }) {
      if (error !== undefined && !stop.signal.aborted)
        output.err.write(renderProblem(errorProblem(error, host), output.err.page))
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
  const exit = stop.signal.aborted
    ? flags.follow === true
      ? 'ok'
      : 'interrupted'
    : worstOf(ended.map(({ error }) => error?.exit ?? 'ok'))
  if (json) {
    const report = { command: 'logs', format: FORMAT, hosts: ended, exit: { code: EXIT_CODES[exit], name: exit } }
    output.out.write(`${cleanJson(report)}\n`)
  }
  return exit
}

function timed({ time, service, level, message, request }: Entry): object {
  return { time: new Date(time / 1000).toISOString(), service, level, message, request }
}

/** Requests come along unless only other services are asked for. */
function wantedFrom(services: readonly string[], { since = '1h', until, follow }: LogsFlags): Wanted {
  for (const name of services)
    if (!/^[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,254}$/.test(name))
      throw new UsageError(`${JSON.stringify(name)} is no name of a service`)
  if (follow === true && until !== undefined) throw new UsageError('--follow and --until exclude each other')
  return {
    units: services.filter((name) => name !== ACCESS),
    journal: services.length === 0 || services.some((name) => name !== ACCESS),
    access: services.length === 0 || services.some((name) => name === ACCESS || /^nginx(\.service)?$/.test(name)),
    since: parseTime('--since', follow === true && since === '1h' ? '0s' : since),
    ...(until === undefined ? {} : { until: parseTime('--until', until) }),
  }
}

const UNITS: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `30m`, `2d`: so long ago; or a time such as `2026-11-28T17:00:00Z`, or `2026-11-28 17:00`, in UTC. */
export function parseTime(option: string, text: string): Time {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (count !== undefined) return { agoS: Number(count) * UNITS[unit!]! }
  const isZoned = /(Z|[+-]\d\d:?\d\d)$/.test(text)
  const time = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(isZoned || text.length === 10 ? text : `${text.replace(' ', 'T')}Z`)
    : Number.NaN
  if (Number.isFinite(time)) return { epochS: time / 1000 }
  throw new UsageError(
    `${option} takes a span such as 30m, or a time such as 2026-11-28T17:00:00Z, not ${JSON.stringify(text)}`,
  )
}

const ALIASES: { readonly [word: string]: string } = { warn: 'warning', error: 'err', critical: 'crit' }

function filterFrom({ grep, level }: LogsFlags): (entry: Entry) => boolean {
  const words = Object.keys(ALIASES)
  const most = LEVELS.findIndex((name) => name === (ALIASES[level ?? ''] ?? level))
  if (level !== undefined && most === -1)
    throw new UsageError(
      `--level takes ${LEVELS.join(', ')}, not ${JSON.stringify(level)}${hint(level, [...LEVELS, ...words])}`,
    )
  const pattern = grep === undefined ? undefined : patternFrom(grep)
  return ({ level: its, message }) =>
    (level === undefined || LEVELS.indexOf(its) <= most) && (pattern === undefined || pattern.test(message))
}

function patternFrom(grep: string): RegExp {
  try {
    return new RegExp(grep, 'u')
  } catch (error) {
    throw new UsageError(`--grep: ${error instanceof Error ? error.message : String(error)}`)
  }
}
