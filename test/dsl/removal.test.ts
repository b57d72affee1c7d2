import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { absent, collect, forget, type Handle, types } from '../../lib/dsl/declare.ts'
import { validateProps } from '../../lib/dsl/validate.ts'
import * as door from '../../lib/index.ts'
import { buildCatalog } from '../../lib/engine/catalog/evaluate.ts'
import { evaluate, here, messagesOf, mistakesOf, siteOf, thing } from './thing.ts'

const test = suite('removal')

test('what is absent has no state, and is found by its key alone', async () => {
  let handle: Handle | undefined
  const { resources } = await evaluate(() => {
    handle = absent(thing, { path: '/x', tags: ['old'] })
  })
  assert.is(handle?.ref, 'small-thing:/x')
  const [only] = resources
  assert.equal([only?.ref, only?.desired, only?.absent, only?.tags], ['small-thing:/x', null, true, ['old']])
})

test('absent comes after what it is said to come after, and others after it', async () => {
  const { resources } = await evaluate(() => {
    const gone = absent(thing, { path: '/old', after: thing({ path: '/new' }) })
    thing({ path: '/last', after: gone })
  })
  assert.equal(
    resources.map(({ name, needs }) => [name, needs]),
    [
      ['/new', []],
      ['/old', ['small-thing:/new']],
      ['/last', ['small-thing:/old']],
    ],
  )
})

test('absent is the same as ensure: absent, and said twice it is said once', async () => {
  const { resources } = await evaluate(() => {
    absent(thing, { path: '/x' })
    thing({ path: '/x', ensure: 'absent' })
    absent(thing, { path: '/x' })
  })
  assert.equal(
    resources.map(({ ref, also }) => [ref, also.length]),
    [['small-thing:/x', 2]],
  )
})

test('what is forgotten is no resource, but known with its line', async () => {
  let line = 0
  const { resources, forgotten } = await evaluate(() => {
    line = here() + 1
    forget(thing, { path: '/x', tags: ['old'] })
    forget(thing, { path: '/x' })
  })
  assert.equal(resources, [])
  assert.equal(
    forgotten?.map(({ ref, tags, source, also }) => [ref, tags, source.line, also.map((each) => each.line)]),
    [['small-thing:/x', ['old'], line, [line + 1]]],
  )
})

test('a catalog of a site that forgets nothing says nothing of it', async () => {
  assert.equal(Object.keys(await evaluate(() => {})), ['host', 'resources', 'site'])
})

test('declaring and forgetting one thing is an error with both lines', async () => {
  const lines = [0, 0]
  const mistakes = await mistakesOf(
    evaluate(() => {
      lines[0] = here() + 1
      thing({ path: '/x' })
      lines[1] = here() + 1
      forget(thing, { path: '/x' })
      absent(thing, { path: '/y' })
      forget(thing, { path: '/y' })
    }),
  )
  const [first, second] = mistakes
  assert.is(first?.message, 'small thing /x is declared and forgotten')
  assert.equal([first?.source?.line, first?.also?.[0]?.line], lines)
  assert.is(second?.message, 'small thing /y is declared absent and forgotten')
})

test('declaring one thing to be there and to be absent is an error with both lines', async () => {
  let line = 0
  const [only, ...others] = await mistakesOf(
    evaluate(() => {
      line = here() + 1
      thing({ path: '/x' })
      absent(thing, { path: '/x' })
    }),
  )
  assert.equal(others, [])
  assert.is(only?.message, 'small thing /x is declared twice with different props')
  assert.equal([only?.source?.line, only?.also?.[0]?.line], [line + 1, line])
})

test('a key that is misspelt, missing or not asked for says what is taken', async () => {
  const more: object = { path: '/x', mode: '0640' }
  const [unknown, missing, misspelt, forgotten] = await mistakesOf(
    evaluate(() => {
      absent(thing, Object.assign({ path: '/x' }, more))
      Reflect.apply(absent, undefined, [thing, { pfad: '/y' }])
      forget(thing, Object.assign({ path: '/z' }, { after: [] }))
    }),
  )
  assert.equal(
    [unknown?.message, unknown?.next],
    ['small thing /x: unknown key "mode"', 'absent(…) takes path, after and tags of a small thing'],
  )
  assert.equal(
    [missing?.message, misspelt?.message],
    ['small thing: path is missing', 'small thing: unknown key "pfad"'],
  )
  assert.equal(
    [forgotten?.message, forgotten?.next],
    ['small thing /z: unknown key "after"', 'forget(…) takes path and tags of a small thing'],
  )
})

test('what is no resource function is refused, and so is what is said outside a role', async () => {
  const [message] = await messagesOf(() => void Reflect.apply(absent, undefined, ['file', { path: '/x' }]))
  assert.is(message, 'absent was given something that is no resource function')
  assert.throws(() => forget(thing, { path: '/x' }), 'small thing is forgotten outside a role')
  assert.throws(() => absent(thing, { path: '/x' }), 'small thing is declared outside a role')
})

test('what is absent cannot be protected', async () => {
  assert.equal(await messagesOf(() => void thing({ path: '/x', ensure: 'absent', protect: true })), [
    'small thing /x: protect: what is absent cannot be protected',
  ])
})

test('a role that throws after it forgot and declared absent leaves no catalog', async () => {
  const site = siteOf(() => {
    absent(thing, { path: '/x' })
    forget(thing, { path: '/y' })
    throw new Error('half way')
  })
  assert.equal(
    (await mistakesOf(site.evaluate('one'))).map(({ message }) => message),
    ['half way'],
  )
})

/** By type the props that tell which one is meant, and how it goes. */
const KEYS: { [type: string]: object } = {
  'authorized-keys': { user: 'ada' },
  certificate: { name: 'shop' },
  'cron-job': { name: 'report' },
  directory: { path: '/srv/x', recursive: true },
  'drop-in': { unit: 'nginx.service', name: 'limits' },
  edit: { path: '/etc/hosts', block: { name: 'ours' }, validate: 'test -s %' },
  file: { path: '/etc/motd' },
  group: { name: 'crew' },
  'kernel-module': { name: 'br_netfilter' },
  'known-hosts': { host: 'git.example.com', port: 2222 },
  locale: { name: 'de_DE.UTF-8' },
  logrotate: { name: 'app' },
  mount: { path: '/srv/data' },
  'nginx-snippet': { path: 'conf.d/x.conf' },
  'nginx-vhost': { name: 'shop' },
  package: { name: 'telnet', purge: true },
  'postgres-database': { name: 'crm' },
  'postgres-extension': { name: 'pg_trgm', database: 'crm' },
  'postgres-grant': { role: 'ro', on: { database: 'crm' } },
  'postgres-hba': { type: 'host', database: 'crm', user: 'ro', address: '10.0.0.0/8' },
  'postgres-role': { name: 'ro' },
  'postgres-setting': { name: 'work_mem' },
  'redis-setting': { name: 'maxmemory' },
  'ssh-key': { path: '/root/.ssh/id_ed25519' },
  sudoers: { name: 'ada' },
  'swap-file': { path: '/swapfile' },
  symlink: { path: '/srv/link' },
  sysctl: { key: 'net.ipv4.ip_forward' },
  timer: { name: 'report' },
  tmpfiles: { name: 'app' },
  'ufw-rule': { port: 23, protocol: 'tcp' },
  unit: { name: 'api.service' },
  user: { name: 'ada' },
}
/** And of those that are no things to be taken away. */
const STAYING: { [type: string]: object } = {
  command: { name: 'migrate' },
  hostname: {},
  service: { name: 'nginx' },
  timezone: {},
  'ufw-defaults': {},
}

const byType = new Map(
  Object.values(door).flatMap((value): [string, unknown][] =>
    typeof value === 'function' && 'of' in value ? [[(value.of as { type: string }).type, value]] : [],
  ),
)
const host = { name: 'h', address: '192.0.2.1', os: 'debian-12', server: 'CX22', cpus: 2, memoryMiB: 4096 } as const
const catalogOf = (declare: () => void) => buildCatalog(collect('/', declare), host, validateProps)

test('each type is declared absent, or cannot be; each can be forgotten', () => {
  const toys = ['small-thing']
  assert.equal([...Object.keys(KEYS), ...Object.keys(STAYING), ...toys].sort(), [...types.keys()].sort())
  for (const [type, props] of Object.entries(KEYS)) {
    const { resources } = catalogOf(() => Reflect.apply(absent, undefined, [byType.get(type), props]))
    assert.equal([resources[0]?.type, resources[0]?.absent], [type, true])
    const { recursive: _r, purge: _p, validate: _v, ...key }: { [name: string]: unknown } = { ...props }
    const { forgotten } = catalogOf(() => Reflect.apply(forget, undefined, [byType.get(type), key]))
    assert.is(forgotten?.[0]?.ref, resources[0]?.ref)
  }
  for (const [type, props] of Object.entries(STAYING)) {
    assert.throws(
      () => catalogOf(() => Reflect.apply(absent, undefined, [byType.get(type), props])),
      'cannot be declared absent',
    )
    const { forgotten } = catalogOf(() => Reflect.apply(forget, undefined, [byType.get(type), props]))
    assert.is(forgotten?.[0]?.type, type)
  }
})

test.run()
