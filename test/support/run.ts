/**
 * Runs test files, each in a process of its own, and counts the tests that really ran.
 *
 *     node --import tsx test/support/run.ts [--hosts | --no-hosts] [PART_OF_A_PATH…]
 *
 * A file that exits with 0 but ran no test counts as a failure, and so does one that does not end. The last line is
 * `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureRequirements } from '../../lib/sandbox/requirements.ts'

/** One more than a small machine has cores: host tests mostly wait, some of them for a clock. */
const AT_ONCE = 3
const LIMIT_MS = 15 * 60_000
/** The files that take longest: begun late, one of them would be at work alone in the end. */
const LONG = [
  'bounds',
  'crash',
  'hands',
  'guard',
  'ufw',
  'packages',
  'canaries',
  'endless',
  'tortureSite',
  'guardNetworks',
  'guardServices',
]

type Result = { file: string; passed: number; failed: number; output: string; seconds: number }

async function testFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function isChosen(file: string, args: readonly string[]): boolean {
  const onHosts = file.includes('test/hosts/')
  if (args.includes('--hosts') && !onHosts) return false
  if (args.includes('--no-hosts') && onHosts) return false
  const parts = args.filter((arg) => !arg.startsWith('--'))
  return parts.length === 0 || parts.some((part) => file.includes(part))
}

async function runFile(file: string): Promise<Result> {
  const started = performance.now()
  // A process group of its own, so that a hanging test can be ended with all it started.
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const limit = setTimeout(() => {
    output += `\nno end within ${LIMIT_MS / 60_000} minutes; it was killed\n`
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, LIMIT_MS)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(limit)
  return { file, ...countTests(output, code), output, seconds: (performance.now() - started) / 1000 }
}

/** What uvu printed at its end; a file without those lines, or with a bad exit, is at least one failure. */
function countTests(output: string, code: number | null): { passed: number; failed: number } {
  const total = numberAfter(output, 'Total')
  const passed = numberAfter(output, 'Passed')
  const skipped = numberAfter(output, 'Skipped')
  const failed = total - passed - skipped
  return { passed, failed: code === 0 && total > skipped ? failed : Math.max(1, failed) }
}

function numberAfter(output: string, word: string): number {
  // oxlint-disable-next-line no-control-regex -- uvu colours its closing lines
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '')
  return Number(plain.match(new RegExp(`^\\s*${word}:\\s+(\\d+)`, 'm'))?.[1] ?? 0)
}

/** The long ones first, then the others on hosts; those without fill what is left at the end. */
function rankOf(file: string): number {
  const long = LONG.findIndex((name) => file === `test/hosts/${name}.test.ts`)
  if (long !== -1) return long
  return file.includes('test/hosts/') ? LONG.length : LONG.length + 1
}

async function runAll(files: readonly string[]): Promise<Result[]> {
  const results: Result[] = []
  const waiting = [...files]
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file)
      results.push(result)
      const mark = result.failed === 0 ? 'ok  ' : 'FAIL'
      console.log(`${mark} ${file}  ${result.passed} passed, ${result.failed} failed  ${result.seconds.toFixed(1)} s`)
      if (result.failed > 0) console.log(result.output.trimEnd())
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return results
}

/** Programs of this machine that tests use besides what throw-away hosts need. */
const BESIDES = new Map([
  ['/usr/sbin/sshd', 'openssh-server'],
  ['age', 'age'],
  ['curl', 'curl'],
  ['dash', 'dash'],
  ['fish', 'fish'],
  ['zsh', 'zsh'],
])

const args = process.argv.slice(2)
await ensureRequirements({ install: true, besides: BESIDES })
const files = (await testFiles('test')).filter((file) => isChosen(file, args))
const results = await runAll(files.sort((a, b) => rankOf(a) - rankOf(b)))
const passed = results.reduce((sum, result) => sum + result.passed, 0)
const failed = results.reduce((sum, result) => sum + result.failed, 0)
if (passed + failed === 0) console.log('no test ran')
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
