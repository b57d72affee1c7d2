/**
 * Hostile text in the words of a shell: quoted, in `command`, in the paths of files and in the targets of links.
 */
import { quote, sh } from '../../../lib/kit/shell.ts'
import { command, directory, file, symlink } from '../../../lib/index.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { accepted, assertKept, converge, type HostileClass, PLACE, recordsOf, runProgram } from './batch.ts'

/** Names in the environment of one command, and words in its text. */
const PER_COMMAND = 100
/** Files and links of a batch: each is a step of its own. */
const PATHS = 50

export const shell: HostileClass = {
  name: 'shell',
  packages: [],
  own: [
    "'",
    "''",
    '"',
    '`',
    '$',
    '\\',
    '$(',
    ')',
    '${',
    '}',
    '$((',
    '))',
    '<<EOF',
    '<(',
    '>&2',
    '2>&1',
    '&&',
    '||',
    '$IFS',
    '$0',
    '$*',
    '$#',
    '$!',
    '${x#y}',
    "$'\\n'",
    '$"x"',
    '*',
    '?',
    '[a-z]',
    '{a,b}',
    '~',
    '!',
    '#',
    ' ',
    '=x',
  ],
  async bring(host, values) {
    const words = accepted(host, values, (value) =>
      command({ name: 'x', check: 'true', apply: ':', env: { X: value } }),
    )
    await inBothShells(host, words)
    await inCommands(host, words)
    await inPaths(host, values)
    return new Set(words)
  },
}

async function inBothShells(host: SandboxHost, words: readonly string[]): Promise<void> {
  const program = `printf '%s\\0' ${words.map(quote).join(' ')}\n`
  for (const which of ['sh', 'bash'])
    assertKept(recordsOf(await runProgram(host, program, which)), words, `words of ${which}`)
}

/** Each is a word of `apply` and a variable in its environment. */
async function inCommands(host: SandboxHost, words: readonly string[]): Promise<void> {
  const commands = Array.from({ length: Math.ceil(words.length / PER_COMMAND) }, (_, index) => ({
    path: `${PLACE}/said-${index}`,
    words: words.slice(index * PER_COMMAND, (index + 1) * PER_COMMAND),
  }))
  await converge(host, () => {
    for (const { path, words: own } of commands) {
      const variables = own.map((value, n): [string, string] => [`V${n}`, value])
      const names = variables.map(([name]) => `"$${name}"`).join(' ')
      command({
        name: path,
        check: sh`test -e ${path}`,
        apply: `{ ${sh`printf '%s\0' ${own}`}; printf '%s\\0' ${names}; } > ${path}`,
        env: Object.fromEntries(variables),
      })
    }
  })
  const all = commands.map(({ path }) => path).join(' ')
  const said = recordsOf(await runProgram(host, `cat ${all}`))
  assertKept(
    said,
    commands.flatMap(({ words: own }) => [...own, ...own]),
    'words and variables of commands',
  )
}

/** As the name of a file, and as what a link points to. */
async function inPaths(host: SandboxHost, values: readonly string[]): Promise<void> {
  const pathOf = (value: string): string => `${PLACE}/files/${value.replaceAll('/', '_')}`
  const declareFile = (value: string): unknown => file({ path: pathOf(value), content: value })
  const declareLink = (value: string, n: number): unknown => symlink({ path: `${PLACE}/links/${n}`, target: value })
  const some = values.slice(0, PATHS)
  const named = [...new Map(some.map((value) => [pathOf(value), value])).values()]
  const files = accepted(host, named, declareFile)
  const links = accepted(host, some, (value) => declareLink(value, 0))
  await converge(host, () => {
    directory({ path: `${PLACE}/files` })
    directory({ path: `${PLACE}/links` })
    files.forEach(declareFile)
    links.forEach(declareLink)
  })
  const seen = recordsOf(
    await runProgram(host, `cd ${PLACE}/files && find . -type f -printf '%P\\0' -exec cat {} \\; -printf '\\0'`),
  )
  const pairs = seen.flatMap((name, at) => (at % 2 === 0 ? [`${name}\n${seen[at + 1] ?? ''}`] : []))
  const expected = files.map((value) => `${pathOf(value).slice(`${PLACE}/files/`.length)}\n${value}`)
  assertKept(pairs.sort(), expected.sort(), 'file names')
  const targets = recordsOf(
    await runProgram(host, `cd ${PLACE}/links && ls | sort -n | tr '\\n' '\\0' | xargs -0 -r readlink -z --`),
  )
  assertKept(targets, links, 'targets of links')
}
