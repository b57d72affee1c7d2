/**
 * What converging comes to, and how it is judged.
 */
import type { HostReport } from '../../lib/engine/report.ts'

/** Kinds of change that do something on a host. */
export const DOES: ReadonlySet<string> = new Set(['create', 'change', 'remove', 'follow-up'])

/** @returns What it came to, or why it did not. */
export function comesTo(work: Promise<HostReport>): Promise<HostReport | Error> {
  return work.catch((error: unknown) => {
    if (error instanceof Error) return error
    throw error
  })
}

export function assertWell(report: HostReport | Error): asserts report is HostReport {
  if (report instanceof Error) throw report
  if (report.error !== undefined) throw new Error(`${report.error.message}: ${report.error.said}`)
  const bad = report.changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  if (bad.length > 0) throw new Error(bad.map(({ ref, failure }) => `${ref}: ${failure?.said ?? ''}`).join('\n'))
}

/** Says what differs, which a message of our own would hide. */
export function assertSame(seen: string, expected: string, about: string): void {
  if (seen === expected) return
  const [has, should] = [seen.split('\n'), expected.split('\n')]
  const lines = [
    ...has.filter((line) => !should.includes(line)).map((line) => `+${line}`),
    ...should.filter((line) => !has.includes(line)).map((line) => `-${line}`),
  ]
  throw new Error(`${about}: not as it should be:\n${lines.join('\n')}`)
}
