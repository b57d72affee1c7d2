/**
 * The lock-out guard. A change that may lock the operator out goes into a stage of its own. Before the first task of
 * the stage, the host keeps what the stage may destroy and starts a clock; after the stage the client has to log in
 * again, over another connection and as root, and stop the clock. Otherwise the host reverts by itself, also when it
 * was rebooted before the clock ran out: the clock is a timer of systemd, and a boot of the host counts as its end.
 *
 * touches.ts decides what is guarded, by the table in waysIn.ts. This file decides what a stage keeps, and proves the
 * login; onHost/guard.ts is what runs on the host.
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

/** Seconds that a client has to log in again. A stage with a guard takes a few of them. */
export const CLOCK_S = 30
/** Pause between attempts to log in. */
const PAUSE_MS = 1000

/** What the host keeps for a stage in addition to the table of ways in: what its guarded changes are about. */
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

/** Converts a sysctl(8) key, in which dots and slashes change places. */
function settingPath(key: string): string {
  return key.replaceAll(/[./]/g, (char) => (char === '.' ? '/' : '.'))
}

/**
 * Logs in again and stops the clock. The run continues over the new connection.
 *
 * @param connect Logs in over a new connection; a program there runs as root.
 * @throws {Refused} When the host has reverted: nothing of the guarded stage is left.
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

/** A new connection on which the program has succeeded; undefined when the program fails. */
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

/** Whether the guard has put back what it kept; waits for a revert in progress. */
export async function hasReverted(connect: () => Promise<Connection>): Promise<boolean> {
  const connection = await comeIn(connect, `${AWAIT_REVERT}\n${HAS_REVERTED}`)
  await connection?.close()
  return connection !== undefined
}

/** Waits until the host lets the client in again, which it does once it has reverted; on a busy host that takes time. */
async function goneBack(connect: () => Promise<Connection>, because: string): Promise<Refused> {
  const until = performance.now() + 3 * CLOCK_S * 1000
  let state = 'it has not been seen to go back yet; its clock does that without this client'
  while (performance.now() < until) {
    // The next attempt may succeed, whatever keeps the client out now.
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
