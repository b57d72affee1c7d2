/**
 * Of what was applied and still is not as declared: what its type can say of that.
 */
import type { Connection } from '../../transport/connection.ts'
import { ask } from '../host/ask.ts'
import { HostError } from '../errors.ts'
import { groupBy } from '../../kit/groupBy.ts'
import type { Item } from '../plan/plan.ts'
import type { Done } from './readyTask.ts'
import type { SurveyOptions } from '../plan/scope.ts'
import type { Ref } from '../../kit/resourceType.ts'

/** One trip, and none where nothing can be said. */
export async function explainFailures(
  connection: Connection,
  items: readonly Item[],
  done: Map<Ref, Done>,
  { mark, readMs }: Pick<SurveyOptions, 'mark' | 'readMs'>,
): Promise<void> {
  const unclear = items.filter(
    ({ type, plan }) => type.explain !== undefined && done.get(plan.ref)?.failure?.phase === 'verify',
  )
  const types = [...groupBy(unclear, ({ type }) => type)]
  if (types.length === 0) return
  const sections = types.map(([type, ofType]) => ({ name: type.type, text: type.explain!.command(ofType) }))
  const names = sections.map(({ name }) => name)
  try {
    const answers = await ask(connection, sections, mark, names, readMs)
    for (const [type, ofType] of types) {
      const sentences = type.explain!.parse(answers.get(type.type)!, ofType)
      for (const { name, plan } of ofType) addTo(done, plan.ref, sentences.get(name))
    }
  } catch (error) {
    // That it failed is known, and is told without this.
    if (!(error instanceof HostError)) throw error
  }
}

function addTo(done: Map<Ref, Done>, ref: Ref, sentence: string | undefined): void {
  const known = done.get(ref)
  if (sentence === undefined || known?.failure === undefined) return
  const said = `${known.failure.said}; ${sentence}`
  const next = 'see that what it applies brings about what it checks for, then converge again'
  done.set(ref, { ...known, failure: { ...known.failure, said, next } })
}
