/**
 * Asks the resource types why something that was applied is still not as declared.
 */
import type { Connection } from '../../transport/connection.ts'
import { ask } from '../host/ask.ts'
import { HostError } from '../errors.ts'
import { groupBy } from '../../kit/groupBy.ts'
import type { Planned } from '../plan/planned.ts'
import type { Outcomes } from './outcomes.ts'
import type { PlanOptions } from '../plan/scope.ts'

const NEXT = 'see that what it applies brings about what it checks for, then converge again'

/** Takes one trip, or none when no type can explain anything. */
export async function explainFailures(
  connection: Connection,
  items: readonly Planned[],
  outcomes: Outcomes,
  { mark, readMs }: Pick<PlanOptions, 'mark' | 'readMs'>,
): Promise<void> {
  const unclear = items.filter(
    ({ type, shown }) => type.explain !== undefined && outcomes.of(shown.ref)?.failure?.phase === 'verify',
  )
  const types = [...groupBy(unclear, ({ type }) => type)]
  if (types.length === 0) return
  const sections = types.map(([type, ofType]) => ({ name: type.type, text: type.explain!.command(ofType) }))
  const names = sections.map(({ name }) => name)
  try {
    const answers = await ask(connection, sections, mark, names, readMs)
    for (const [type, ofType] of types) {
      const sentences = type.explain!.parse(answers.get(type.type)!, ofType)
      for (const { name, shown } of ofType) {
        const sentence = sentences.get(name)
        if (sentence !== undefined) outcomes.explained(shown.ref, sentence, NEXT)
      }
    }
  } catch (error) {
    // The failure is known and reported without the explanation.
    if (!(error instanceof HostError)) throw error
  }
}
