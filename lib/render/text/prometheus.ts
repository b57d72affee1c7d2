/**
 * What verify found in the text format of Prometheus, for its textfile collector. Pure.
 */
import type { VerifyReport } from '../../engine/verify/verify.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { cleanText } from '../clean.ts'

type Sample = { name: string; labels: { [label: string]: string }; value: number }

/** What is not checked has no sample, so that nothing takes it for passed. */
export function renderPrometheus(reports: readonly VerifyReport[], now: number): string {
  const samples = reports.flatMap((report) => samplesOf(report, now))
  const families = [...groupBy(samples, ({ name }) => name)]
  return families
    .map(
      ([name, its]) =>
        `# HELP ${name} ${HELP[name] ?? 'As measured by keelson verify.'}\n# TYPE ${name} gauge\n${its.map(line).join('')}`,
    )
    .join('')
}

const HELP: { readonly [name: string]: string } = {
  keelson_check: '1 where a check passed, or can wait; 0 where something is wrong.',
  keelson_check_warning: '1 where a check found something that can wait, but not for long.',
  keelson_checks_unchecked: 'Checks that could not be made.',
  keelson_verify_seconds: 'How long all checks of the host took.',
  keelson_verify_timestamp_seconds: 'When the checks were made.',
}

function samplesOf({ host, checks, seconds }: VerifyReport, now: number): Sample[] {
  const made = checks.filter(({ state }) => state !== 'unchecked')
  return [
    ...made.flatMap(({ check, about, state, measure }): Sample[] => {
      const labels = { host, check, about }
      return [
        { name: 'keelson_check', labels, value: state === 'wrong' ? 0 : 1 },
        { name: 'keelson_check_warning', labels, value: state === 'warning' ? 1 : 0 },
        ...(measure === undefined
          ? []
          : [{ name: `keelson_${measure.name}`, labels: { host, about }, value: measure.value }]),
      ]
    }),
    { name: 'keelson_checks_unchecked', labels: { host }, value: checks.length - made.length },
    { name: 'keelson_verify_seconds', labels: { host }, value: seconds },
    { name: 'keelson_verify_timestamp_seconds', labels: { host }, value: Math.round(now / 1000) },
  ]
}

function line({ name, labels, value }: Sample): string {
  const text = Object.entries(labels).map(([label, of]) => `${label}="${escaped(of)}"`)
  return `${name}{${text.join(',')}} ${value}\n`
}

function escaped(value: string): string {
  return cleanText(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
