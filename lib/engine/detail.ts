/**
 * What a second look at a host asks, once it is known what is to be done: the text that differs, and a fingerprint of what
 * is about to be written.
 */
import { groupBy } from './group.ts'
import { isAsLastApplied, type Item, type Planning } from './plan.ts'
import { type Answer, fingerprintOf, fingerprintText, notUnderstood, type Section } from './read.ts'
import { type AnyType, type Fetched, type FieldChange, Unknown } from './resource.ts'
import { nextStage, type Stage, type Task } from './stage.ts'

export type Detail = {
  sections: Section[]
  stage: Stage
  /** The items with the host's text in the `before` of their text fields. */
  showTexts(answers: ReadonlyMap<string, Answer>): Item[]
  fingerprints(answers: ReadonlyMap<string, Answer>): Map<Task, string>
}

export function detailOf(planning: Planning, items: readonly Item[], mark: string): Detail {
  const stage = nextStage(items)
  const compared = stage.tasks.filter(isCompared)
  const texts = groupBy(items.filter(hasText), ({ type }) => type)
  return {
    stage,
    sections: [
      ...[...texts].map(([type, ofType]) => ({
        name: textName(type),
        text: type.fetch!.command(ofType.map(({ name }) => name)),
      })),
      ...compared.map((task, index) => ({ name: `seen-${index}`, text: compareTextOf(planning, task, mark) })),
    ],
    showTexts(answers) {
      const before = new Map([...texts.keys()].map((type) => [type, textsOf(type, answers.get(textName(type))!)]))
      return items.map((item) =>
        hasText(item) ? withText(planning, item, before.get(item.type)!.get(item.name)) : item,
      )
    },
    fingerprints: (answers) =>
      new Map(compared.map((task, index) => [task, fingerprintOf(answers.get(`seen-${index}`)!.bytes)])),
  }
}

function isCompared({ comparable, items }: Task): boolean {
  return (
    comparable &&
    items.some(({ change }) => change !== undefined) &&
    !items.some(({ change }) => change?.before instanceof Unknown)
  )
}

/** Shell text by which a task's resources are fingerprinted, here and by the worker. */
export function compareTextOf(planning: Planning, { items }: Task, mark: string): string {
  const wanted = items.map(({ name, plan, desired }) => ({
    name,
    desired: desired ?? planning.ledger?.entries[plan.ref]?.desired ?? null,
  }))
  return fingerprintText(items[0]!.type, wanted, mark)
}

function textsOf(type: AnyType, answer: Answer): ReadonlyMap<string, Fetched> {
  try {
    return type.fetch!.parse(answer)
  } catch (error) {
    throw notUnderstood(textName(type), error, answer)
  }
}

function textName(type: AnyType): string {
  return `text-${type.type}`
}

function hasText({ type, change }: Item): boolean {
  return type.fetch !== undefined && change?.kind === 'change' && change.fields.some(({ form }) => form === 'text')
}

function withText(planning: Planning, item: Item, fetched: Fetched | undefined): Item {
  if (fetched === undefined) return item
  const { text, isPrivate } = fetched
  const { change, type, name } = item
  const isShown = !isPrivate || (change?.kind === 'change' && isAsLastApplied(planning, type, name, change.before))
  const fields = item.plan.fields.map((field): FieldChange => {
    if (field.form !== 'text') return field
    return isShown ? { ...field, before: text } : { field: field.field, form: 'secret' }
  })
  return { ...item, plan: { ...item.plan, fields } }
}
