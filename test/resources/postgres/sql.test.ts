import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  connectTo,
  identifier,
  literal,
  nameMistakes,
  psqlArgument,
  settingLiteral,
  settingText,
} from '../../../lib/resources/postgres/sql.ts'

const test = suite('postgres/sql')

const text = fc.oneof(
  fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0')),
  // What is special to somebody is rare among all characters.
  fc.string({ unit: fc.constantFrom('"', "'", '\\', '$', ';', '-', ' ', 'a', 'é') }),
)

test('an identifier is one quoted token that reads back as the name', () => {
  fc.assert(
    fc.property(text, (name) => {
      const quoted = identifier(name)
      assert.match(quoted, /^"(?:[^"]|"")*"$/)
      assert.is(quoted.slice(1, -1).replaceAll('""', '"'), name)
    }),
  )
})

test('a literal is one quoted token that reads back as the value, with a backslash only in an E string', () => {
  fc.assert(
    fc.property(text, (value) => {
      const quoted = literal(value)
      if (!value.includes('\\')) assert.is(quoted.slice(1, -1).replaceAll("''", "'"), value)
      else
        assert.is(
          quoted.slice(2, -1).replace(/''|\\\\/g, (pair) => pair[0]!),
          value,
        )
      assert.match(quoted, value.includes('\\') ? /^E'(?:[^'\\]|''|\\\\)*'$/ : /^'(?:[^']|'')*'$/)
    }),
  )
})

test('a NUL is refused wherever it would go', () => {
  for (const quoting of [identifier, literal, psqlArgument, connectTo]) assert.throws(() => quoting('a\0b'), /NUL/)
})

test('an argument of a psql command cannot end the command', () => {
  assert.throws(() => psqlArgument('a\nb'), /line break/)
  assert.is(psqlArgument(`a'b\\c`), `'a''b\\\\c'`)
})

test('a database whose name looks like a connection string is still only a name', () => {
  // Tried with psql 15 on Debian 12 and psql 17 on Debian 13.
  assert.is(connectTo('x host=evil'), `\\c 'dbname=''x host=evil'''`)
  assert.is(connectTo(`o'd"d`), `\\c 'dbname=''o\\\\''d""""d'''`)
  assert.is(connectTo('a""b"'), `\\c 'dbname=''a""""""b""""'''`)
})

test('a name that PostgreSQL would cut off is a mistake, counted in bytes', () => {
  assert.equal(nameMistakes({ name: 'ü'.repeat(31) }), [])
  assert.match(nameMistakes({ name: 'ü'.repeat(32) })[0] ?? '', /name .* longer than 63 bytes/)
})

test('each item of a list of names is a literal of its own, any other value is one', () => {
  assert.is(settingLiteral('search_path', settingText('search_path', '"$user",app')), `'$user', 'app'`)
  assert.is(settingLiteral('log_line_prefix', '%m, %p'), `'%m, %p'`)
})

test('lists and booleans have one text', () => {
  assert.is(settingText('listen_addresses', 'a,b ,  c'), 'a, b, c')
  assert.is(settingText('jit', false), 'off')
  assert.is(settingText('work_mem', '4MB'), '4MB')
})

test.run()
