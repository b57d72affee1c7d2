import { execFileSync, spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostError } from '../../../lib/engine/errors.ts'
import { anything } from '../../../lib/kit/form.ts'
import {
  fingerprintOf,
  fingerprintText,
  framedProgram,
  parseFrames,
  parseReadings,
  readSections,
} from '../../../lib/engine/host/read.ts'
import type { AnyType, Output } from '../../../lib/kit/resourceType.ts'
import { quote } from '../../../lib/kit/shell.ts'

const test = suite('read')
const MARK = 'keelson-5d1f'

function echoType(type: string, via?: AnyType['read']['via']): AnyType {
  return {
    type,
    schema: { type: 'object', additionalProperties: false, required: [], properties: {} },
    name: () => '',
    desired: () => null,
    state: anything,
    read: {
      ...(via === undefined ? {} : { via }),
      command: (entries) => `echo ${entries.map(({ name }) => quote(name)).join(' ')}`,
      parse: () => new Map(),
    },
    steps: () => [],
    remove: () => [],
  }
}

function run(program: string): { stdout: Buffer; stderr: string } {
  const { stdout, stderr } = spawnSync('sh', ['-s'], { input: program })
  return { stdout, stderr: stderr.toString() }
}

test('each section comes back with its own bytes, words on stderr and exit status', () => {
  const sections = [
    { name: 'a', text: `printf 'one\\n\\n'; echo oops >&2; exit 3` },
    { name: 'b', text: `printf '\\0\\377'` },
    { name: 'c', text: ':' },
  ]
  const { stdout, stderr } = run(framedProgram(sections, MARK))
  const answers = parseFrames(stdout, stderr, MARK, ['a', 'b', 'c'])
  assert.is(answers.get('a')?.stdout, 'one\n\n')
  assert.is(answers.get('a')?.exit, 3)
  assert.match(answers.get('a')?.stderr ?? '', 'oops')
  assert.equal([...answers.get('b')!.bytes], [0, 255])
  assert.is(answers.get('c')?.stdout, '')
  assert.is(answers.get('c')?.stderr, '')
})

test('a section that ended with what is no exit status was never closed', () => {
  for (const exit of ['NaN', '-1', '1e3', '', '9999', '0x1']) {
    const stdout = Buffer.from(`text\n${MARK} a ${exit}\n\n${MARK} a said\n`)
    assert.throws(() => parseFrames(stdout, '', MARK, ['a']), /nothing for a$/, exit)
  }
})

test('a type that its interpreter has said nothing of is an answer that is not complete', () => {
  const via = { name: 'python', join: () => ':' }
  const said = { stdout: '', stderr: 'killed', exit: 0, bytes: Buffer.alloc(0) }
  const entries = [{ name: 'a', desired: null }]
  assert.throws(
    () => parseReadings(new Map([['python', said]]), [{ type: echoType('one', via), entries }], 'unknown'),
    (error: unknown) =>
      error instanceof HostError && error.message.endsWith('nothing for one') && error.said === 'killed',
  )
})

test('a parser that stumbles over an answer says that its form is another, not what the language says', () => {
  const stumbles = [
    (): never => {
      throw new TypeError("Cannot read properties of undefined (reading 'mode')")
    },
    ({ stdout }: Output): Map<string, null> => new Map([[String(JSON.parse(stdout)), null]]),
  ]
  for (const parse of stumbles) {
    const read = { command: () => ':', parse }
    const said = { stdout: 'undefined', stderr: '', exit: 0, bytes: Buffer.from('undefined') }
    const entries = [{ name: 'a', desired: null }]
    assert.throws(
      () => parseReadings(new Map([['odd', said]]), [{ type: { ...echoType('odd'), read }, entries }], 'fails'),
      (error: unknown) =>
        error instanceof HostError && /form expected/.test(error.message) && !/Cannot|JSON/.test(error.message),
    )
  }
})

test('a section that was cut off is an error that says what the host said', () => {
  const sections = [
    { name: 'a', text: 'echo here' },
    { name: 'b', text: 'echo first' },
  ]
  const { stdout } = run(framedProgram(sections, MARK))
  const cut = stdout.subarray(0, stdout.indexOf('here'))
  assert.throws(
    () => parseFrames(cut, 'sh: no space', MARK, ['a', 'b']),
    (error: HostError) =>
      error instanceof HostError && /nothing for a/.test(error.message) && /no space/.test(error.said),
  )
})

test('sections that say things at the same time do not mix', () => {
  const loud = (name: string) => ({ name, text: `head -c 100000 /dev/zero | tr '\\0' ${name}; echo ${name} >&2` })
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const { stdout, stderr } = run(framedProgram(names.map(loud), MARK))
  const answers = parseFrames(stdout, stderr, MARK, names)
  for (const name of names) {
    assert.is(answers.get(name)?.stdout, name.repeat(100_000))
    assert.is(answers.get(name)?.stderr, name)
  }
})

test('sections with one text run it once and have the same answer', () => {
  const twice = ['a', 'b'].map((name) => ({ name, text: 'echo $$; exec sh -c "echo \\$\\$; exit 4"' }))
  const { stdout, stderr } = run(framedProgram(twice, MARK))
  const answers = parseFrames(stdout, stderr, MARK, ['a', 'b'])
  assert.equal(answers.get('a'), answers.get('b'))
  assert.is(answers.get('a')?.exit, 4)
})

test('a section cannot eat the program that follows it', () => {
  const { stdout, stderr } = run(
    framedProgram(
      [
        { name: 'a', text: 'cat' },
        { name: 'b', text: 'echo here' },
      ],
      MARK,
    ),
  )
  assert.is(parseFrames(stdout, stderr, MARK, ['a', 'b']).get('b')?.stdout, 'here\n')
})

test('types of one interpreter share a process and still have answers of their own', () => {
  const via = {
    name: 'both',
    join: (texts: readonly { text: string; mark: (exit: number) => string }[]) =>
      texts.map(({ text, mark }) => `${text}; echo ${mark(0)}`).join('\n'),
  }
  const requests = ['x', 'y'].map((type) => ({
    type: echoType(type, via),
    entries: [{ name: `of ${type}`, desired: null }],
  }))
  const sections = readSections(requests, MARK)
  assert.equal(
    sections.map(({ name }) => name),
    ['both'],
  )
  const { stdout, stderr } = run(framedProgram(sections, MARK))
  const answers = parseFrames(stdout, stderr, MARK, ['x', 'y'])
  assert.is(answers.get('x')?.stdout, 'of x')
  assert.is(answers.get('y')?.stdout, 'of y')
})

test('the number of sections is that of types, for one resource as for a thousand', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `n${index}`, desired: null }))
  for (const count of [1, 1000]) {
    assert.is(
      readSections(
        [
          { type: echoType('x'), entries: many(count) },
          { type: echoType('y'), entries: many(count) },
        ],
        MARK,
      ).length,
      2,
    )
  }
})

test('a type that says what to compare is fingerprinted by that alone', () => {
  const type = echoType('compared')
  const narrow = { ...type, read: { ...type.read, compare: () => 'echo the file' } }
  const seen = run(fingerprintText(narrow, [{ name: 'a', desired: null }], MARK))
  assert.is(seen.stdout.toString(), 'the file\n\n0')
})

test('client and worker get the same fingerprint from the same host', () => {
  const failing = {
    ...echoType('x'),
    read: { command: () => 'echo a; false; echo "$unset"; exit 3', parse: () => new Map() },
  }
  const text = fingerprintText(failing, [{ name: 'a', desired: null }], MARK)
  const { stdout, stderr } = run(framedProgram([{ name: 'seen', text }], MARK))
  const worker = execFileSync('sh', ['-s'], { input: `set -eu; { ${text}; } | sha256sum`, encoding: 'utf8' }).split(
    ' ',
  )[0]
  assert.is(fingerprintOf(parseFrames(stdout, stderr, MARK, ['seen']).get('seen')!.bytes), worker)
})

test.run()
