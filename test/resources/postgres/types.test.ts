import { Ajv } from 'ajv'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgresDatabase } from '../../../lib/resources/postgres/database.ts'
import { postgresExtension } from '../../../lib/resources/postgres/extension.ts'
import { postgresGrant } from '../../../lib/resources/postgres/grant.ts'
import { grantKey, parseGrantKey } from '../../../lib/resources/postgres/grantTarget.ts'
import { Unknown } from '../../../lib/kit/resourceType.ts'
import { postgresHba } from '../../../lib/resources/postgres/hba.ts'
import { postgresRole } from '../../../lib/resources/postgres/role.ts'
import { postgresSetting } from '../../../lib/resources/postgres/setting.ts'
import { redisSetting } from '../../../lib/resources/redis/redisSetting.ts'

const test = suite('postgres types')
const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })

const schemas = [
  postgresRole,
  postgresDatabase,
  postgresExtension,
  postgresGrant,
  postgresHba,
  postgresSetting,
  redisSetting,
].map(({ schema }) => schema)

test('every schema is a strict schema', () => {
  for (const schema of schemas) assert.ok(ajv.compile(schema))
})

test('a control character in a name is refused', () => {
  const isRole = ajv.compile(postgresRole.schema)
  assert.ok(isRole({ name: `o'dd "name"` }))
  for (const name of ['', 'a\nb', 'a\u0000', 'a\u001b[31m', 'a\u2028b'])
    assert.not(isRole({ name }), JSON.stringify(name))
})

test('where the server does not answer, hba lines are read from the file, and all else is unknown', () => {
  const unanswered = { stderr: 'psql: error: connection to server on socket failed', exit: 2 }
  const wanted = [{ name: 'local all ada', desired: { method: 'peer', place: 'in order' } }]
  const file = [
    '# pg_hba.conf as it stands on the disk',
    '# Keelson: begin. Lines up to the end mark are declared elsewhere and rewritten.',
    'local all ada trust',
    '# Keelson: end.',
  ]
  const read = postgresHba.read.parse({ ...unanswered, stdout: ['', ...file, ''].join('\n') }, wanted)
  assert.equal(read instanceof Map && read.get('local all ada'), {
    method: 'trust',
    place: 'in order',
    seen: { unloaded: false },
  })
  const none = postgresHba.read.parse({ ...unanswered, stdout: '' }, wanted)
  assert.match(none instanceof Unknown ? none.because : '', 'PostgreSQL does not answer')
})

test('an hba line is nothing but plain words', () => {
  const isLine = ajv.compile(postgresHba.schema)
  const line = { type: 'host', database: 'all', user: 'all', address: 'all', method: 'reject' }
  assert.ok(isLine(line))
  for (const user of ['a b', '"a"', 'a#', '@file', 'a\nhost all', '/x', '']) assert.not(isLine({ ...line, user }), user)
})

test('the key of a grant tells what it was made from', () => {
  const name = fc.string({ unit: 'binary', minLength: 1 })
  fc.assert(
    fc.property(name, name, name, name, fc.boolean(), (role, database, schema, other, isNew) => {
      const target = isNew
        ? { database, kind: 'tables' as const, path: [schema], owner: other }
        : { database, kind: 'table' as const, path: [schema, other] }
      fc.pre(![role, database, schema, other].some((text) => text.includes('\0')))
      assert.equal(parseGrantKey(grantKey(role, target)), { role, target })
    }),
  )
})

test('a function has one key, however its signature is written', () => {
  const key = (signature: string): string =>
    postgresGrant.name({ role: 'app', on: { database: 'd', schema: 's', function: signature } })
  const same = [
    ['f(int, int)', 'f(integer,integer)', 'f( INT4 ,pg_catalog.int4 )'],
    ['f(varchar[], bool)', 'f(character  varying[][], BOOLEAN)', 'f(varchar ARRAY, bool)', 'f(varchar[3] , bool)'],
    ['f(timestamptz, time)', 'f(timestamp with time zone, time without time zone)'],
    ['f(float, float4, decimal)', 'f(double precision, real, numeric)'],
    ['f()', 'f( )'],
  ]
  for (const [first = '', ...others] of same) for (const other of others) assert.is(key(other), key(first), other)
  assert.is(new Set(same.map(([first = '']) => key(first))).size, same.length)
  assert.is.not(key('F(int)'), key('f(int)'))
  assert.match(key('total(int, text)'), 'total(integer, text)')
})

test('PUBLIC is everyone in capitals too, and ALL is a privilege of all kinds', () => {
  const on = { database: 'd', schema: 's', table: 't' }
  assert.is(postgresGrant.name({ role: 'PUBLIC', on }), postgresGrant.name({ role: 'public', on }))
  const of = (privileges: string[]): unknown => postgresGrant.desired({ role: 'app', on, privileges })
  assert.equal(of(['ALL']), of(['select', 'all  privileges']))
  assert.equal(postgresGrant.check?.({ role: 'app', on, privileges: ['ALL'] }), [])
  assert.match(
    postgresGrant.check?.({ role: 'app', on, privileges: ['SELECT ALL'] })[0] ?? '',
    'no privilege of a table',
  )
})

test('what is not asked of the host is not in the desired state of a role', () => {
  assert.equal(
    Object.values(postgresRole.desired({ name: 'app' }) ?? {}).filter((value) => value !== undefined),
    [],
  )
})

test('a day that no month has is refused', () => {
  assert.match(postgresRole.check?.({ name: 'app', validUntil: '2027-02-31' })[0] ?? '', 'no date of the calendar')
})

test.run()
