/**
 * Gathers the new resources of a plan that has more of them than a person reads: those of one recipe by their types, and
 * those that are guarded by name. Pure.
 */
import { groupBy } from '../../kit/groupBy.ts'
import { plural } from '../words.ts'
import { GUARDED } from './notes.ts'
import type { ChangeRow } from './view.ts'

/** More new resources than these are gathered. */
export const MOST_CREATES = 20

/** Plain JSON, all text cleaned. */
export type Folded = {
  guarded: Guarded[]
  recipes: RecipeRow[]
  /** What is shown in full, in the order of the plan. */
  rest: ChangeRow[]
}

/** New resources that may lock out. `opens`: the access that they open or close. */
export type Guarded = { text: string; labels: string[]; opens: string[] }

/** New resources of one recipe, with one reason why it is not known yet what they will do, or none. */
export type RecipeRow = { file: string; counts: string[]; opens: string[]; unknown?: string }

/** Folds nothing when there are few new resources. */
export function foldCreates(rows: readonly ChangeRow[]): Folded {
  const isPlain = ({ kind, cause }: ChangeRow): boolean => kind === 'create' && cause === 'intent'
  const creates = rows.filter((row) => isPlain(row) && !isGrave(row))
  if (creates.length <= MOST_CREATES) return { guarded: [], recipes: [], rest: [...rows] }
  const guarded = creates.filter(({ sign }) => sign === 'guarded')
  const others = creates.filter(({ sign }) => sign !== 'guarded')
  return {
    guarded: guarded.length === 0 ? [] : [guardedRow(guarded)],
    recipes: [...groupBy(others, ({ file = '' }) => file)].flatMap(([file, own]) => recipeRows(file, own)),
    rest: rows.filter((row) => !creates.includes(row)),
  }
}

function isGrave({ notes }: ChangeRow): boolean {
  return notes.some(({ tone }) => tone === 'danger')
}

function guardedRow(rows: readonly ChangeRow[]): Guarded {
  return { text: `${rows.length} ${GUARDED}`, labels: rows.map(({ label }) => label), opens: opensOf(rows) }
}

/** What is known first. */
function recipeRows(file: string, rows: readonly ChangeRow[]): RecipeRow[] {
  const reasons = [...groupBy(rows, ({ unknown }) => unknown)].sort(([one], [other]) => rank(one) - rank(other))
  return reasons.map(([unknown, own]) => ({
    file,
    counts: [...groupBy(own, ({ type }) => type)].map(([type, { length }]) => `${length} ${plural(length, type)}`),
    opens: opensOf(own),
    ...(unknown === undefined ? {} : { unknown }),
  }))
}

function rank(unknown: string | undefined): number {
  return unknown === undefined ? 0 : 1
}

function opensOf(rows: readonly ChangeRow[]): string[] {
  return rows.flatMap(({ notes }) => notes.filter(({ about }) => about === 'opens').map(({ text }) => text))
}
