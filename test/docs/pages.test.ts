/**
 * What people read: links lead somewhere, and what is written in TypeScript compiles.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Block, blocksOf, fileOf, isModule, pages, roleWith } from '../support/docBlocks.ts'

const test = suite('pages')
const TREE = process.cwd()

/** Where a link in a page leads, outside of code. */
function linksIn(page: string): string[] {
  const prose = readFileSync(page, 'utf8')
    .replaceAll(/^```[^]*?^```$/gm, '')
    .replaceAll(/`[^`\n]*`/g, (span) => ' '.repeat(span.length))
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, link = '']) => link)
}

/** As forges make them of headings: small letters, no signs, dashes for blanks. */
function anchorsOf(page: string): string[] {
  const prose = readFileSync(page, 'utf8').replaceAll(/^```[^]*?^```$/gm, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** What is wrong with a link; undefined when nothing is. */
function wrongIn(page: string, link: string): string | undefined {
  if (/^https?:/.test(link)) return undefined
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(target)) return `${page}: ${link} leads nowhere`
  if (anchor === undefined) return undefined
  return anchorsOf(target).includes(anchor) ? undefined : `${page}: ${link}: there is no such heading`
}

test('every link leads to a file and a heading that are there', () => {
  const wrong = pages().flatMap((page) => linksIn(page).map((link) => wrongIn(page, link)))
  assert.ok(wrong.length > 30, `only ${wrong.length} links were found`)
  assert.equal(
    wrong.filter((each) => each !== undefined),
    [],
  )
})

test('a link that leads nowhere is found', () => {
  assert.match(wrongIn('README.md', 'docs/no-such.md') ?? '', 'leads nowhere')
  assert.match(wrongIn('README.md', '#no-such-heading') ?? '', 'no such heading')
})

/** What a block may import besides the package: the files of the page before it, or else those of a small site. */
const SITE = new Map([
  [
    'inventory.ts',
    `import { inventory as machines } from 'keelson'
export const inventory = machines({ hosts: { 'web-1': { address: '192.0.2.1', os: 'debian-13', server: 'CX22', roles: ['server'] } } })
`,
  ],
  [
    'site.ts',
    `import { site } from 'keelson'
import { inventory } from './inventory.ts'
export default site(inventory, { server() {} })
`,
  ],
])

/** Paths of files that are only in memory, and their texts. Each block has a folder of its own. */
function sourcesOf(blocks: readonly Block[]): Map<string, string> {
  const sources = new Map<string, string>()
  let known = new Map(SITE)
  for (const [index, block] of blocks.entries()) {
    if (blocks[index - 1]?.page !== block.page) known = new Map(SITE)
    const add = (name: string, text: string): void => {
      sources.set(join(TREE, `test/docs/block-${index}`, name), text)
      for (const [, needed = ''] of text.matchAll(/from '\.\/([\w.-]+)'/g)) add(needed, known.get(needed) ?? '')
    }
    const name = fileOf(block) ?? 'block.ts'
    const text = isModule(block) ? block.text : roleWith(block.text)
    known.set(name, text)
    add(name, text)
  }
  return sources
}

/** Names of the package, as they are in the repository. */
const PATHS = {
  keelson: [join(TREE, 'lib/index.ts')],
  'keelson/kit': [join(TREE, 'lib/kit/index.ts')],
  'keelson/recipes': [join(TREE, 'recipes/index.ts')],
  '#keelson': [join(TREE, 'lib/index.ts')],
}

/** What the compiler says of files that are only in memory. */
function mistakesIn(sources: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, TREE)
  const checked: ts.CompilerOptions = { ...options, paths: PATHS, noUnusedLocals: false, noUnusedParameters: false }
  const host = ts.createCompilerHost(checked)
  const real = { ...host }
  host.fileExists = (path) => sources.has(path) || real.fileExists(path)
  host.directoryExists = (path) => path.includes('/test/docs/block-') || real.directoryExists?.(path) === true
  host.getSourceFile = (path, language, onError) => {
    const text = sources.get(path)
    return text === undefined ? real.getSourceFile(path, language, onError) : ts.createSourceFile(path, text, language)
  }
  const program = ts.createProgram([...sources.keys()], checked, host)
  const found = [...sources.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  })
  return found.map(({ file, start = 0, messageText }) => {
    const line = file?.text.slice(0, start).split('\n').length
    return `${file?.fileName.slice(TREE.length + 1)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}

const PLANTED: Block = { page: 'docs/planted.md', line: 1, text: "file({ path: '/etc/motd', contnet: 'x' })" }

test('every block of TypeScript compiles, and one that does not is found', () => {
  const blocks = [...pages().flatMap((page) => blocksOf(page, 'ts')), PLANTED]
  assert.ok(blocks.length > 40, `only ${blocks.length} blocks were found`)
  const mistakes = mistakesIn(sourcesOf(blocks)).map((mistake) =>
    mistake.replace(/^test\/docs\/block-(\d+)\//, (_, index) => {
      const { page, line } = blocks[Number(index)]!
      return `${page}, block of line ${line}: `
    }),
  )
  assert.match(mistakes.at(-1) ?? '', "'contnet' does not exist in type")
  assert.equal(mistakes.slice(0, -1), [])
})

test.run()
