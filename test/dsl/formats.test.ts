/**
 * Structured text, read again by each format's own parser, with secrets of all kinds in it.
 */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse as parseYaml } from 'yaml'
import { schemaProblems } from '../../lib/dsl/validate.ts'
import { conf, env, file as fileResource, ini, json, secret, toml, yaml } from '../../lib/index.ts'
import { file } from '../../lib/resources/files/file.ts'
import { form } from '../../lib/kit/index.ts'
import { revealFrom, type Text } from '../../lib/kit/value.ts'
import { collect } from '../../lib/dsl/declare.ts'

const test = suite('formats')

/** What a host would get. */
function text(made: Text, value = ''): string {
  return revealFrom(new Map([['s', value]]))(made.toJSON())
}

const anyString = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'no',
    'Yes',
    'null',
    '~',
    '1',
    '1e3',
    '0o7',
    '1:30',
    '2026-11-28',
    '- a',
    'a: b',
    '# a',
    '"',
    "'",
    '\\',
    '${x}',
    '',
    ' ',
    '\n',
    '<<',
    '\u2028',
    '\u0085',
    '\ufeff',
    '=',
    'é',
    '𝄞',
  ),
)
const whole = anyString.filter((each) => !/\p{Surrogate}/u.test(each) && !each.includes('\0'))
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(1e21, 1e-7, -1e300))
  .map((each) => each + 0)
const anyKey = whole.filter((each) => each !== '__proto__')

function data(scalar: fc.Arbitrary<unknown>): fc.Arbitrary<{ [key: string]: never }> {
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(anyKey, tie('node'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- any value that the format can hold
  return fc.dictionary(anyKey, node, { maxKeys: 5, noNullPrototype: true }) as fc.Arbitrary<{ [key: string]: never }>
}

/** Without the parser's own prototypes. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const scalar = fc.oneof(whole, number, fc.boolean())

test('json is read again as it was, whatever is in it', () => {
  fc.assert(
    fc.property(data(fc.oneof(scalar, fc.constant(null))), (each) => assert.equal(JSON.parse(text(json(each))), each)),
  )
})

test('yaml is read again as it was, by a reader of either version', () => {
  fc.assert(
    fc.property(data(fc.oneof(scalar, fc.constant(null))), (each) => {
      for (const version of ['1.1', '1.2'] as const) assert.equal(parseYaml(text(yaml(each)), { version }), each)
    }),
  )
})

test('toml is read again as it was', () => {
  fc.assert(fc.property(data(scalar), (each) => assert.equal(plain(parseToml(text(toml(each)))), each)))
})

test('a secret is quoted as its place wants, alone and within a text', () => {
  fc.assert(
    fc.property(whole, (value) => {
      const each = { a: secret('s'), b: [conf`x${secret('s')}y`, 'no'] }
      const is = { a: value, b: [`x${value}y`, 'no'] }
      assert.equal(JSON.parse(text(json(each), value)), is)
      assert.equal(parseYaml(text(yaml(each), value), { version: '1.1' }), is)
      assert.equal(plain(parseToml(text(toml(each), value))), is)
    }),
  )
})

test('a shell reads each variable of env as it was, and runs nothing', () => {
  const values = ['', 'plain', "it's", '"', '$HOME', '$(touch never)', '`id`', 'a\nb', '\\', "'\\''", ' x ', 'é', '#']
  for (const value of values) {
    const made = text(env({ A: value, B: secret('s'), C: conf`x${secret('s')}`, D: true }), value)
    const { stdout, stderr } = spawnSync('dash', ['-c', `${made}\nprintf '%s|' "$A" "$B" "$C" "$D"`], {
      encoding: 'utf8',
    })
    assert.equal([stdout, stderr], [`${value}|${value}|x${value}|true|`, ''])
  }
})

test('an INI file has keys at the top, sections and repeated keys', () => {
  const made = ini({ top: 1, main: { host: 'a b', include: ['x', 'y'], on: true, key: secret('s') } })
  assert.is(text(made, 'p=1;#'), 'top = 1\n\n[main]\nhost = a b\ninclude = x\ninclude = y\non = true\nkey = p=1;#\n')
  assert.is(text(ini({ main: { a: 1 } })), '[main]\na = 1\n')
})

test('what a format cannot hold is refused where it is written', () => {
  const refused = (work: () => unknown, words: RegExp): void => assert.throws(work, words)
  // @ts-expect-error -- a recipe without types
  refused(() => json({ a: { b: undefined } }), /json: a\.b is undefined, which it cannot hold; leave the key out/)
  refused(() => json({ a: Number.NaN }), /json: a is NaN/)
  // @ts-expect-error -- a recipe without types
  refused(() => yaml({ at: new Date() }), /yaml: at is /)
  refused(() => toml({ a: { b: null } }), /toml: a\.b is null/)
  refused(() => ini({ a: 'x\n[other]' }), /ini: a has a line break/)
  refused(() => ini({ 'a]\n': { b: 1 } }), /is no name of a section/)
  refused(() => ini({ '[a': 1 }), /is no key/)
  refused(() => env({ 'A B': 1 }), /is no name of a variable/)
})

test('a secret of several lines is refused on one line, without its value', () => {
  assert.throws(
    () => text(ini({ a: secret('s') }), 'hunter\n2'),
    (error: Error) => error.message.includes('secret "s" has more than one line') && !error.message.includes('hunter'),
  )
})

test('the text is content of a file like any other, and the ledger takes it back', () => {
  const content = json({ a: secret('s') })
  assert.equal(schemaProblems(file.schema, { path: '/etc/x', content: JSON.parse(JSON.stringify(content)) }), [])
  assert.is(form.stateText.problem(JSON.parse(JSON.stringify(content)), 'no more'), undefined)
})

test('a handle gives its name, and what uses the text comes after it', () => {
  const declared = collect(process.cwd(), () => {
    const key = fileResource({ path: '/etc/app.key' })
    fileResource({ path: '/etc/app.json', content: json({ key }) })
  })
  assert.equal(declared[1]?.refs, ['file:/etc/app.key'])
  assert.is(String(declared[1]?.props['content']), '{\n  "key": "/etc/app.key"\n}\n')
})

test.run()
