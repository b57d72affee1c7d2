/**
 * One entry of a log as a line of text. Pure.
 */
import type { Entry } from '../../engine/logs/entries.ts'
import { cleanLine } from '../clean.ts'
import type { Page } from './page.ts'

const COLOURS = ['cyan', 'green', 'magenta', 'blue', 'yellow'] as const

/** @param host Absent where all lines are of one host. */
export function renderEntry({ time, service, level, message }: Entry, { colors }: Page, host?: string): string {
  const name = cleanLine(service)
  const colour = COLOURS[Buffer.from(name).reduce((sum, byte) => sum + byte, 0) % COLOURS.length]!
  const said = cleanLine(message.trimEnd())
  const text =
    level === 'info' || level === 'notice' || level === 'debug'
      ? said
      : level === 'warning'
        ? colors.yellow(said)
        : colors.red(said)
  const from = host === undefined ? '' : `${colors.bold(cleanLine(host))} `
  return `${colors.dim(instant(time))} ${from}${colors[colour](name)}  ${text}\n`
}

/** `2026-11-28 17:33:54.123`, in UTC. */
function instant(time: number): string {
  return new Date(time / 1000).toISOString().slice(0, -1).replace('T', ' ')
}
