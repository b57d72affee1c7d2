/**
 * What machines cost as text. Pure.
 */
import type { CostView } from '../view/cost.ts'
import { pad, type Page, widest } from './page.ts'

export function renderCost({ machines, phases, closing }: CostView, { colors }: Page): string {
  const rows = machines.flatMap((machine) => machine.rows)
  const what = widest([...rows.map((row) => row.what), 'together'])
  const money = widest([...rows.map((row) => row.euro), ...machines.map(({ sum }) => sum)])
  const blocks = machines.map(({ title, rows: its, sum }) =>
    [
      colors.bold(title),
      ...its.map((row) => `  ${pad(row.what, what)}  ${row.euro.padStart(money)}  ${colors.dim(row.about)}`.trimEnd()),
      `  ${pad('together', what)}  ${colors.bold(sum.padStart(money))}`,
    ].join('\n'),
  )
  const name = widest(phases.map((phase) => phase.name))
  const servers = widest(phases.map((phase) => phase.machines))
  const sums = widest(phases.map((phase) => phase.euro))
  const lines = phases.map(
    (phase) => `  ${pad(phase.name, name)}  ${pad(phase.machines, servers)}  ${phase.euro.padStart(sums)}`,
  )
  return `${[...blocks, [colors.bold('phases'), ...lines].join('\n'), colors.dim(closing)].join('\n\n')}\n`
}
