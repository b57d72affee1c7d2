/**
 * The text by which each type is read takes time in proportion to the number of resources, measured as processor time of the
 * shell and of all that it starts.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import type { AnyType, Json } from '../../lib/kit/resourceType.ts'
import * as front from '../../lib/index.ts'

const test = suite('linear')
const folder = mkdtempSync(join(tmpdir(), 'keelson-linear-'))
process.once('exit', () => rmSync(folder, { recursive: true }))

const FEW = 1000
const MANY = 10_000
/** Ten times as many may take that much longer: what grows with the square takes a hundred times as long. */
const MOST = 20

const path = (index: number): string => join(folder, `file${index}`)
for (let index = 0; index < MANY; index += 1) writeFileSync(path(index), 'x')

const wish = (index: number): Json => ({ path: path(index), match: { line: 'x' }, text: 'x', position: 'bottom' })
const CASES: readonly [type: string, name: (index: number) => string, desired: (index: number) => Json][] = [
  ['file', path, () => null],
  ['directory', path, () => ({ kind: 'directory', only: [] })],
  ['symlink', path, () => null],
  ['edit', path, (index) => ({ found: [], how: { wish: wish(index) } })],
  ['cron-job', (index) => `job${index}`, () => null],
  ['user', (index) => `nobody${index}`, () => ({ password: 'x' })],
  ['group', (index) => `nobody${index}`, () => null],
  ['authorized-keys', (index) => `nobody${index}`, () => null],
  ['sysctl', (index) => `net.none.key${index}`, () => null],
  ['unit', (index) => `none${index}.service`, () => null],
  ['package', (index) => `none${index}`, () => ({ status: 'installed' })],
  ['timer', (index) => `none${index}`, () => null],
  ['drop-in', (index) => `none${index}.service/x`, () => null],
  ['sudoers', (index) => `none${index}`, () => null],
  ['nginx-vhost', (index) => `none${index}`, () => null],
  ['nginx-snippet', (index) => `conf.d/none${index}.conf`, () => null],
  ['known-hosts', (index) => `none${index}`, () => null],
  ['kernel-module', (index) => `none${index}`, () => null],
  ['locale', (index) => `none${index}`, () => null],
  ['logrotate', (index) => `none${index}`, () => null],
  ['mount', (index) => `/none/${index}`, () => null],
  ['ssh-key', (index) => `/none/${index}`, () => null],
  ['swap-file', (index) => `/none/${index}`, () => null],
  [
    'tmpfiles',
    (index) => `none${index}`,
    (index) => ({ how: { folders: [path(index)], others: [], users: [], groups: [] } }),
  ],
  ['certificate', (index) => `none${index}`, () => null],
  ['service', (index) => `none${index}.service`, () => null],
]

test('the types of the front door are the known ones', () => {
  assert.type(front.file, 'function')
  for (const [known] of CASES) assert.ok(types.has(known), known)
})

for (const [known, name, desired] of CASES) {
  const type = types.get(known)!
  test(`${known}: ten times as many take about ten times as long`, () => {
    const few = Math.max(secondsFor(type, FEW, name, desired), 0.02)
    const many = secondsFor(type, MANY, name, desired)
    assert.ok(many / few < MOST, `${few} s for ${FEW}, ${many} s for ${MANY}`)
  })
}

function secondsFor(
  type: AnyType,
  number: number,
  name: (index: number) => string,
  desired: (index: number) => Json,
): number {
  const wanted = Array.from({ length: number }, (_, index) => ({ name: name(index), desired: desired(index) }))
  const text = join(folder, 'text')
  writeFileSync(text, `{\n${type.read.command(wanted)}\n} >/dev/null 2>&1 </dev/null\n`)
  const { stdout } = spawnSync('dash', ['-c', `. ${text}; times`], { encoding: 'utf8', timeout: 60_000 })
  const spans = [...stdout.matchAll(/(\d+)m([\d.]+)s/g)]
  assert.is(spans.length, 4, `${type.type} did not end`)
  return spans.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}

test.run()
