/** What the shell may complete, asked as the scripts ask it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { knownRuns, noteRun } from '../../lib/cli/knownRuns.ts'
import { writeSite } from '../support/siteFile.ts'

const test = suite('complete')
const run = promisify(execFile)
const BIN = new URL('../../lib/cli/bin.ts', import.meta.url).pathname

const site = writeSite(
  { 'web-1': { os: 'debian-12', address: '192.0.2.1' }, 'db-1': { os: 'debian-12', address: '192.0.2.2' } },
  `file({ path: '/etc/motd', content: '', tags: ['greet', '\\u001b[2Jx', '~a'] })
command({ name: 'set $(id) up', check: 'true', apply: 'true' })
file({ path: '/etc/key', content: secret('api-key') })`,
)

/** The lines that the scripts read. */
async function answer(...words: string[]): Promise<string[]> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', BIN, 'complete', '--', ...words])
  return stdout.trimEnd().split('\n')
}
const values = async (...words: string[]): Promise<string[]> =>
  (await answer('--site', site, ...words)).slice(1).map((line) => line.split('\t', 1)[0]!)

const CASES: [words: string[], expected: string[]][] = [
  [['p'], ['plan']],
  [
    ['plan', '--o'],
    ['--only', '--out'],
  ],
  [
    ['plan', '--host', ''],
    ['web-1', 'db-1'],
  ],
  [['plan', '--host=d'], ['--host=db-1']],
  [['plan', '--json', '--only', 'gr'], ['greet']],
  [
    ['plan', '--only', 'file'],
    ['file', 'file:/etc/motd', 'file:/etc/key'],
  ],
  [['converge', '--only', 'command:'], ['command:set $(id) up']],
  [['explain', 'file:/etc/m'], ['file:/etc/motd']],
  [
    ['plan', 'show', 'x.json', '--as', 'm'],
    ['markdown', 'md'],
  ],
  [['converge', '--allow', ''], ['lockout']],
  [['secrets', 'set', ''], ['api-key']],
  [['sandbox', 'u'], ['up']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['plan', '--site', site, '--host', 'w'], ['web-1']],
]

for (const [words, expected] of CASES) {
  test(`after ${words.slice(0, -1).join(' ').replaceAll(site, 'FILE')}, ${JSON.stringify(words.at(-1))}`, async () => {
    assert.equal(await values(...words), expected)
  })
}

test('names that would steer a terminal, or that a shell expands, are not offered', async () => {
  const all = await values('plan', '--only', '')
  assert.ok(all.includes('greet'))
  assert.equal(
    // oxlint-disable-next-line no-control-regex -- control characters are what it is about
    all.filter((value) => /[\0-\x1f~]/.test(value)),
    [],
  )
})

test('where a path belongs, the shell completes it', async () => {
  for (const words of [
    ['converge', 'p'],
    ['plan', 'show', ''],
    ['plan', '--out', ''],
    ['--site', ''],
  ])
    assert.equal(await answer(...words), ['files'], words.join(' '))
})

test('without a site, or with a broken one, commands are completed and names are not', async () => {
  assert.equal(await answer('--site', '/nonexistent/site.ts', 'plan', '--host', ''), ['words'])
  assert.match((await answer('--site', '/nonexistent/site.ts', 'und'))[1]!, /^undo\t/)
})

test('numbers of runs are those that this machine has seen, the latest first', async () => {
  noteRun(site, 'web-1', { kind: 'own' }, 3)
  noteRun(site, 'web-1', { kind: 'sandbox', name: 'try' }, 41)
  noteRun(site, 'web-1', { kind: 'local' }, 99)
  assert.equal(await values('runs', '--host', 'web-1', ''), ['3', '2', '1'])
  assert.is(knownRuns(site, 'web-1', 'try').length, 20)
  assert.equal(await values('undo', '--sandbox', 'try', '4'), ['41', '40'])
  assert.equal(knownRuns(site, 'db-1', undefined), [])
})

test.run()
