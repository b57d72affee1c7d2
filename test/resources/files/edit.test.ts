import fc from 'fast-check'
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { secret } from '../../../lib/kit/secret.ts'
import { schemaProblems } from '../../../lib/dsl/validate.ts'
import { type Change, desiredOf, Unknown } from '../../../lib/kit/resourceType.ts'
import { edit, type Edit } from '../../../lib/resources/files/edit.ts'
import type { EditState } from '../../../lib/resources/files/editLines.ts'
import { comparing, context, dash, runSteps, scratchFolder } from '../dash.ts'

const test = suite('edit')
const folder = scratchFolder()
const path = join(folder, "it's a $(file) — ü")

/** What the host has of an edit, read by its own command. */
function read(props: Edit): EditState | null | Unknown {
  const wanted = [{ name: edit.name(props), desired: desiredOf(edit, props) }]
  const reading = edit.read.parse(dash(edit.read.command(wanted)), wanted)
  return reading instanceof Unknown ? reading : (reading.get(edit.name(props)) ?? null)
}

function changesOf(props: Edit): Change<EditState>[] {
  const name = edit.name(props)
  const before = read(props)
  const after = desiredOf(edit, props)!
  if (before === null || before instanceof Unknown) {
    return [{ kind: 'create', name, before, after, fields: [] }]
  }
  const fields = edit.diff!(after, before, comparing)
  return fields.length === 0 ? [] : [{ kind: 'change', name, before, after, fields }]
}

/** The file's text after the edits, made in one batch; each must then be in order. */
function edited(before: string | undefined, ...edits: Omit<Edit, 'path'>[]): string {
  rmSync(path, { force: true })
  if (before !== undefined) writeFileSync(path, before)
  const all = edits.map((each): Edit => ({ path, ...each }))
  const { exit, stderr } = runSteps(edit.batch!(all.flatMap(changesOf), context))
  if (exit !== 0) throw new Error(stderr)
  for (const each of all) if (changesOf(each).length > 0) throw new Error(`not in order: ${edit.name(each)}`)
  return readFileSync(path, 'utf8')
}

function removed(before: string, props: Omit<Edit, 'path'>): string {
  writeFileSync(path, before)
  const all: Edit = { path, ...props }
  const there = read(all)
  if (there === null || there instanceof Unknown) return before
  const { exit, stderr } = runSteps(
    edit.batch!([{ kind: 'remove', name: edit.name(all), before: there, after: null, fields: [] }], context),
  )
  if (exit !== 0) throw new Error(stderr)
  assert.is(read(all), null)
  return readFileSync(path, 'utf8')
}

const block = (content: string): NonNullable<Edit['block']> => ({ name: 'limits', content })
const BLOCK = '# begin keelson limits\na\nb\n# end keelson limits\n'

test('a line goes to the end of the file, once', () => {
  assert.is(edited('one\n', { line: 'two' }), 'one\ntwo\n')
  assert.is(edited('two\none\n', { line: 'two' }), 'two\none\n')
})

test('a line takes the place of the first line like it, and of all others', () => {
  assert.is(edited('a\nPort 1\nb\nPort 2\n', { line: 'Port 22', replaces: 'Port ' }), 'a\nPort 22\nb\n')
})

test('a line that stands twice is left once', () => {
  assert.is(edited('a\nb\na\n', { line: 'a' }), 'a\nb\n')
})

test('position says where a new line goes', () => {
  assert.is(edited('a\nb\n', { line: 'x', position: 'top' }), 'x\na\nb\n')
  assert.is(edited('a 1\nb\na 2\n', { line: 'x', position: { after: 'a ' } }), 'a 1\nx\nb\na 2\n')
  assert.is(edited('a\nb\n', { line: 'x', position: { before: 'b' } }), 'a\nx\nb\n')
})

test('an anchor that is not there is an error that names it', () => {
  assert.throws(() => edited('a\n', { line: 'x', position: { after: 'nosuch' } }), 'begins with "nosuch"')
  assert.is(readFileSync(path, 'utf8'), 'a\n')
})

test('a block is put in, changed in its place, and taken out', () => {
  assert.is(edited('x\n', { block: block('a\nb\n') }), `x\n${BLOCK}`)
  assert.is(edited(`${BLOCK}x\n`, { block: block('c') }), '# begin keelson limits\nc\n# end keelson limits\nx\n')
  assert.is(removed(`x\n${BLOCK}y\n`, { block: block('a\nb') }), 'x\ny\n')
})

test('a stray marker takes nothing in that is not ours', () => {
  const stray = `# begin keelson limits\nforeign\n${BLOCK}`
  assert.is(removed(stray, { block: block('a\nb') }), '# begin keelson limits\nforeign\n')
  assert.is(edited('# end keelson limits\nx\n', { block: block('a\nb') }), `# end keelson limits\nx\n${BLOCK}`)
})

test('line ends stay as they are, and a new line has those of the file', () => {
  assert.is(edited('a\r\nb\r\n', { line: 'x' }), 'a\r\nb\r\nx\r\n')
  assert.is(edited('a\r\nPort 1\r\n', { line: 'Port 2', replaces: 'Port' }), 'a\r\nPort 2\r\n')
  // A last line without an end: what is written has one, what was there stays as it is.
  assert.is(edited('a\nb', { line: 'x' }), 'a\nb\nx\n')
  assert.is(edited('a\r\nb', { line: 'x' }), 'a\r\nb\r\nx\r\n')
  assert.is(edited('a\nb', { line: 'x', position: 'top' }), 'x\na\nb')
  assert.is(edited('a\nb 1', { line: 'b 2', replaces: 'b ' }), 'a\nb 2\n')
  assert.is(edited('x', { block: block('a\nb') }), `x\n${BLOCK}`)
  assert.is(edited('a\r\nb\n', { line: 'x', position: 'top' }), 'x\r\na\r\nb\n')
})

test('an empty file gets a whole line, and one that becomes empty has none', () => {
  assert.is(edited('', { line: 'x' }), 'x\n')
  assert.is(removed('x\n', { line: 'x' }), '')
})

test('several edits of one file add up', () => {
  assert.is(
    edited(
      'a 1\nb\n',
      { line: 'a 2', replaces: 'a ' },
      { line: 'c', position: 'top' },
      { block: block('x\ny') },
      { line: 'b', ensure: 'absent' },
    ),
    'c\na 2\n# begin keelson limits\nx\ny\n# end keelson limits\n',
  )
})

test('a missing file is made only when asked for', () => {
  assert.throws(() => edited(undefined, { line: 'x' }), 'is not there')
  assert.is(edited(undefined, { line: 'x', create: true }), 'x\n')
  assert.is(statSync(path).mode & 0o7777, 0o644)
})

test('a line that is to be absent is in order in a file that is not there', () => {
  rmSync(path, { force: true })
  assert.equal(changesOf({ path, line: 'x', ensure: 'absent' }), [])
})

test('a file that a judge refuses stays as it was, and every judge is asked', () => {
  const refusing = { line: 'x', validate: 'grep -q nosuch %' }
  assert.throws(() => edited('a\n', { line: 'y', validate: 'test -f %' }, refusing), 'the old file is still in place')
  assert.is(readFileSync(path, 'utf8'), 'a\n')
})

test('mode and owner stay', () => {
  rmSync(path, { force: true })
  writeFileSync(path, 'a\n', { mode: 0o640 })
  runSteps(edit.batch!(changesOf({ path, line: 'x' }), context))
  assert.is(statSync(path).mode & 0o7777, 0o640)
})

test('a link and a file that is not text cannot be edited, and say so', () => {
  rmSync(path, { force: true })
  symlinkSync('/etc/hostname', path)
  const link = read({ path, line: 'x' })
  assert.match(link instanceof Unknown ? link.because : '', 'is a link to /etc/hostname')
  rmSync(path)
  writeFileSync(path, 'a\0b')
  const binary = read({ path, line: 'x' })
  assert.match(binary instanceof Unknown ? binary.because : '', 'is not text')
})

test('a secret in a block reaches the file and no program or plan', () => {
  writeFileSync(path, '')
  const props: Edit = { path, block: { name: 'key', content: secret('token') } }
  const changes = changesOf(props)
  const steps = edit.batch!(changes, context)
  assert.not.match(steps.map(({ run, title }) => run + title).join('\n'), 'S3CRET')
  runSteps(steps)
  assert.match(readFileSync(path, 'utf8'), '\nS3CRET\n')
  assert.equal(changesOf(props), [])
  writeFileSync(path, readFileSync(path, 'utf8').replace('S3CRET', 'other'))
  assert.equal(
    changesOf(props).map(({ fields }) => fields),
    [[{ field: 'block', form: 'secret' }]],
  )
})

test('what is no longer declared and gone already is forgotten, not removed', () => {
  writeFileSync(path, 'a\n')
  assert.is(read({ path, line: 'x' }), null)
  const absent = read({ path, line: 'x', ensure: 'absent' })
  const { holdsData } = edit
  assert.is(typeof holdsData === 'function' && absent !== null ? holdsData(absent, null) : '', 'gone already')
})

const problems = (props: object): string[] => schemaProblems(edit.schema, props)

test('a line is one line, and a path is absolute', () => {
  for (const line of ['a\nb', 'a\rb', '', '\u001b[2J', 'a\u2028b']) assert.ok(problems({ path, line }).length > 0, line)
  assert.equal(problems({ path, line: 'a\tb' }), [])
  for (const bad of ['etc/x', '/etc/../x', '/a\nb', '-x']) assert.ok(problems({ path: bad, line: 'x' }).length > 0, bad)
})

test('mistakes between props are named', () => {
  assert.equal(edit.check!({ path }), ['give line or block'])
  assert.is(edit.check!({ path, line: 'x', replaces: 'y' }).length, 1)
  assert.is(edit.check!({ path, block: block('# end keelson limits') }).length, 1)
})

test('any line and any block is put in as it stands, beside any text', () => {
  const hostile = fc.oneof(
    fc.constantFrom("it's", '$(touch /tmp/x)', '`id`', '-n', '%s\\n', '\\0&', 'ünï', ' a ', '"', '#', '*', '/x/', '\\'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
  )
  const line = hostile.filter((text) => problems({ path, line: text }).length === 0)
  const lines = fc.array(fc.constantFrom('a', 'b', '', "it's", '# begin keelson limits', '# end keelson limits'))
  fc.assert(
    fc.property(line, lines, fc.constantFrom('\n', '\r\n'), fc.boolean(), (added, others, end, whole) => {
      const before = others.length === 0 ? '' : others.join(end) + (whole ? end : '')
      const inBlock = `in ${added}`
      const after = edited(before, { line: added }, { block: { name: 'x', content: inBlock } })
      const rest = after
        .split(/\r?\n/)
        .filter((each) => each !== added && each !== inBlock && !each.endsWith('keelson x'))
      assert.equal(
        rest.filter((each) => each !== ''),
        others.filter((each) => each !== added && each !== ''),
      )
    }),
    { numRuns: 20 },
  )
})

test('a byte order mark hides no line, and stays the beginning of the file', () => {
  assert.is(edited('\ufeffa=1\r\nb=2\r\n', { line: 'a=3', replaces: 'a=' }), '\ufeffa=3\r\nb=2\r\n')
  assert.is(edited('\ufeffb=2\n', { line: 'a=1', position: 'top' }), '\ufeffa=1\nb=2\n')
  assert.is(edited('\ufeffb=2', { line: 'a=1', position: { before: 'b=' } }), '\ufeffa=1\nb=2')
  assert.is(
    edited('\ufeff# begin keelson x\nold\n# end keelson x\n', { block: { name: 'x', content: 'new\n' } }),
    '\ufeff# begin keelson x\nnew\n# end keelson x\n',
  )
  assert.is(edited('\ufeffa=1\nb=2\n', { line: 'a=1', ensure: 'absent' }), '\ufeffb=2\n')
})

test.run()
