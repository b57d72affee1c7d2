/**
 * The figures as a Markdown table: ratios first, the seconds they came from beside them.
 */
import { median } from './stopwatch.ts'

/** One series: the same program, the same line. */
export type Series = {
  what: 'nothing to do' | 'first converge'
  name: string
  latencyMs: number
  /** Wall time of each run. */
  seconds: number[]
}

/** @param subject Name of the series that the others of a row are compared with. */
export function renderTable(all: readonly Series[], subject: string): string {
  const rows = groups(all).flatMap((series) => {
    const own = series.find(({ name }) => name === subject)
    if (own === undefined) return []
    const mine = median(own.seconds)
    const others = series.filter((one) => one !== own).map((one) => cell(mine, one))
    const { what, latencyMs } = own
    return [[what, `${latencyMs} ms`, shownSeconds(own.seconds), ...others]]
  })
  const width = Math.max(...rows.map((row) => row.length))
  const head = ['', 'round trip', subject, 'against', ...Array.from({ length: Math.max(0, width - 4) }, () => '')]
  return [head, head.map(() => '---'), ...rows.map((row) => [...row, ...head.slice(row.length).map(() => '')])]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}

function groups(all: readonly Series[]): Series[][] {
  const keys = [...new Set(all.map(keyOf))]
  return keys.map((key) => all.filter((series) => keyOf(series) === key))
}

function keyOf({ what, latencyMs }: Series): string {
  return `${what} ${latencyMs}`
}

/** `40.1 × faster than Ansible (40.1 s)`, `1.9 × the limit (0.5 s)` */
function cell(mine: number, { name, seconds }: Series): string {
  const other = median(seconds)
  const ratio = other >= mine ? `${shownRatio(other / mine)} × faster than` : `${shownRatio(mine / other)} × as long as`
  return `**${ratio} ${name}** (${shownSeconds(seconds)})`
}

function shownRatio(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)
}

function shownSeconds(seconds: readonly number[]): string {
  const middle = median(seconds)
  return `${middle >= 10 ? middle.toFixed(1) : middle.toFixed(2)} s`
}
