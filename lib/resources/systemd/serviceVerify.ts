/**
 * What a running service promises: that it stays up, listens, and answers its own probe. One systemctl and one ss for
 * all of them; the probes run at the same time.
 */
import type { Output } from '../../kit/resourceType.ts'
import { lines, sh } from '../../kit/shell.ts'
import type { Declared, Finding, Verify } from '../../kit/verify.ts'
import type { ServiceState, Wishes } from './serviceReading.ts'
import { parseShown, type Shown } from './unitFiles.ts'

const PROPERTIES = 'Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,ActiveEnterTimestampMonotonic'
/** A unit that was started again by itself, and has been up for less than that, is taken to do so again, in seconds. */
const RESTART_LOOP_S = 120
const PROBE_S = 4

type Services = readonly Declared<ServiceState>[]
type One = {
  unit: string
  state: ServiceState
  shown: Shown
  upS: number
  listening: ReadonlySet<string>
  probe: number
}

export const serviceVerify: Verify<ServiceState> = {
  means: {
    service:
      'every declared service runs, or does not, as declared; it starts at boot, is not in a restart loop, listens where it should, and its probe succeeds',
  },
  ports: (_name, { how }) => (how?.wishes.listens ?? []).flatMap(openPort),
  units: (name) => [name],
  look: { command: lookAtServices, parse: parseLooks },
}

/** Of a listener for others: one on loopback, or on a socket in the file system, opens no port. */
function openPort(listens: string): number[] {
  const [, address = '', port] = /^(.*:)?(\d{1,5})$/.exec(listens) ?? []
  return port === undefined || /^(127\.|\[::1\])/.test(address) ? [] : [Number(port)]
}

function lookAtServices(entries: Services): string {
  const probes = entries.flatMap(({ state }, index) => {
    const probe = state.how?.wishes.probe
    if (probe === undefined || state.running !== true) return []
    return [`{ ${sh`timeout ${PROBE_S} sh -c ${probe}`} >/dev/null 2>&1; echo "${index} $?"; } &`]
  })
  const sockets = entries.flatMap(({ state }) => (state.how?.wishes.listens ?? []).filter((one) => one.startsWith('/')))
  return `${sh`systemctl show -p ${PROPERTIES} -- ${entries.map(({ name }) => name)}`}
printf '\\0'
cat /proc/uptime
printf '\\0'
ss -Hltn | awk '{ print $4 }'
${sockets.map((path) => sh`[ ! -S ${path} ] || echo ${path}`).join('\n')}
printf '\\0'
${probes.join('\n')}
wait`
}

/** @throws {Error} When systemctl did not answer for each unit. */
function parseLooks({ stdout, stderr }: Output, entries: Services): Finding[] {
  const [units = '', uptime = '', listening = '', probes = ''] = stdout.split('\0')
  const blocks = units
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map(parseShown)
  if (blocks.length !== entries.length) throw new Error(`systemctl show: ${stderr || units.slice(0, 300)}`)
  const upS = Number(uptime.trim().split(' ', 1).join(''))
  const probed = new Map(
    lines(probes).map((line): [number, number] => {
      const [index, exit] = line.split(' ').map(Number)
      return [index ?? Number.NaN, exit ?? Number.NaN]
    }),
  )
  const open = new Set(lines(listening).map((one) => one.trim()))
  return entries.map(({ name, state }, index) => {
    const one = { unit: name, state, shown: blocks[index] ?? {}, upS, listening: open, probe: probed.get(index) ?? 0 }
    const problem = problemOf(one)
    const about = { check: 'service', about: name }
    if (problem !== undefined) return { ...about, state: 'wrong', ...problem }
    return { ...about, state: 'ok', said: state.running === true ? 'running' : 'as declared' }
  })
}

type Problem = { said: string; next: string }

function problemOf(one: One): Problem | undefined {
  const { unit, state, shown } = one
  const active = shown['ActiveState'] ?? ''
  const isUp = ['active', 'reloading', 'refreshing'].includes(active)
  const journal = `look at journalctl -u ${unit}, then converge`
  if (shown['LoadState'] === 'not-found') return { said: 'the host has no such unit', next: 'converge' }
  if (state.running === false && isUp) return { said: 'it runs, and should not', next: 'converge' }
  if (state.running === true && !isUp) {
    const loops = shown['SubState'] === 'auto-restart'
    const why =
      shown['Result'] === 'success' || shown['Result'] === undefined ? '' : ` (${shown['Result'].slice(0, 40)})`
    return { said: `${loops ? 'it starts again and again' : `it is ${active.slice(0, 40)}`}${why}`, next: journal }
  }
  if (
    state.enabled === true &&
    !['enabled', 'alias', 'static', 'indirect', 'generated'].includes(shown['UnitFileState'] ?? '')
  )
    return { said: `it does not start at boot (${(shown['UnitFileState'] ?? '').slice(0, 40)})`, next: 'converge' }
  return state.running === true ? (loopOf(one, journal) ?? answerOf(one, journal)) : undefined
}

function loopOf({ shown, upS }: One, next: string): Problem | undefined {
  const restarts = Number(shown['NRestarts'] ?? 0)
  const sinceS = Math.round(upS - Number(shown['ActiveEnterTimestampMonotonic'] ?? 0) / 1e6)
  if (restarts === 0 || sinceS > RESTART_LOOP_S) return undefined
  return { said: `it was started again ${restarts} times, the last time ${sinceS} s ago`, next }
}

function answerOf({ state, listening, probe }: One, next: string): Problem | undefined {
  const { listens = [] }: Partial<Wishes> = state.how?.wishes ?? {}
  const missing = listens.filter((address) => !isListening(address, listening))
  if (missing.length > 0) return { said: `nothing listens on ${missing.join(', ')}`, next }
  if (probe === 0) return undefined
  return { said: probe === 124 ? `its probe did not end within ${PROBE_S} s` : 'its probe fails', next }
}

function isListening(address: string, listening: ReadonlySet<string>): boolean {
  if (address.startsWith('/') || address.includes(':')) return listening.has(address)
  return [...listening].some((local) => local.endsWith(`:${address}`))
}
