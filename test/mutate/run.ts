/**
 * Plants faults in a copy of the project, one at a time, and says which of them the tests let pass.
 *
 *     npm run mutate                      all of them, about half an hour
 *     npm run mutate -- --only guard      those whose name holds that
 *
 * A fault that is no longer found in its file is an error: then the list is what has to be mended.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Fault, FAULTS } from './faults.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = ['bench', 'inventory.ts', 'lib', 'package.json', 'recipes', 'site.ts', 'test', 'tsconfig.json']
/** As many as a small machine has cores. */
const AT_ONCE = 2
/** What uvu prints of a test as soon as it has ended. */
const FAILED = '✘'
const PASSED = '•'
const LIMIT_MS = 10 * 60_000

const { values: flags } = parseArgs({ options: { only: { type: 'string', multiple: true, default: [] } } })
const wanted = FAULTS.filter(({ what }) => flags.only.length === 0 || flags.only.some((part) => what.includes(part)))
const survivors: string[] = []
const waiting = [...wanted]

async function worker(): Promise<void> {
  for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
    const caught = await isCaught(fault)
    console.log(`${caught ? 'caught' : 'SURVIVED'}  ${fault.what}`)
    if (!caught) survivors.push(fault.what)
  }
}

async function isCaught(fault: Fault): Promise<boolean> {
  const copy = await mkdtemp(join(tmpdir(), 'keelson-fault-'))
  try {
    await Promise.all(COPIED.map((name) => cp(join(ROOT, name), join(copy, name), { recursive: true })))
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    await plant(fault, copy)
    for (const file of fault.tests) if (await fails(file, copy)) return true
    return false
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** @returns At the first test of the file that fails, or when it does not end. */
async function fails(file: string, copy: string): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', 'tsx', `test/${file}.test.ts`], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let caught = false
  const end = (): void => {
    caught = true
    // The hosts of a test go when it is asked to end.
    child.kill('SIGTERM')
  }
  const limit = setTimeout(end, LIMIT_MS)
  const take = (chunk: Buffer): void => {
    output += chunk.toString()
    if (output.includes(FAILED)) end()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const [code]: unknown[] = await once(child, 'close')
  clearTimeout(limit)
  if (!caught && !output.includes(PASSED)) throw new Error(`no test of ${file} ran:\n${output}`)
  return caught || code !== 0
}

async function plant({ what, file, find, replace }: Fault, copy: string): Promise<void> {
  const path = join(copy, file)
  const parts = (await readFile(path, 'utf8')).split(find)
  if (parts.length !== 2) throw new Error(`"${what}" is to be found once in ${file}, not ${parts.length - 1} times`)
  await writeFile(path, parts.join(replace))
}

await Promise.all(Array.from({ length: AT_ONCE }, worker))
const caught = wanted.length - survivors.length
console.log(`\n${caught} of ${wanted.length} caught${survivors.length === 0 ? '' : `; not: ${survivors.join(', ')}`}`)
if (survivors.length > 0) process.exitCode = 1
