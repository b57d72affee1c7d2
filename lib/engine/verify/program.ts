/**
 * The one program that `verify` runs on a host, and its answer. It writes nothing. It first prints the host's clock and
 * addresses, which the probes from outside need; then what is looked at on the host; then it waits for a line on its
 * standard input, which tells that the probes have been made, and prints what the host logged of them.
 */
import { isIPv4 } from 'node:net'
import { PassThrough } from 'node:stream'
import type { Connection } from '../../transport/connection.ts'
import { LONGEST_ANSWER, tooMuch } from '../host/ask.ts'
import { type Answer, framedProgram, parseFrames, type Section } from '../host/read.ts'
import type { Way } from './outside.ts'

const START = 'host-start'
const START_TEXT = `date +%s.%N
ip -o addr show scope global 2>/dev/null | sed -n 's,.* inet6* \\([0-9a-f.:]*\\)/.*,\\1,p' | head -n 100`

export type Start = {
  /** Of the host, in seconds since 1970. */
  clock: number
  addresses: string[]
  /** When the answer arrived, by this machine's clock, in milliseconds. */
  answered: number
}

export type Sections = { first: readonly Section[]; late: readonly Section[] }

/**
 * @param onStart Called once, when the host has said its addresses; the late sections run when its promise is settled.
 * @throws {HostError | TransportError} When the connection fails or the answer is not complete.
 */
export async function askHost(
  connection: Connection,
  { first, late }: Sections,
  mark: string,
  timeoutMs: number,
  onStart: (start: Start) => Promise<unknown>,
): Promise<ReadonlyMap<string, Answer>> {
  const start = [{ name: START, text: START_TEXT }]
  const program = `${framedProgram(start, mark)}
${framedProgram(first, mark)}
read -r k_go || :
${late.length === 0 ? ':' : framedProgram(late, mark)}`
  const input = new PassThrough()
  const go = (): void => void input.end('go\n')
  const chunks: Buffer[] = []
  let bytes = 0
  let isStarted = false
  const { stderr } = await connection.run(program, {
    input,
    timeoutMs,
    onStdout(chunk) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > LONGEST_ANSWER) throw tooMuch()
      if (isStarted) return
      const found = startIn(Buffer.concat(chunks), mark)
      if (found === undefined) return
      isStarted = true
      onStart(found).then(go, go)
    },
  })
  const names = [...start, ...first, ...late].map(({ name }) => name)
  return parseFrames(Buffer.concat(chunks), stderr, mark, names)
}

function startIn(stdout: Buffer, mark: string): Start | undefined {
  if (!stdout.includes(`${mark} ${START} said\n`)) return undefined
  const answer = parseFrames(stdout, '', mark, [START]).get(START)!
  const [clock = '', ...addresses] = answer.stdout.split('\n')
  return {
    clock: Number(clock),
    addresses: addresses.filter((one) => /^[0-9a-f.:]{2,45}$/.test(one)).slice(0, 100),
    answered: Date.now(),
  }
}

/** Addresses under which the host is tried: the declared one, and one of its own of the other family. */
export function waysTo(declared: string, own: readonly string[], standIn: boolean): Way[] {
  const all = [...(/^[0-9a-f.:]+$/i.test(declared) ? [declared] : []), ...own]
  const first = (isOf: (address: string) => boolean): string | undefined => all.find(isOf)
  // Those are reached within one network only: on a real server they say nothing of what others see.
  const isPrivate = (address: string): boolean => /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd])/i.test(address)
  const isUsable = (address: string): boolean => standIn || address === declared || !isPrivate(address)
  const v4 = first((address) => isIPv4(address) && isUsable(address))
  const v6 = first((address) => address.includes(':') && isUsable(address))
  return [
    ...(v4 === undefined ? [] : [{ family: 'IPv4' as const, address: v4 }]),
    ...(v6 === undefined ? [] : [{ family: 'IPv6' as const, address: v6 }]),
  ]
}
