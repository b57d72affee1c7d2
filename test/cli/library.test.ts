/**
 * lib/ compiled, in a copy of the project, so that no other test's cache is touched.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderHtml } from '../../lib/render/html/planHtml.ts'
import { viewReviews } from '../../lib/render/view/review.ts'
import { planFileOf, wholePlan } from '../render/planFile.ts'

const test = suite('library')

const SITE = `import { file, inventory, site } from '#keelson'
const hosts = inventory({ hosts: { one: { address: '127.0.0.1', port: 1, os: 'debian-13', server: 'CX22', roles: ['all'] } } })
export default site(hosts, {
  all() {
    file({ path: '/a', contents: 'x' })
  },
})
`

const project = mkdtempSync(join(tmpdir(), 'keelson-library-'))
const cache = join(project, 'node_modules/.cache')
for (const name of ['lib', 'build']) cpSync(name, join(project, name), { recursive: true })
mkdirSync(join(project, 'node_modules'))
for (const name of readdirSync('node_modules')) {
  if (name !== '.cache') symlinkSync(join(process.cwd(), 'node_modules', name), join(project, 'node_modules', name))
}
cpSync('package.json', join(project, 'package.json'))
writeFileSync(join(project, 'site.ts'), SITE)
process.once('exit', () => rmSync(project, { recursive: true }))

/** What a plan says, and what it did to have lib/ compiled. */
function plan(): { said: string; compiled: boolean; byFile: boolean } {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...env } = process.env
  const ended = spawnSync(process.execPath, ['--import', 'tsx', 'site.ts', 'plan'], {
    cwd: project,
    env: { ...env, NODE_DEBUG: 'keelson' },
    encoding: 'utf8',
  })
  const lines = ended.stderr.split('\n')
  const debug = lines.filter((line) => line.startsWith('KEELSON '))
  return {
    said: lines.filter((line) => !debug.includes(line)).join('\n'),
    compiled: debug.some((line) => line.includes('compiling lib/')),
    byFile: debug.some((line) => line.includes('file by file')),
  }
}

const cachedFile = (): string =>
  join(
    cache,
    'keelson',
    readdirSync(join(cache, 'keelson')).find((name) => name.endsWith('.cjs'))!,
  )

test('a first run compiles, and later ones have nothing to compile', () => {
  assert.is(plan().compiled, true)
  assert.is(plan().compiled, false)
})

test('text beyond ASCII comes out as it is written', () => {
  const file = planFileOf(wholePlan)
  writeFileSync(join(project, 'plan.json'), JSON.stringify(file))
  const words = ['--import', 'tsx', 'site.ts', 'plan', 'show', 'plan.json', '--as', 'html']
  const { stdout } = spawnSync(process.execPath, words, { cwd: project, encoding: 'utf8' })
  assert.is(stdout, renderHtml(viewReviews(file)))
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  assert.match(readFileSync(cachedFile(), 'latin1'), /^[\0-\x7f]*$/)
})

test('a mistake of a recipe is told by its own line, compiled or not', () => {
  assert.match(plan().said, /^site\.ts:5: file \/a/m)
  assert.match(plan().said, 'did you mean "content"?')
})

test('a change in lib/ is compiled anew', () => {
  writeFileSync(join(project, 'lib/cli/version.ts'), 'export const added = true\n')
  assert.is(plan().compiled, true)
  assert.is(plan().compiled, false)
})

test('a file that was cut off is compiled anew', () => {
  truncateSync(cachedFile(), 100_000)
  const { compiled, said } = plan()
  assert.is(compiled, true)
  assert.match(said, /^site\.ts:5: file \/a/m)
})

test('where nothing can be kept, everything still works', () => {
  rmSync(cache, { recursive: true })
  writeFileSync(cache, '')
  const { byFile, said } = plan()
  assert.is(byFile, true)
  assert.match(said, /^site\.ts:5: file \/a/m)
})

test.run()
