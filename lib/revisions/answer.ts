/**
 * What the process that evaluated recipes answers. Recipes ran in it, so it is input from outside: whatever it says is
 * checked for its form and its size before anything reads it. Pure.
 */
import type { Catalog, CatalogHost, CatalogResource, Forgotten, Source } from '../engine/catalog/catalog.ts'
import type { Diagnostic } from '../engine/catalog/evaluate.ts'
import * as form from '../kit/form.ts'

/** The catalogs of all hosts; or why there are none. Neither when the revision has no site. */
export type Answer = { catalogs?: Catalog[]; mistakes?: Diagnostic[] }

/** Bytes of an answer. */
export const MOST_BYTES = 64 * 2 ** 20
const MOST_VALUES = 2_000_000
const MOST_HOSTS = 10_000
const MOST_MISTAKES = 1000

const word = form.line(300)
/** As long as a plan file takes. */
const name = form.text(60_000)
const list = form.list(name, 10_000)

const amount: form.Form<number> = {
  problem: (value) => (typeof value === 'number' && value >= 0 && value < 2 ** 40 ? undefined : 'is no amount'),
}

/** Any JSON, which `parseJson` has bounded. */
const state: form.Form<never> = {
  problem: (value) => (value === undefined ? 'is missing' : undefined),
}

const source = form.fields<Source>({
  file: form.text(4096),
  line: form.whole(0, 2 ** 31),
  column: form.whole(0, 2 ** 31),
})
const sources = form.list(source, 10_000)
const typeName = form.matching(/^[a-z][a-z0-9-]{0,63}$/, 'name of a type')

const host = form.fields<CatalogHost>({
  name: word,
  address: word,
  os: form.oneOf('debian-12', 'debian-13'),
  server: word,
  cpus: amount,
  memoryMiB: amount,
})

const resource = form.fields<CatalogResource>({
  ref: name,
  type: typeName,
  name,
  desired: state,
  implied: form.optional(list),
  needs: list,
  claims: list,
  paths: form.optional(list),
  leads: form.optional(name),
  brings: form.optional(list),
  tags: list,
  protect: form.flag,
  absent: form.optional(form.oneOf(true)),
  source,
  also: sources,
})

const forgotten = form.fields<Forgotten>({ ref: name, type: typeName, name, tags: list, source, also: sources })

const catalog = form.fields<Catalog>({
  host,
  resources: form.list(resource),
  forgotten: form.optional(form.list(forgotten)),
  site: form.optional(word),
})

const mistake = form.fields<Diagnostic>({
  message: form.text(20_000),
  source: form.optional(source),
  also: form.optional(sources),
  next: form.optional(form.text(20_000)),
  excerpt: form.optional(form.list(form.text(20_000), 2)),
})

const ANSWER = form.fields<Answer>({
  catalogs: form.optional(form.list(catalog, MOST_HOSTS)),
  mistakes: form.optional(form.list(mistake, MOST_MISTAKES)),
})

/** @throws {SyntaxError} With the end of a sentence about the answer. */
export function parseAnswer(text: string): Answer {
  const answer = jsonIn(text)
  const problem = ANSWER.problem(answer, 'no more')
  if (problem !== undefined || !form.fits(ANSWER, answer)) throw new SyntaxError(problem ?? 'is no answer')
  const twice = doubled((answer.catalogs ?? []).map((each) => each.host.name))
  if (twice !== undefined) throw new SyntaxError(`has two hosts ${form.shown(twice)}`)
  const wrong = (answer.catalogs ?? []).map(contradictionIn).find((each) => each !== undefined)
  if (wrong !== undefined) throw new SyntaxError(wrong)
  return answer
}

/** What JSON.parse says quotes the text. */
function jsonIn(text: string): unknown {
  try {
    return form.parseJson(text, MOST_VALUES)
  } catch (error) {
    const isLimit = error instanceof SyntaxError && /^more than \d+ /.test(error.message)
    throw new SyntaxError(isLimit ? `has ${error.message}` : 'is no JSON')
  }
}

function contradictionIn({ resources, forgotten: left = [] }: Catalog): string | undefined {
  const misnamed = [...resources, ...left].find((each) => each.ref !== `${each.type}:${each.name}`)
  if (misnamed !== undefined) return `has ${form.shown(misnamed.ref)} for another resource`
  const twice = doubled([...resources, ...left].map(({ ref }) => ref))
  return twice === undefined ? undefined : `has ${form.shown(twice)} twice`
}

function doubled(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find((each) => seen.size === seen.add(each).size)
}
