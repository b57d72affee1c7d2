/**
 * What a host has come to, so that the ways are compared only when they did the same work.
 */
import { readFile } from 'node:fs/promises'
import https from 'node:https'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { SandboxHost } from '../lib/sandbox/sandbox.ts'
import { sshArguments, withReach } from './reach.ts'
import { run } from './stopwatch.ts'

const DOMAINS = [
  'takeclient.com',
  'www.takeclient.com',
  'app.takeclient.com',
  'tenant-1.app.takeclient.com',
  'administration.takeclient.com',
  'api.takeclient.com',
]
const OPEN = [22, 80, 443]
const CLOSED = [3000, 8000, 5432, 6379]
const ANSWER_WITHIN_MS = 5000

/** `what: value` lines, from inside the host and as the world sees it. */
export async function readEndState(host: SandboxHost): Promise<string[]> {
  const program = await readFile(new URL('./endState.sh', import.meta.url), 'utf8')
  const inside = await withReach(host, 0, async (reach) => {
    const { stdout } = await run({ file: 'ssh', args: sshArguments(reach, 'sh'), input: Buffer.from(program) })
    return stdout.trimEnd().split('\n')
  })
  const answers = DOMAINS.map(async (domain) => `${domain}: ${await answerOf(host.address, domain)}`)
  const ports = [...OPEN, ...CLOSED].map(
    async (port) => `port ${port} from outside: ${(await isOpen(host.address, port)) ? 'open' : 'closed'}`,
  )
  return [...inside, ...(await Promise.all([...answers, ...ports]))]
}

/** Lines that only one of two end states has, marked by its name. */
export function differences(a: { name: string; state: readonly string[] }, b: typeof a): string[] {
  const only = (mine: typeof a, other: typeof a) =>
    mine.state.filter((line) => !other.state.includes(line)).map((line) => `${mine.name} has ${line}`)
  return [...only(a, b), ...only(b, a)]
}

/** Status and body: the stand-ins answer with their name, the Host, and what PostgreSQL and Redis told them. */
function answerOf(address: string, domain: string): Promise<string> {
  return new Promise((resolve) => {
    const request = https.get({
      host: address,
      headers: { host: domain },
      servername: domain,
      rejectUnauthorized: false,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    })
    request.once('response', (response) => {
      void text(response).then((body) => resolve(`${response.statusCode} ${body.trim()}`))
    })
    request.once('error', (error) => resolve(error.message))
  })
}

function isOpen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 1000 })
    const end = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}
