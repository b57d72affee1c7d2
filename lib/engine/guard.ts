/**
 * The lock-out guard. A change that may shut the operator out goes into a stage of its own. Before its first task the
 * host keeps what it is about to lose and starts a clock; after it the client has to come in anew, over another
 * connection and as root, and stop the clock. Otherwise the host goes back by itself, also when it was rebooted before
 * the clock ran out: the clock is a timer of systemd, and a start of the host counts as its end.
 *
 * Here is what is guarded, and the proof; guardText.ts is what the host does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '../transport/connection.ts'
import { Refused } from './errors.ts'
import { disarmText, HAS_REVERTED, KEPT, SETTINGS, UNITS } from './guardText.ts'
import type { Item } from './plan.ts'

/** Seconds a client has for coming in again. A stage with a guard takes a few of them. */
export const CLOCK_S = 30
/** Pause between attempts to come in. */
const PAUSE_MS = 1000

/** Whether the guard puts back what is at a path: a change of it may shut its operator out. */
export function isKept(path: string): boolean {
  return path.includes('/.ssh/') || KEPT.some((kept) => path === kept || path.startsWith(`${kept}/`))
}

/** Whether the guard puts a unit back into the state it was in. */
export function isKeptUnit(name: string): boolean {
  return name === 'sshd.service' || Object.hasOwn(UNITS, name)
}

/** Whether the guard puts back what a sysctl(8) key is set to. */
export function isKeptSetting(key: string): boolean {
  const [, setting = ''] = /^net\.ipv[46]\.conf\..*\.([a-z0-9_]+)$/.exec(key) ?? []
  return key === 'net.ipv4.ip_forward' || SETTINGS.includes(setting)
}

/** Whether a change may shut its operator out. */
export function isGuarded({ change, plan }: Item): boolean {
  return change !== undefined && plan.consequence === 'lockout'
}

/**
 * Comes in anew and stops the clock. The connection it came in by is the one to go on with.
 *
 * @param connect Logs in over a new connection; running a program there takes root's rights.
 * @throws {Refused} When the host has gone back: nothing of the guarded stage is left.
 */
export async function prove(
  connect: () => Promise<Connection>,
  { seconds, signal }: { seconds: number; signal: AbortSignal | undefined },
): Promise<Connection> {
  const until = performance.now() + seconds * 1000
  let because = ''
  while (performance.now() < until) {
    try {
      const connection = await comeIn(connect, disarmText())
      if (connection !== undefined) return connection
      break
    } catch (error) {
      because = error instanceof Error ? error.message : String(error)
      await delay(PAUSE_MS, undefined, signal === undefined ? {} : { signal })
    }
  }
  throw await goneBack(connect, because)
}

/** A new connection on which a program has succeeded; undefined when the program says no. */
async function comeIn(connect: () => Promise<Connection>, program: string): Promise<Connection | undefined> {
  const connection = await connect()
  try {
    const { exit } = await connection.run(program, { timeoutMs: 15_000 })
    if (exit === 0) return connection
  } catch (error) {
    await connection.close()
    throw error
  }
  await connection.close()
  return undefined
}

/** Waits until the host lets the client in again, which it does once it has gone back: on a busy one that takes its time. */
async function goneBack(connect: () => Promise<Connection>, because: string): Promise<Refused> {
  const until = performance.now() + 3 * CLOCK_S * 1000
  let state = 'it has not been seen to go back yet; its clock does that without this client'
  while (performance.now() < until) {
    // Whatever keeps the client out now, the next attempt may find gone.
    const back = await comeIn(connect, HAS_REVERTED).catch(() => undefined)
    if (back !== undefined) {
      await back.close()
      state = 'it went back to what it was'
      break
    }
    await delay(PAUSE_MS)
  }
  return new Refused(`after this change nobody could log in to the host any more, so ${state}`, {
    said: because,
    next: 'see that the firewall, sshd and sudo let you in as you come now, then converge again',
  })
}
