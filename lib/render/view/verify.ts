/**
 * What verify found, as rows of text: problems one by one, what passed gathered by check. Pure.
 */
import type { VerifyReport } from '../../engine/verify/verify.ts'
import { groupBy } from '../../kit/groupBy.ts'
import type { CheckState, Finding } from '../../kit/verify.ts'
import { cleanLine } from '../clean.ts'
import { counts, cut, duration } from '../words.ts'

/** Plain JSON, all text cleaned. */
export type VerifyView = {
  title: string
  address: string
  sum: string
  state: CheckState
  /** What did not pass, the worst first. */
  rows: VerifyRow[]
  /** What passed. */
  passed: { check: string; about: string[] }[]
  seconds: string
}

export type VerifyRow = { state: CheckState; check: string; about: string; said: string; next?: string }

const WORST_FIRST: readonly CheckState[] = ['wrong', 'warning', 'unchecked', 'ok']
const LONGEST = 400

export function viewVerify({ host, address, checks, seconds }: VerifyReport): VerifyView {
  const count = (state: CheckState): number => checks.filter((one) => one.state === state).length
  const notable = WORST_FIRST.flatMap((state) => checks.filter((one) => one.state === state && state !== 'ok'))
  const passed = groupBy(
    checks.filter(({ state }) => state === 'ok'),
    ({ check }) => check,
  )
  return {
    title: cleanLine(host),
    address: cleanLine(address),
    sum: counts([
      [count('wrong'), 'wrong'],
      [count('warning'), count('warning') === 1 ? 'warning' : 'warnings'],
      [count('unchecked'), 'not checked'],
      [count('ok'), 'passed'],
    ]),
    state: WORST_FIRST.find((state) => count(state) > 0) ?? 'unchecked',
    rows: gathered(notable.map(rowOf)),
    passed: [...passed].map(([check, those]) => ({
      check: cleanLine(check),
      about: those.map(({ about, said }) => `${short(about)} (${short(said)})`),
    })),
    seconds: duration(seconds),
  }
}

/** Rows that say the same of several things become one. */
function gathered(rows: readonly VerifyRow[]): VerifyRow[] {
  const same = groupBy(rows, ({ about: _, ...rest }) => JSON.stringify(rest))
  return [...same.values()].map((those) => ({ ...those[0]!, about: those.map(({ about }) => about).join(', ') }))
}

function rowOf({ state, check, about, said, next }: Finding): VerifyRow {
  return {
    state,
    check: short(check),
    about: short(about),
    said: short(said),
    ...(next === undefined || state === 'ok' ? {} : { next: short(next) }),
  }
}

function short(text: string): string {
  return cleanLine(cut(text, LONGEST))
}
