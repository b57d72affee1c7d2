/**
 * The examples of the reference as one role.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../../lib/dsl/inventory.ts'
import type { TypeDoc } from '../../lib/render/view/typeDoc.ts'
import { roleWith } from './docBlocks.ts'

/** Where the names of the package are, for modules outside the repository. */
export const HERE = { keelson: urlOf('../../lib/index.ts'), recipes: urlOf('../../recipes/index.ts') }

function urlOf(path: string): string {
  return new URL(path, import.meta.url).href
}

const KEYS = [
  'AAAAC3NzaC1lZDI1NTE5AAAAIGmCzkBRVUBQ6vGMIyGvGgBkKXG1qUdWJ+S0fSNjgQQ2',
  'AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA',
]

/** Values of the secrets that the examples name: each does for a password, and for a crypt(5) hash. */
export const EXAMPLE_SECRETS = {
  'shop-database': 'correct horse battery staple',
  'ada-password': `$6$keelson$${'a'.repeat(86)}`,
}

const FILES = { 'hello.sh': '#!/bin/sh\nexec echo hello\n' }

/** Examples that no throw-away host can have, by what they name. */
const ELSEWHERE: readonly [names: RegExp, because: string][] = [
  [/example\.org/, 'nothing can be fetched from there'],
  [/trixie-backports/, 'one release has it'],
  [/UUID=/, 'there is no such device'],
  [/kernelModule\((?!.*now: false)/s, 'a container loads no module'],
  [/swapFile\((?!.*now: false)/s, 'a container turns on no swap'],
]

/** Those that a host can have. */
export function convergeable(types: readonly Examples[]): Examples[] {
  return types.map(({ key, examples }) => ({
    key,
    examples: examples.filter((example) => !ELSEWHERE.some(([names]) => names.test(example))),
  }))
}

type Examples = Pick<TypeDoc, 'key' | 'examples'>

/** @param folder Gets the module, and the files that examples name. */
export async function writeExamples(folder: string, types: readonly Examples[]): Promise<() => void> {
  // Of what there is one of on a host, the last example is the fullest.
  const chosen = types.flatMap(({ key, examples }) => (key.length === 0 ? examples.slice(-1) : examples))
  const texts = chosen.map((example) => `{\n${example}\n}`)
  let keys = 0
  const text = texts.join('\n').replaceAll('AAAA…', () => KEYS[keys++ % KEYS.length]!)
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n')
  writeFileSync(join(folder, 'examples.ts'), roleWith(text, HERE))
  const { role }: { role: (host: Partial<Host>) => void } = await import(join(folder, 'examples.ts'))
  return () => role({})
}
