/**
 * Plants faults in a copy of the project, one at a time, and says which of them the tests let pass.
 *
 *     npm run mutate                      all of them
 *     npm run mutate -- --only guard      those whose name holds that
 *     npm run mutate -- --minutes 20      begins none after that; the next call goes on from there
 *
 * A fault that is no longer found in its file is an error: then the list is what has to be mended. What came of each is
 * kept in test/mutate/last.json, as long as nothing in lib/ and test/ changes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { down, list } from '../../lib/sandbox/sandbox.ts'
import { codeIn, resumed } from '../support/results.ts'
import type { Fault } from './fault.ts'
import { FAULTS } from './faults.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = [
  'bench',
  'build',
  'inventory.ts',
  'lib',
  'package.json',
  'recipes',
  'schemas',
  'site.ts',
  'test',
  'tsconfig.json',
]
const RESULTS = join(ROOT, 'test/mutate/last.json')
/** More than a small machine has cores: tests of hosts wait a lot. */
const AT_ONCE = 3
/** What uvu prints of a test as soon as it has ended. */
const FAILED = '✘'
const PASSED = '•'
const LIMIT_MS = 10 * 60_000

/** By fault: what noticed it, or null. */
type Results = { code: string; caught: { [what: string]: string | null } }

const { values: flags } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: [] }, minutes: { type: 'string' } },
})
const wanted = FAULTS.filter(({ what }) => flags.only.length === 0 || flags.only.some((part) => what.includes(part)))
if (wanted.length === 0) throw new Error(`no fault has ${flags.only.join(' or ')} in its name`)
const results: Results = await resumed(RESULTS, { code: codeIn('lib', 'test'), caught: {} })
const waiting = wanted.filter(({ what }) => results.caught[what] === undefined)
const until = flags.minutes === undefined ? Infinity : performance.now() + Number(flags.minutes) * 60_000

async function worker(): Promise<void> {
  for (let fault = waiting.shift(); fault !== undefined && performance.now() < until; fault = waiting.shift()) {
    const caught = await caughtBy(fault)
    console.log(caught === null ? `SURVIVED  ${fault.what}` : `caught  ${fault.what}  by ${caught}`)
    results.caught[fault.what] = caught
    await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
  }
}

async function caughtBy(fault: Fault): Promise<string | null> {
  const copy = await mkdtemp(join(tmpdir(), 'keelson-fault-'))
  try {
    await Promise.all(COPIED.map((name) => cp(join(ROOT, name), join(copy, name), { recursive: true })))
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    await plant(fault, copy)
    for (const file of fault.tests) {
      const failure = await failureOf(file, copy)
      if (failure !== undefined) return `${file}, ${failure}`
    }
    return null
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** @returns The first test of the file that fails, by its number, or how else it went wrong. */
async function failureOf(file: string, copy: string): Promise<string | undefined> {
  const child = spawn(process.execPath, ['--import', 'tsx', `test/${file}.test.ts`], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let failure: string | undefined
  const end = (by: string): void => {
    failure ??= by
    // The hosts of a test go when it is asked to end.
    child.kill('SIGTERM')
  }
  const limit = setTimeout(() => end(`no end within ${LIMIT_MS / 60_000} minutes`), LIMIT_MS)
  const take = (chunk: Buffer): void => {
    output += chunk.toString()
    const [before = '', after] = output.split(FAILED)
    if (after !== undefined) end(`test ${before.split(PASSED).length}`)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const [code]: unknown[] = await once(child, 'close')
  clearTimeout(limit)
  await takeDownHostsOf(child.pid)
  if (failure === undefined && !output.includes(PASSED)) throw new Error(`no test of ${file} ran:\n${output}`)
  return failure ?? (code === 0 ? undefined : `exit ${String(code)}`)
}

/** Here, because the test that was ended would do it by the copy, which is gone in a moment. */
async function takeDownHostsOf(pid: number | undefined): Promise<void> {
  const names = (await list()).map(({ name }) => name)
  await Promise.all(names.filter((name) => name.startsWith(`t-${pid}-`)).map((name) => down(name)))
}

async function plant({ what, file, find, replace }: Fault, copy: string): Promise<void> {
  const path = join(copy, file)
  const parts = (await readFile(path, 'utf8')).split(find)
  if (parts.length !== 2) throw new Error(`"${what}" is to be found once in ${file}, not ${parts.length - 1} times`)
  await writeFile(path, parts.join(replace))
}

await Promise.all(Array.from({ length: AT_ONCE }, worker))
const done = wanted.filter(({ what }) => results.caught[what] !== undefined)
const survivors = done.filter(({ what }) => results.caught[what] === null).map(({ what }) => what)
const left = done.length === wanted.length ? '' : `; ${wanted.length - done.length} not planted yet`
const named = survivors.length === 0 ? '' : `; not: ${survivors.join(', ')}`
console.log(`\n${done.length - survivors.length} of ${done.length} caught${named}${left}`)
if (survivors.length > 0) process.exitCode = 1
