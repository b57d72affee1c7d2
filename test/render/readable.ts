/** What a person reads of a first plan. */
import * as assert from 'uvu/assert'

const MOST_LINES = 45
const MOST_REPEATS = 3

/** A plan of at most 45 lines, in which no sentence stands more than three times. */
export function assertReadable(text: string): void {
  const lines = text.trimEnd().split('\n')
  assert.ok(lines.length <= MOST_LINES, `${lines.length} lines:\n${text}`)
  const counts = new Map<string, number>()
  for (const sentence of text.split(/\n| {2,}|; |: |, /).map((part) => part.trim()))
    // A sentence has several words; a count of resources is none.
    if (/^[A-Za-z]\S* \S+ \S/.test(sentence)) counts.set(sentence, (counts.get(sentence) ?? 0) + 1)
  assert.equal(
    [...counts].filter(([, count]) => count > MOST_REPEATS),
    [],
  )
}
