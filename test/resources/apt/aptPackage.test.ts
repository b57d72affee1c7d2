import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { differences } from '../../../lib/kit/byField.ts'
import { schemaProblems } from '../../../lib/dsl/validate.ts'
import { type Change, desiredOf, mistakesIn } from '../../../lib/kit/resourceType.ts'
import { aptPackage, type AptPackage } from '../../../lib/resources/apt/aptPackage.ts'
import type { AptPackageState } from '../../../lib/resources/apt/aptTransaction.ts'
import { comparing, context, dash } from '../dash.ts'

const test = suite('package')

// Recorded on Debian 12, cron removed and not purged, dash held, tzdata interrupted.
const LISTING = [
  'cron\tamd64\t3.0pl1-162\tdeinstall\tconfig-files\tok',
  'dash\tamd64\t0.5.12-2\thold\tinstalled\tok',
  'libc6\tamd64\t2.36-9+deb12u14\tinstall\tinstalled\tok',
  'tzdata\tall\t2024b-0+deb12u1\tinstall\thalf-configured\tok',
  '',
].join('\n')

function reading(stdout: string, ...all: AptPackage[]): (AptPackageState | null)[] {
  const wanted = all.map((props) => ({ name: props.name, desired: desiredOf(aptPackage, props) }))
  const states = aptPackage.read.parse({ stdout, stderr: '', exit: 0 }, wanted)
  if (!(states instanceof Map)) throw new Error('unknown')
  return all.map(({ name }) => states.get(name))
}

function changeOf(props: AptPackage, before: AptPackageState | null): Change<AptPackageState> {
  const { name } = props
  const after = desiredOf(aptPackage, props)
  if (after === null) return { kind: 'remove', name, before: before!, after, fields: [] }
  const fields = differences(aptPackage, after, before ?? { status: 'none' }, comparing)
  return before === null
    ? { kind: 'create', name, before, after, fields }
    : { kind: 'change', name, before, after, fields }
}

const programOf = (...changes: Change<AptPackageState>[]): string => {
  const steps = aptPackage.batch!(changes, context)
  assert.is(steps.length, 1)
  return steps[0]!.run
}
const installed = { status: 'installed', version: '1', hold: false }

test('what is removed but for its configuration is not there', () => {
  assert.equal(reading(LISTING, { name: 'cron' }, { name: 'nosuch' }), [null, null])
})

test('what is to be purged is there as long as dpkg knows it', () => {
  const purge = { ensure: 'absent', purge: true } as const
  assert.equal(
    reading(LISTING, { name: 'cron', ...purge }, { name: 'nosuch', ...purge }).map((state) => state?.status),
    ['config-files', 'purged'],
  )
})

test('version, hold and a half-done state are read, also by name and architecture', () => {
  assert.equal(reading(LISTING, { name: 'dash' }, { name: 'libc6:amd64' }, { name: 'tzdata' }), [
    { status: 'installed', version: '0.5.12-2', hold: true },
    { status: 'installed', version: '2.36-9+deb12u14', hold: false },
    { status: 'half-configured', version: '2024b-0+deb12u1', hold: false },
  ])
})

// Recorded on Debian 13: telnet needs to be reinstalled, sl was only unpacked, and dpkg left its journal.
const BROKEN = [
  'dash\tamd64\t0.5.12-12\tinstall\tinstalled\tok',
  'sl\tamd64\t5.02-1+b1\tinstall\tunpacked\tok',
  'telnet\tall\t0.17+2.6-3+deb13u3\tinstall\thalf-installed\treinstreq',
  'journal',
  '',
].join('\n')

test('what dpkg is in the middle of is a difference of the first package that is to be there', () => {
  const [first, sl, ghost] = reading(BROKEN, { name: 'dash' }, { name: 'sl', ensure: 'absent' }, { name: 'ghost' })
  assert.is(first?.interrupted, 'sl unpacked, telnet half-installed, its journal')
  assert.equal([sl?.interrupted, ghost], [undefined, null])
  const change = changeOf({ name: 'dash' }, first!)
  assert.equal(change.fields, [{ field: 'interrupted', form: 'value', before: first?.interrupted, after: 'nothing' }])
  assert.is(aptPackage.consequence!(change, context), 'restart')
  assert.match(programOf(change), 'dpkg could not be brought to the end of')
})

test('what is declared and half there is its own difference', () => {
  const [first, sl] = reading(BROKEN.replace('journal\n', ''), { name: 'dash' }, { name: 'sl' }, { name: 'telnet' })
  assert.equal([first?.interrupted, sl?.status], [undefined, 'unpacked'])
})

test('output of another form is not guessed at', () => {
  assert.throws(() => reading('cron amd64\n', { name: 'cron' }), 'not understood')
})

test('a version or hold that the recipe leaves out is left as the host has it', () => {
  assert.equal(changeOf({ name: 'dash' }, { ...installed, hold: true }).fields, [])
  assert.equal(changeOf({ name: 'dash', recommends: true }, installed).fields, [])
})

test('all changes are one transaction', () => {
  const program = programOf(
    changeOf({ name: 'nginx' }, null),
    changeOf({ name: 'redis', version: '5:7.0.15-1' }, installed),
    changeOf({ name: 'apache2', ensure: 'absent' }, installed),
  )
  assert.match(program, '\ntransact --no-install-recommends install nginx redis=5:7.0.15-1 apache2-')
})

test('a package whose hold alone differs is not named to apt, which would upgrade it', () => {
  const program = programOf(
    changeOf({ name: 'dash', hold: true }, installed),
    changeOf({ name: 'tree', hold: false }, { ...installed, hold: true }),
  )
  assert.not.match(program, '\ntransact ')
  assert.match(program, '\npatiently apt-mark hold dash ')
  assert.match(program, '\npatiently apt-mark unhold tree ')
})

test('purging comes after removing, and is destructive', () => {
  const change = changeOf({ name: 'cron', ensure: 'absent', purge: true }, installed)
  assert.is(aptPackage.consequence!(change, { reveal: String }), 'destructive')
  assert.match(programOf(change), /install cron-\ntransact purge cron$/)
})

test('recommended packages come only with those that say so', () => {
  const program = programOf(changeOf({ name: 'a1', recommends: true }, null), changeOf({ name: 'b1' }, null))
  assert.match(program, '\ntransact --install-recommends install a1\ntransact --no-install-recommends install b1')
})

test('every program is one that dash can read', () => {
  const program = programOf(
    changeOf({ name: 'g++', version: '4:12.2.0-3', hold: true }, null),
    changeOf({ name: 'cron', ensure: 'absent', purge: true }, installed),
  )
  const { exit, stderr } = dash(`if false; then\n${program}\nfi`)
  assert.is(exit, 0, stderr)
})

test('names and versions that are none are refused', () => {
  for (const name of ['-y', 'a b', 'Nginx', 'nginx=1', 'a;b', '$(id)', '*', 'a/stable', 'a\nb', '', 'n', 'a*'])
    assert.ok(schemaProblems(aptPackage.schema, { name }).length > 0, name)
  for (const version of ['latest', '*', '1 2', '-1', '1;id', '1/2', ''])
    assert.ok(schemaProblems(aptPackage.schema, { name: 'nginx', version }).length > 0, version)
  for (const version of ['1.22.1-9+deb12u1', '5:7.0.15-1~deb12u10', '2024b-0'])
    assert.equal(schemaProblems(aptPackage.schema, { name: 'libstdc++6:i386', version }), [])
})

test('props that do not go together are named', () => {
  assert.is(mistakesIn(aptPackage, { name: 'x1', ensure: 'absent', hold: true }).length, 1)
  assert.is(mistakesIn(aptPackage, { name: 'x1', purge: true }).length, 1)
})

test('what comes along and what would have to go is told once, without what is asked for', () => {
  const changes = [
    changeOf({ name: 'dash' }, { ...installed, mark: 'auto' }),
    changeOf({ name: 'postgresql' }, null),
    changeOf({ name: 'nginx', version: '1.22.1-9', recommends: true }, null),
    changeOf({ name: 'apache2', ensure: 'absent' }, installed),
  ]
  // As Debian 12 prints it, cut to its first two words.
  const said = [
    'Inst libllvm14',
    'Inst postgresql',
    'Inst nginx',
    'Inst libllvm14',
    'Remv apache2',
    'Purg apache2-doc',
    '',
  ]
  const foresee = aptPackage.foresee!
  const told = (stdout: string): unknown => [...foresee.parse({ stdout, stderr: '', exit: 0 }, changes)]
  assert.equal(told(said.join('\n')), [
    [
      'postgresql',
      ['1 more package comes along: libllvm14', '1 more package would have to go, which is refused: apache2-doc'],
    ],
  ])
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `Inst ${name}\n`).join('')
  assert.equal(told(many), [['postgresql', ['7 more packages come along: a, b, c, d, e and 2 others']]])
  assert.equal(told(''), [])
  assert.match(foresee.command(changes), '--install-recommends install nginx=1.22.1-9\n')
  assert.match(foresee.command(changes), '--no-install-recommends install postgresql apache2-\n')
  // Nothing is asked of apt about a mark.
  assert.not.match(foresee.command(changes.slice(0, 1)), '\nk_apt ')
})

test.run()
