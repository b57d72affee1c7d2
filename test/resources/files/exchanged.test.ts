/**
 * A file that its owner exchanges for a pipe after it has been looked at and before it is opened: nothing waits for it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eachAccount } from '../../../lib/kit/files/byAccount.ts'
import { readNow } from '../../../lib/kit/files/readNow.ts'
import { quote } from '../../../lib/kit/shell.ts'
import { file } from '../../../lib/resources/files/file.ts'
import { scratchFolder } from '../dash.ts'

const test = suite('exchanged')
const EVE = 12_345
/** Of one program, which takes milliseconds where nothing waits: a limit of its own that is used up shows as well. */
const LIMIT_MS = 10_000

const root = scratchFolder()
const folder = join(root, 'of-eve')
const bin = join(root, 'bin')
const swapped = join(folder, 'swapped')
const steady = join(root, 'steady')
mkdirSync(folder)
mkdirSync(bin)
chownSync(folder, EVE, EVE)

function run(text: string): { ended: boolean; stdout: string } {
  const { stdout, error } = spawnSync('sh', ['-s'], {
    input: text,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    env: { PATH: `${bin}:${process.env.PATH}` },
  })
  return { ended: error === undefined, stdout: stdout.toString() }
}

function plant(name: string, text: string): void {
  const real = spawnSync('sh', ['-c', `command -v ${name}`])
    .stdout.toString()
    .trim()
  writeFileSync(join(bin, name), `#!/bin/sh\n${text}\nexec ${real} "$@"\n`)
  chmodSync(join(bin, name), 0o755)
}

/** The file is there when it is looked at; each of these programs finds a pipe when it opens it. */
function exchangeBefore(programs: readonly string[]): void {
  rmSync(bin, { recursive: true })
  mkdirSync(bin)
  rmSync(swapped, { force: true })
  for (const path of [swapped, steady]) writeFileSync(path, 'text\n')
  chownSync(swapped, EVE, EVE)
  for (const program of programs) plant(program, `rm -f ${quote(swapped)}; mkfifo ${quote(swapped)}`)
}

const OPENERS = ['cat', 'tar', 'dd', 'sha256sum', 'head', 'xargs']

for (const opener of OPENERS) {
  test(`the text of other files is shown though ${opener} finds a pipe`, () => {
    exchangeBefore([opener])
    const { ended, stdout } = run(file.fetch!.command([swapped, steady]))
    assert.ok(ended, 'it waits for a writer')
    assert.is(file.fetch!.parse({ stdout, stderr: '', exit: 0 }).get(steady)?.text, 'text\n')
  })

  test(`what is compared before a write does not wait where ${opener} finds a pipe`, () => {
    exchangeBefore([opener])
    const wanted = [swapped, steady].map((name) => ({ name, desired: null }))
    const { ended, stdout } = run(file.read.compare!(wanted))
    assert.ok(ended, 'it waits for a writer')
    assert.match(stdout, steady)
  })
}

test('a digest that is compared is that of the content, whoever owns the folder', () => {
  exchangeBefore([])
  const wanted = [{ name: swapped, desired: null }]
  const before = run(file.read.compare!(wanted)).stdout
  assert.is(run(file.read.compare!(wanted)).stdout, before)
  writeFileSync(swapped, 'tex2\n')
  assert.is.not(run(file.read.compare!(wanted)).stdout, before)
})

test('a pipe is empty without a writer, and no text with one that is silent', async () => {
  const pipe = join(root, 'pipe')
  run(`mkfifo ${quote(pipe)}`)
  assert.equal(run(readNow(quote(pipe))), { ended: true, stdout: '' })
  const writer = spawn('sh', ['-c', 'exec 3<>"$1"; echo; exec sleep 60', 'sh', pipe], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await new Promise((resolve) => writer.stdout.once('data', resolve))
  assert.equal(run(readNow(quote(pipe))), { ended: true, stdout: '' })
  writer.kill()
})

test('an account whose files take their time is given up once, however many they are', () => {
  exchangeBefore([])
  const names = Array.from({ length: 2500 }, (_, index) => join(folder, `${'n'.repeat(200)}${index}`))
  for (const name of names) writeFileSync(name, '')
  const calls = join(root, 'calls')
  plant('timeout', `echo called >> ${quote(calls)}; exit 124`)
  run(eachAccount(names, '-type f', 'sha256sum --zero --'))
  assert.is(spawnSync('cat', [calls]).stdout.toString(), 'called\n')
  for (const name of names) rmSync(name)
})

test.run()
