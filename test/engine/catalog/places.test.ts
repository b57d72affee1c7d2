/** Paths by more than one spelling, and what claims one place by two of them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { collect } from '../../../lib/dsl/declare.ts'
import { validateProps } from '../../../lib/dsl/validate.ts'
import { buildCatalog, RecipeError } from '../../../lib/engine/catalog/evaluate.ts'
import { conflicts, placeOf } from '../../../lib/engine/catalog/places.ts'
import { absent, directory, file, symlink } from '../../../lib/index.ts'
import { catalogOf } from '../../support/converge.ts'

const test = suite('places')
const host = { name: 'h', address: '192.0.2.1', os: 'debian-13' } as const

function mistakesIn(declare: () => void): readonly string[] {
  try {
    catalogOf(host, declare)
    return []
  } catch (error) {
    if (error instanceof RecipeError) return error.diagnostics.map(({ message }) => message)
    throw error
  }
}

test('links are followed in the folders of a path, again and again, and not at its end', () => {
  const links = new Map([
    ['/srv/current', 'releases/7'],
    ['/srv/releases', '/data/releases'],
    ['/data/releases/7/log', '../../log'],
  ])
  assert.is(placeOf('/srv/current', links), '/srv/current')
  assert.is(placeOf('/srv/current/x', links), '/data/releases/7/x')
  assert.is(placeOf('/srv/current/log/x', links), '/data/log/x')
  assert.is(placeOf('/srv/currently/x', links), '/srv/currently/x')
})

test('links in a circle end', () => {
  const links = new Map([
    ['/a', '/b'],
    ['/b', '/a'],
  ])
  assert.is(placeOf('/a/x', links), '/a/x')
})

for (const [one, other] of [
  ['/bin/t', '/usr/bin/t'],
  ['/sbin/t', '/usr/sbin/t'],
  ['/lib/systemd/system/t.service', '/usr/lib/systemd/system/t.service'],
  ['/var/run/t.conf', '/run/t.conf'],
  ['/var/lock/t', '/run/lock/t'],
]) {
  test(`${one} and ${other} are one file`, () => {
    const declare = (): void => {
      file({ path: one!, content: 'a' })
      file({ path: other!, content: 'b' })
    }
    assert.equal(mistakesIn(declare), [`file ${other} and file ${one} both claim path ${other}`])
  })
}

test('a declared link makes two paths one, before or after it, by an absolute target or a relative one', () => {
  for (const target of ['/srv/releases/7', 'releases/7']) {
    const declare = (): void => {
      file({ path: '/srv/current/app.conf', content: 'a' })
      file({ path: '/srv/releases/7/app.conf', content: 'b' })
      symlink({ path: '/srv/current', target })
    }
    assert.equal(mistakesIn(declare), [
      'file /srv/releases/7/app.conf and file /srv/current/app.conf both claim path /srv/releases/7/app.conf',
    ])
  }
})

test('types of any kind are held against each other, and what is to be gone with what is to be there', () => {
  assert.equal(
    mistakesIn(() => {
      directory({ path: '/lib/t' })
      symlink({ path: '/usr/lib/t', target: '/srv' })
    }),
    ['symlink /usr/lib/t and directory /lib/t both claim path /usr/lib/t'],
  )
  assert.equal(
    mistakesIn(() => {
      absent(file, { path: '/usr/bin/t' })
      file({ path: '/bin/t', content: 'a' })
    }),
    ['file /usr/bin/t and file /bin/t both claim path /usr/bin/t'],
  )
})

test('both lines are named', () => {
  const [conflict] = conflictsOf()
  assert.equal([conflict?.source?.line !== conflict?.also?.[0]?.line, conflict?.also?.length], [true, 1])
})

test('paths that only look alike are two', () => {
  assert.equal(
    mistakesIn(() => {
      file({ path: '/bin/a', content: 'a' })
      file({ path: '/usr/bin/b', content: 'b' })
      file({ path: '/srv/bin/a', content: 'c' })
      file({ path: '/var/runner/a', content: 'd' })
      file({ path: '/runner/a', content: 'e' })
    }),
    [],
  )
})

test('a path is written in one way only', () => {
  for (const path of ['/etc//t', '/etc/./t', '/etc/x/../t', '/etc/t/', 'etc/t'])
    assert.is(mistakesIn(() => void file({ path, content: 'a' })).length, 1, path)
})

function conflictsOf() {
  const declarations = collect(process.cwd(), () => {
    file({ path: '/data/t', content: 'a' })
    file({ path: '/srv/t', content: 'b' })
  })
  const { resources } = buildCatalog(declarations, { ...host, server: 'CX22', cpus: 2, memoryMiB: 4096 }, validateProps)
  return conflicts(resources, new Map([['/srv', '/data']]))
}

test.run()
