import { Ajv } from 'ajv'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as frontDoor from '../../lib/index.ts'
import { types } from '../../lib/dsl/declare.ts'
import { HOST_SCHEMA, INVENTORY_SCHEMA } from '../../lib/dsl/inventory.ts'
import { schemaProblems } from '../../lib/dsl/validate.ts'
import { formatDiagnostic } from '../../lib/engine/catalog/evaluate.ts'
import { evaluate, messagesOf, mistakesOf, thing, type Thing } from './thing.ts'

const test = suite('validate')

const mistakes: [string, object, string][] = [
  ['a misspelt key', { mdoe: '0640' }, 'unknown key "mdoe"; did you mean "mode"?'],
  ['a misspelt key that every type has', { atfer: [] }, 'unknown key "atfer"; did you mean "after"?'],
  ['a key like no other', { colour: 'red' }, 'unknown key "colour"'],
  ['a number out of range', { ports: [70_000] }, 'ports[0]: must be at most 65535, not 70000'],
  ['a number of the wrong kind', { ports: [80, '443'] }, 'ports[1]: must be a whole number, not "443"'],
  ['one value for a list', { ports: 80 }, 'ports: must be a list, each a whole number, not 80'],
  [
    'a word that is not among those allowed',
    { ensure: 'abcent' },
    'ensure: must be one of present, absent, not "abcent"; did you mean "absent"?',
  ],
  [
    'an object that cannot be made into text, for a word',
    { ensure: { toString: [] } },
    'ensure: must be one of present, absent, not {"toString":[]}',
  ],
  ['a mode as a number', { mode: 640 }, 'mode: must be three or four octal digits, such as "0640", not 640'],
  [
    'a wrong key deep inside',
    { content: { $secert: 'x' } },
    'content: must be text, secret(\'NAME\') or conf`…`, not {"$secert":"x"}',
  ],
  ['a string where a handle belongs', { parts: ['/a'] }, 'parts[0]: must be a handle, not "/a"'],
]
for (const [what, props, message] of mistakes) {
  test(`${what} is told in words, by its line, in three lines at most`, async () => {
    const [mistake, ...others] = await mistakesOf(evaluate(() => void thing({ path: '/x', ...props })))
    const lines = formatDiagnostic(mistake!).split('\n')
    assert.match(lines[0] ?? '', /^validate\.test\.ts:\d+: small thing \/x: /)
    assert.is(mistake?.message, `small thing /x: ${message}`)
    assert.ok(lines.length <= 3)
    assert.is(others.length, 0)
  })
}

test('all mistakes of one resource are told', async () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a recipe without types may pass
  const messages = await messagesOf(() => void thing({ mode: '9', ports: [0] } as unknown as Thing))
  assert.equal(messages, [
    'small thing: path is missing',
    'small thing: mode: must be three or four octal digits, such as "0640", not "9"',
    'small thing: ports[0]: must be at least 1, not 0',
  ])
})

test('a value that is shown is cut short', () => {
  const [problem] = schemaProblems({ type: 'integer' }, 'x'.repeat(1000))
  assert.ok((problem ?? '').length < 100)
})

test('a mistake beyond the schema is told by the type itself', async () => {
  assert.equal(await messagesOf(() => void thing({ path: '/locked', mode: '0640' })), [
    'small thing /locked: mode: /locked takes none',
  ])
})

test('every schema in use is a strict JSON Schema', () => {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, validateSchema: true })
  const schemas = [...[...types.values()].map(({ schema }) => schema), INVENTORY_SCHEMA, HOST_SCHEMA]
  // Importing the front door is what makes all types known.
  assert.ok(frontDoor.file !== undefined && schemas.length > 10)
  for (const schema of schemas) ajv.compile(schema)
})

test.run()
