/**
 * Secrets by name: whether each has a value, and where recipes use it. Pure.
 */
import { cleanLine } from '../clean.ts'
import { isWithin, pad, type Page, paragraph, widest } from './page.ts'

type SecretRow = { name: string; state: string; usedAt: readonly string[] }

const LEFT = 6

export function renderSecrets(rows: readonly SecretRow[], page: Page): string {
  const { colors } = page
  const names = widest(rows.map(({ name }) => cleanLine(name)))
  const states = widest(rows.map(({ state }) => state))
  return rows
    .flatMap(({ name, state, usedAt }) => {
      const word = state === 'missing' ? colors.red(pad(state, states)) : pad(state, states)
      const start = `${pad(cleanLine(name), names)}  ${word}`
      const uses = usedAt.length === 0 ? 'not used' : `used at ${usedAt.map(cleanLine).join(', ')}`
      const line = `${start}  ${colors.dim(uses)}`
      return isWithin(line, page)
        ? [line]
        : [start, ...paragraph(uses, page, LEFT).map((each) => ' '.repeat(LEFT) + each)]
    })
    .map((line) => `${line}\n`)
    .join('')
}
