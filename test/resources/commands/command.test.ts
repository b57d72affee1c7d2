import fc from 'fast-check'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { secret } from '../../../lib/kit/secret.ts'
import { schemaProblems } from '../../../lib/dsl/validate.ts'
import { Unknown } from '../../../lib/kit/resourceType.ts'
import { command, type Command, type CommandState } from '../../../lib/resources/commands/command.ts'
import { comparing, context, dash, runSteps, scratchFolder } from '../dash.ts'

const test = suite('command')
const folder = scratchFolder()

function read(...all: Command[]): ReadonlyMap<string, CommandState | null | Unknown> {
  const wanted = all.map((props) => ({ name: command.name(props), desired: command.desired(props) }))
  const reading = command.read.parse(dash(command.read.command(wanted)), wanted)
  if (reading instanceof Unknown) throw new Error(reading.because)
  return reading
}

function known(state: CommandState | null | Unknown | undefined): CommandState {
  if (state === null || state === undefined || state instanceof Unknown) throw new Error('not there')
  return state
}

function apply(props: Command): ReturnType<typeof runSteps> {
  const after = command.desired(props)!
  return runSteps(command.steps({ kind: 'create', name: props.name, before: null, after, fields: [] }, context))
}

test('each check has an exit of its own, whatever it prints, sets or breaks', () => {
  const reading = read(
    { name: 'yes', check: 'true', apply: ':' },
    { name: 'no', check: 'false', apply: ':' },
    { name: 'exits', check: 'exit 0', apply: ':' },
    { name: 'liar', check: "printf 'yes\\0000\\0'; exit 1", apply: ':' },
    { name: 'sets', check: 'yes=1; cd /tmp; set +e; printf() { :; }', apply: ':' },
    { name: 'unclosed', check: "echo 'x", apply: ':' },
    { name: 'brace', check: '}; exit 0', apply: ':' },
    { name: 'last', check: 'true', apply: ':' },
  )
  const done = [...reading].filter(([, state]) => state !== null).map(([name]) => name)
  assert.equal(done, ['yes', 'exits', 'sets', 'last'])
})

test('every line of a check must succeed', () => {
  assert.is(read({ name: 'x', check: 'false\ntrue', apply: ':' }).get('x'), null)
})

test('an account that is not there cannot say yes', () => {
  assert.is(read({ name: 'x', check: 'true', apply: ':', user: 'nosuch' }).get('x'), null)
})

test('a folder that is not there cannot say yes', () => {
  assert.is(read({ name: 'x', check: 'true', apply: ':', directory: '/nosuch' }).get('x'), null)
})

test('user, folder and variables are those of the declaration, in check and apply alike', () => {
  const text = `[ "$(id -un)" = nobody ] && [ "$PWD" = /tmp ] && [ "$GREETING" = 'it'"'"'s $(me)' ] && [ "$HOME" = /nonexistent ]`
  const props: Command = { name: 'x', check: text, apply: text, user: 'nobody', directory: '/tmp' }
  const state = read({ ...props, env: { GREETING: "it's $(me)" } }).get('x')
  assert.not(state === null)
  assert.is(apply({ ...props, env: { GREETING: "it's $(me)" } }).exit, 0)
  assert.is.not(apply(props).exit, 0)
})

test('variables of whoever runs Keelson do not reach a command', () => {
  const text = '[ -z "${LS_COLORS-}${EDITOR-}" ] && [ "$HOME" = /root ]'
  process.env['EDITOR'] = 'vi'
  assert.is(apply({ name: 'x', check: 'true', apply: text }).exit, 0)
})

test('a secret comes on standard input and stands in no program', () => {
  const out = join(folder, 'secret')
  const props: Command = { name: 'x', check: 'true', apply: `cat > ${out}`, input: secret('token') }
  const after = command.desired(props)!
  const [step] = command.steps({ kind: 'create', name: 'x', before: null, after, fields: [] }, context)
  assert.not.match(JSON.stringify([step!.run, step!.title, after]), 'S3CRET')
  assert.is(runSteps([step!]).exit, 0)
  assert.is(readFileSync(out, 'utf8'), 'S3CRET')
})

test('a command that fails fails its step', () => {
  assert.is(apply({ name: 'x', check: 'true', apply: 'false\ntrue' }).exit, 1)
})

test('an opaque command runs each time and is marked so', () => {
  const desired = command.desired({ name: 'x', opaque: true, apply: 'sync' })!
  const state = known(read({ name: 'x', opaque: true, apply: 'sync' }).get('x'))
  assert.equal(command.diff!(desired, state, comparing), [
    { field: 'runs', form: 'value', after: 'sync', opaque: true },
  ])
})

test('undo takes away what is no longer declared; without it the command is forgotten', () => {
  const made = join(folder, 'made')
  const props: Command = { name: 'x', check: `[ -e ${made} ]`, apply: `: > ${made}`, undo: `rm -- ${made}` }
  apply(props)
  const before = known(read(props).get('x'))
  const { holdsData } = command
  assert.is(typeof holdsData === 'function' ? holdsData(before, null) : '', undefined)
  runSteps(command.remove({ kind: 'remove', name: 'x', before, after: null, fields: [] }, context))
  assert.not(existsSync(made))
  assert.is(read(props).get('x'), null)
  assert.is(typeof holdsData === 'function' ? holdsData({ done: true, how: {} }, null) : '', 'it has no undo')
})

test('a check or opaque is asked for, and not both', () => {
  assert.is(command.check!({ name: 'x', apply: ':' }).length, 1)
  assert.is(command.check!({ name: 'x', apply: ':', check: ':', opaque: true }).length, 1)
  assert.is(command.check!({ name: 'x', apply: ':', opaque: true, undo: ':' }).length, 1)
  assert.equal(command.check!({ name: 'x', apply: ':', check: ':' }), [])
})

test('names of accounts, folders and variables that are none are refused', () => {
  const base = { name: 'x', check: ':', apply: ':' }
  for (const more of [
    { user: 'a b' },
    { user: '-u' },
    { user: '$(id)' },
    { directory: 'tmp' },
    { env: { 'A B': 'x' } },
    { env: { '-u': 'x' } },
    { name: 'a\nb' },
    { opaque: false },
  ])
    assert.ok(schemaProblems(command.schema, { ...base, ...more }).length > 0, JSON.stringify(more))
})

test('any text is run as it stands and any name comes back', () => {
  const text = fc
    .oneof(fc.constantFrom("'", "'; exit 0 #", '$(x)', '`', '\\', '\n', '%s', '-n', '"'), fc.string({ unit: 'binary' }))
    .filter((each) => !each.includes('\0') && Buffer.from(each).toString() === each)
  const name = text.filter(
    (each) => schemaProblems(command.schema, { name: each, opaque: true, apply: ':' }).length === 0,
  )
  fc.assert(
    fc.property(name, text, (title, value) => {
      const reading = read({ name: title, check: '[ "$V" = "$W" ]', apply: ':', env: { V: value, W: value } })
      assert.not(reading.get(title) === null)
    }),
    { numRuns: 50 },
  )
})

test.run()
