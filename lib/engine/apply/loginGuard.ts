/**
 * The lock-out guard. A change that may shut the operator out goes into a stage of its own. Before its first task the
 * host keeps what it is about to lose and starts a clock; after it the client has to come in anew, over another
 * connection and as root, and stop the clock. Otherwise the host goes back by itself, also when it was rebooted before
 * the clock ran out: the clock is a timer of systemd, and a start of the host counts as its end.
 *
 * What is guarded is found by touches.ts from the table in waysIn.ts. Here is what of it a stage keeps, and the proof;
 * guardText.ts is what the host does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '../../transport/connection.ts'
import { Refused } from '../errors.ts'
import type { Carried, Keep } from '../onHost/guardKeep.ts'
import { AWAIT_REVERT, disarmText, HAS_REVERTED } from '../onHost/guard.ts'
import type { Planned } from '../plan/planned.ts'
import { touchesOf, type WaysContext } from '../plan/touches.ts'
import { NO_WAYS, ownWays } from '../host/ways.ts'
import { KEPT_UNITS } from '../host/waysIn.ts'

/** Seconds a client has for coming in again. A stage with a guard takes a few of them. */
export const CLOCK_S = 30
/** Pause between attempts to come in. */
const PAUSE_MS = 1000

/** What the host is to keep for a stage, besides the table of ways in: what its guarded changes are about. */
export function keepOf(
  items: readonly Planned[],
  carried: readonly Carried[],
  { operator, ways = NO_WAYS }: WaysContext,
): Keep {
  const account = operator?.account ?? 'root'
  const touches = items.flatMap(({ type, change }) => (change === undefined ? [] : touchesOf(type, change)))
  const units = touches.flatMap((touch) => ('unit' in touch && !KEPT_UNITS.has(touch.unit) ? [touch.unit] : []))
  // A mask is a link in place of the unit's file.
  const unitFiles = units.map((unit) => `/etc/systemd/system/${unit}`)
  return {
    carried,
    touched: [...touches.flatMap((touch) => ('path' in touch ? [touch.path] : [])), ...unitFiles],
    named: ownWays(ways, account).named,
    operator: account,
    accounts: touches.flatMap((touch) => ('account' in touch ? [touch.account] : [])),
    rootHome: ways.homes.get('root') ?? '/root',
    units,
    settings: touches.flatMap((touch) => ('setting' in touch ? [`/proc/sys/${settingPath(touch.setting)}`] : [])),
  }
}

/** Dots and slashes change places (sysctl(8)). */
function settingPath(key: string): string {
  return key.replaceAll(/[./]/g, (char) => (char === '.' ? '/' : '.'))
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

/** Whether the guard has put back what it kept; one that is at it is waited for. */
export async function hasReverted(connect: () => Promise<Connection>): Promise<boolean> {
  const connection = await comeIn(connect, `${AWAIT_REVERT}\n${HAS_REVERTED}`)
  await connection?.close()
  return connection !== undefined
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
    why: because,
    next: 'see that the firewall, sshd and sudo let you in as you come now, then converge again',
  })
}
