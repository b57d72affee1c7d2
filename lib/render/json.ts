/**
 * What a command has to say as one line of JSON, the last line of stdout under `--json`. Pure.
 */
import { type AnyReport, EXIT_CODES, type ExitName, type HostReport, type Plan } from '../engine/report.ts'
import { cleanJson } from './clean.ts'

/**
 * `major.minor` of every such line; schemas/report-1.json publishes it. A later minor version adds keys, a later major
 * version changes what known keys mean.
 */
export const REPORT_FORMAT = '1.0'

/** A host's report, with its plan for what is known of the host as a whole. */
export type Reported<Report extends AnyReport = HostReport> = { report: Report; plan?: Plan }

export function renderJson(command: string, hosts: readonly Reported<AnyReport>[], exit: ExitName): string {
  return jsonLine(command, { hosts: hosts.map(hostJson) }, exit)
}

/** @param about What the command has to say, by name. */
export function jsonLine(command: string, about: object, exit: ExitName = 'ok'): string {
  const line = { format: REPORT_FORMAT, command, ...about, exit: { code: EXIT_CODES[exit], name: exit } }
  return `${cleanJson(line)}\n`
}

function hostJson({ report, plan }: Reported<AnyReport>): object {
  if (plan === undefined) return report
  const { partial, first, warnings, lockouts, followUps, digest } = plan
  return { ...report, plan: { partial, first, warnings, lockouts, followUps, digest } }
}
