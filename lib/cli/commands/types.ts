/**
 * types: what a recipe can declare, with the props of each type. No host is contacted, and no recipe is run.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { didYouMean } from '../../dsl/didYouMean.ts'
import { foreignModule } from '../../dsl/foreignWords.ts'
import { OWN } from '../../dsl/home.ts'
import type { ExitName } from '../../engine/report.ts'
import { jsonLine } from '../../render/json.ts'
import { renderType, renderTypes } from '../../render/text/typesText.ts'
import type { TypeDoc, TypeDocs } from '../../render/view/typeDoc.ts'
import type { CommandContext } from '../commandContext.ts'
import { UsageError } from '../errors.ts'

/** @param name The function, or the type's name in refs, in any case. Without it, all types. */
export async function showTypes({ output, json }: CommandContext, name?: string): Promise<ExitName> {
  const docs = readDocs()
  const chosen = name === undefined ? docs.types : [typeNamed(name, docs)]
  if (json) {
    output.out.write(jsonLine('types', { ...docs, types: chosen }))
    return 'ok'
  }
  const [only] = chosen
  const { page } = output.out
  if (name !== undefined && only !== undefined) output.out.write(renderType(only, docs, page))
  else {
    output.out.write(renderTypes(docs, page))
    output.err.write('types NAME shows the props of one\n')
  }
  return 'ok'
}

/** Written by build/reference.ts. */
function readDocs(): TypeDocs {
  return JSON.parse(readFileSync(join(OWN, 'types.json'), 'utf8'))
}

/** @throws {UsageError} With what may have been meant. */
function typeNamed(name: string, { types }: TypeDocs): TypeDoc {
  const wanted = plain(name)
  const found = types.find((each) => plain(each.name) === wanted || plain(each.type) === wanted)
  if (found !== undefined) return found
  const similar = didYouMean(
    name,
    types.flatMap((each) => [each.name, each.type]),
  )
  const best = foreignModule(name) ?? types.find((each) => [each.name, each.type].includes(similar ?? ''))?.name
  const having = (text: (type: TypeDoc) => string): string[] =>
    types.filter((each) => text(each).toLowerCase().includes(name.toLowerCase())).map((each) => each.name)
  const related = [...new Set([...having((each) => each.name), ...having(({ about, more }) => `${about} ${more}`)])]
  const hints = best === undefined ? related.slice(0, 3) : [best]
  throw new UsageError(
    `no type is called ${JSON.stringify(name)}${hints.length === 0 ? '' : `; did you mean ${hints.join(', ')}?`}`,
    'types lists all of them',
  )
}

/** `apt-package` and `aptPackage` are one. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '')
}
