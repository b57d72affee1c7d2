/** Plans of any size. */
import type { PlanChange } from '../../lib/engine/report.ts'
import { CONSEQUENCES } from '../../lib/kit/resourceType.ts'
import { KINDS } from './anything.ts'
import { change } from './fixture.ts'

/** Changes as a site of some size has them: labels, diffs and reasons of many lengths, all consequences. */
export function manyChanges(count: number, seed: number): PlanChange[] {
  const lines = (length: number): string => Array.from({ length }, (_, n) => `setting_${n} = ${n * seed}\n`).join('')
  return Array.from({ length: count }, (_, n): PlanChange => {
    const pick = (n * 7919 + seed) % 1009
    const kind = KINDS[pick % KINDS.length]!
    const consequence = CONSEQUENCES[pick % CONSEQUENCES.length]!
    const followUp = {
      action: pick % 2 === 0 ? 'reload' : 'restart',
      because: `file /etc/${n}`,
      unit: `s${n}`,
    } as const
    const load: PlanChange['fields'] = [{ field: 'load', form: 'value', followUp }]
    const length = pick % 40 === 0 ? 90 : 3
    const text = { field: 'content', form: 'text', before: lines(pick % length), after: lines(length) } as const
    return change(`file:/etc/${'d/'.repeat(pick % 30)}${n}`, {
      kind,
      consequence: kind === 'adopt' || kind === 'recheck' ? 'record' : consequence,
      cause: pick % 5 === 0 ? 'drift' : 'intent',
      because: `reason ${pick % 50}`,
      ...(pick % 11 === 0 ? { opens: [`opens ${n}/tcp`] } : {}),
      source: { file: `recipes/r${pick % 13}.ts`, line: n + 1, column: 1 },
      fields: kind === 'follow-up' ? load : kind === 'adopt' || kind === 'recheck' ? [] : [text],
    })
  })
}
