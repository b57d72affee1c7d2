/**
 * The report as one line of JSON, the last line of stdout under `--json`. Pure.
 */
import { type AnyReport, EXIT_CODES, type ExitName, type HostReport, type Plan } from '../engine/report.ts'
import { cleanJson } from './clean.ts'

/** A host's report, with its plan for what is known of the host as a whole. */
export type Reported<Report extends AnyReport = HostReport> = { report: Report; plan?: Plan }

export function renderJson(command: string, hosts: readonly Reported<AnyReport>[], exit: ExitName): string {
  const line = { command, hosts: hosts.map(hostJson), exit: { code: EXIT_CODES[exit], name: exit } }
  return `${cleanJson(line)}\n`
}

function hostJson({ report, plan }: Reported<AnyReport>): object {
  if (plan === undefined) return report
  const { partial, first, warnings, lockouts, followUps, digest } = plan
  return { ...report, plan: { partial, first, warnings, lockouts, followUps, digest } }
}
