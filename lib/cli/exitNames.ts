/**
 * What the exit codes mean, in a few words.
 */
import { EXIT_CODES, type ExitName } from '../engine/report.ts'

const MEANINGS: { readonly [name in ExitName]: string } = {
  ok: 'ok',
  error: 'error',
  changes: 'changes pending, with --detailed-exitcode',
  stale: 'the host moved since the plan',
  refused: 'refused',
  unreachable: 'unreachable or wrong host key',
  locked: 'locked by another run',
  partial: 'applied in part',
  usage: 'usage',
  interrupted: 'interrupted',
}

/** Whoever sees these codes may not know them; the others follow from what was shown. */
const NAMED: readonly ExitName[] = ['stale', 'refused', 'unreachable', 'locked', 'partial']

/** The last part of every help. */
export const EXIT_HELP = `Exit codes:
${Object.entries(EXIT_CODES).map(helpLine).join('\n')}
`

function helpLine([name, code]: [name: string, code: number]): string {
  const meaning = Object.entries(MEANINGS).find(([known]) => known === name)?.[1] ?? name
  return `  ${String(code).padStart(3)}  ${meaning}`
}

/** `applied in part`, for a code that says more than that something is wrong. */
export function failureName(code: number): string | undefined {
  const name = NAMED.find((each) => EXIT_CODES[each] === code)
  return name === undefined ? undefined : MEANINGS[name]
}
