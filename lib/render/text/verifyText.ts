/**
 * What verify found as text. Pure.
 */
import type { CheckState } from '../../kit/verify.ts'
import type { VerifyView } from '../view/verify.ts'
import { fit, pad, type Page, widest } from './page.ts'

const MARKS = { ok: '✓', wrong: '✗', warning: '!', unchecked: '·' } as const
const COLOURS = { ok: 'green', wrong: 'red', warning: 'yellow', unchecked: 'dim' } as const

export function renderVerify({ title, address, sum, rows, passed, seconds, state }: VerifyView, page: Page): string {
  const { colors } = page
  const mark = (which: CheckState): string => colors[COLOURS[which]](MARKS[which])
  const check = widest([...rows, ...passed].map((row) => row.check))
  const notable = rows.flatMap((row) => {
    const said = row.state === 'unchecked' ? `not checked: ${row.said}` : row.said
    return [
      `  ${mark(row.state)} ${pad(row.check, check)}  ${row.about === row.check ? '' : `${colors.bold(row.about)}  `}${said}`,
      ...(row.next === undefined ? [] : [`    ${pad('', check)}  ${colors.dim(`next  ${row.next}`)}`]),
    ]
  })
  const well = passed.flatMap((row) =>
    page.verbose
      ? row.about.map((about) => `  ${mark('ok')} ${pad(row.check, check)}  ${about}`)
      : [`  ${mark('ok')} ${pad(row.check, check)}  ${fit(row.about.join(', '), page, check + 6)}`],
  )
  const head = `${colors.bold(title)}  ${address}  ${colors[COLOURS[state]](sum)}  ${colors.dim(seconds)}`
  return `${[head, '', ...notable, ...(notable.length > 0 && well.length > 0 ? [''] : []), ...well].join('\n')}\n`
}
