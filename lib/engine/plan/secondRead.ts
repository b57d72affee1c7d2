/**
 * The second reading of a host, once its changes are known: the text that differs, and a fingerprint of what is about
 * to be written.
 */
import { groupBy } from '../../kit/groupBy.ts'
import { isAsLastApplied } from './changes.ts'
import { type Planned, type Planning } from './planned.ts'
import { type Answer, fingerprintOf, fingerprintText, notUnderstood, type Section } from '../host/read.ts'
import {
  type AnyType,
  type Change,
  type Fetched,
  type FieldChange,
  type Json,
  Unknown,
} from '../../kit/resourceType.ts'
import { nextStage, type Stage, type Task } from './stage.ts'

export type Detail = {
  sections: Section[]
  stage: Stage
  /** The items with the host's texts in their text fields: the present text, and the one kept for undo. */
  showTexts(answers: ReadonlyMap<string, Answer>): Planned[]
  fingerprints(answers: ReadonlyMap<string, Answer>): Map<Task, string>
}

/** @param shows Whether the plan is to be shown; otherwise only what is about to be written is fingerprinted. */
export function detailOf(planning: Planning, items: readonly Planned[], mark: string, shows = true): Detail {
  const stage = nextStage(items)
  const compared = stage.tasks.filter(isCompared)
  const types = groupBy(shows ? items.filter(hasText) : [], ({ type }) => type)
  const foreseen = groupBy(shows ? items.filter(isForeseen) : [], ({ type }) => type)
  return {
    stage,
    sections: [
      ...[...types].map(([type, ofType]) => ({
        name: textName(type),
        text: type.fetch!.command([...ofType.filter(isThere).map(({ name }) => name), ...ofType.flatMap(keptTexts)]),
      })),
      ...[...foreseen].map(([type, ofType]) => ({
        name: foreseenName(type),
        text: type.foresee!.command(ofType.map(({ change }) => change)),
      })),
      ...compared.map((task, index) => ({ name: `seen-${index}`, text: compareTextOf(planning, task, mark) })),
    ],
    showTexts(answers) {
      const texts = new Map([...types.keys()].map((type) => [type, textsOf(type, answers.get(textName(type))!)]))
      const words = new Map(
        [...foreseen].map(([type, ofType]) => {
          const changes = ofType.map(({ change }) => change)
          return [type, type.foresee!.parse(answers.get(foreseenName(type))!, changes)]
        }),
      )
      return items
        .map((item) => (hasText(item) ? withText(planning, item, texts.get(item.type)!) : item))
        .map((item) => withForeseen(item, words.get(item.type)?.get(item.name)))
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

/** Shell text that fingerprints a task's resources, run by the client and by the worker. */
export function compareTextOf(planning: Planning, { items }: Task, mark: string): string {
  const entries = items.map(({ name, shown, desired }) => ({
    name,
    desired: desired ?? planning.ledger?.entries[shown.ref]?.desired ?? null,
  }))
  return fingerprintText(items[0]!.type, entries, mark)
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

function foreseenName(type: AnyType): string {
  return `foreseen-${type.type}`
}

function isForeseen(item: Planned): item is Planned & { change: Change<Json> } {
  return item.type.foresee !== undefined && item.change !== undefined
}

function withForeseen(item: Planned, words: readonly string[] = []): Planned {
  return words.length === 0 ? item : { ...item, shown: { ...item.shown, besides: [...words] } }
}

function hasText({ type, change }: Planned): boolean {
  if (type.fetch === undefined || change === undefined) return false
  return change.fields.some(
    ({ form, afterAt }) => form === 'text' && (change.kind === 'change' || afterAt !== undefined),
  )
}

function isThere({ change }: Planned): boolean {
  return change?.kind === 'change'
}

function keptTexts({ change }: Planned): string[] {
  return change?.fields.flatMap(({ afterAt }) => afterAt ?? []) ?? []
}

/** Leaves out a text that no longer exists; the field then only says that it differs. */
function withText(planning: Planning, item: Planned, texts: ReadonlyMap<string, Fetched>): Planned {
  const { change, type, name } = item
  const before = isThere(item) ? texts.get(name) : undefined
  const isShown =
    before?.isPrivate !== true || (change?.kind === 'change' && isAsLastApplied(planning, type, name, change.before))
  const fields = item.shown.fields.map(({ afterAt, ...field }): FieldChange => {
    if (field.form !== 'text') return field
    if (!isShown) return { field: field.field, form: 'secret' }
    // A copy of a file is kept with its text to show only when everybody may read the file; root owns the copy.
    const after = afterAt === undefined ? undefined : texts.get(afterAt)
    return {
      ...field,
      ...(before === undefined ? {} : { before: before.text }),
      ...(after === undefined ? {} : { after: after.text }),
    }
  })
  return { ...item, shown: { ...item.shown, fields } }
}
