/** Files of a site that cannot be read as code: the place, the message and the line, and no stack. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('load')

const BIN = new URL('../../lib/cli/bin.ts', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'keelson-load-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'recipes'))
writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n')

/** What a command says of a site whose recipes/tls.ts has this text. */
async function said(recipe: string, command: readonly string[]): Promise<{ code: number; stderr: string }> {
  writeFileSync(join(folder, 'site.ts'), "import { tls } from './recipes/tls.ts'\nexport default tls\n")
  writeFileSync(join(folder, 'recipes/tls.ts'), recipe)
  const words = ['--import', 'tsx', BIN, ...command, '--site', join(folder, 'site.ts')]
  return new Promise((resolve) => {
    execFile(process.execPath, words, (error, _stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stderr })
    })
  })
}

for (const command of [['plan'], ['graph'], ['explain', 'file:/a'], ['runs'], ['secrets', 'list']]) {
  test(`${command.join(' ')} says where the mistake is, as an editor reads it`, async () => {
    const { code, stderr } = await said('export const tls = 1\n\tconst x = = 3\n', command)
    assert.is(code, 1)
    assert.is(
      stderr,
      `recipes/tls.ts:2:12: Unexpected "="
  line       2 | \tconst x = = 3
               | \t          ^
  next       correct the line
`,
    )
  })
}

test('a line that a terminal would obey is only text', async () => {
  const { stderr } = await said('export const tls = "\u001b]52;c;eA==\u0007" "\u001b[2J"\n', ['plan'])
  assert.match(stderr, /^recipes\/tls\.ts:1:\d+: Expected/)
  assert.match(stderr, '\\u001b]52;c;eA==')
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  assert.not.match(stderr, /[\0-\x08\x0b-\x1f]/)
})

test('a line without an end is not shown', async () => {
  const { stderr } = await said(`export const tls = [${'1,'.repeat(5000)} = ]\n`, ['plan'])
  assert.match(stderr, /^recipes\/tls\.ts:1:\d+: /)
  assert.ok(stderr.length < 400, stderr)
})

test.run()
