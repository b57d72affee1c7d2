import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostError } from '../../../lib/engine/errors.ts'
import * as form from '../../../lib/kit/form.ts'
import { damageWarnings, emptyLedger, parseLedger } from '../../../lib/engine/host/ledger.ts'
import { toyType } from '../fixture.ts'

const test = suite('ledger')
const TYPES = new Map([['note', toyType('note', { state: form.fields<{ text: string }>({ text: form.text() }) })]])

function answer(stdout: string, more: { stderr?: string; exit?: number } = {}): Parameters<typeof parseLedger>[0] {
  return { stdout, stderr: '', exit: 0, bytes: Buffer.from(stdout), ...more }
}

test('no ledger is none', () => {
  assert.equal(parseLedger(answer(''), TYPES), { ledger: undefined, damaged: [] })
})

test('a ledger is what was written', () => {
  const ledger = emptyLedger()
  assert.equal(parseLedger(answer(JSON.stringify(ledger)), TYPES), { ledger, damaged: [] })
})

test('one that is broken, of another format, or cannot be read is never taken for none', () => {
  const whole = JSON.stringify(emptyLedger())
  const broken = [
    answer(whole.slice(0, -5)),
    answer('\0\0\0\0'),
    answer('null'),
    answer('[]'),
    answer(whole.replace('"format":1', '"format":2')),
    answer('{"format":1,"serial":1,"key":"00"}'),
    answer('{"format":1,"serial":1,"key":"00","entries":null}'),
    ...['"serial":"0"', '"serial":-1', '"serial":1e99', '"serial":null'].map((serial) =>
      answer(whole.replace('"serial":0', serial)),
    ),
    answer(whole.replace(/"key":"[^"]*"/, '"key":"00"')),
    answer(whole.replace('{}', '[null]')),
    answer('', { stderr: 'cat: /var/lib/keelson/ledger.json: Input/output error', exit: 1 }),
  ]
  for (const one of broken) {
    assert.throws(
      () => parseLedger(one, TYPES),
      (error: unknown) =>
        error instanceof HostError &&
        /ledger on the host cannot be read/.test(error.message) &&
        error.said.includes((one.stderr || one.stdout).slice(0, 8).replaceAll('\0', '')),
      JSON.stringify(one.stdout),
    )
  }
})

/** An entry as it is written, of a type that has one text. */
const sound = {
  type: 'note',
  name: 'a',
  made: true,
  desired: { text: 'x' },
  digest: 'ab'.repeat(32),
  needs: ['note:b'],
  protect: false,
  run: '1',
}

/** By what is wrong with an entry: the entry, and what is said of it. */
const DAMAGED: { readonly [what: string]: [ref: string, entry: unknown, said: RegExp] } = {
  'is null': ['note:x', null, /^"note:x" is no object$/],
  'is a list': ['note:x', [sound], /is no object/],
  'is another resource': ['note:x', sound, /^"note:x" is of "note:a"$/],
  'has an object for a name': ['note:a', { ...sound, name: { toString: 1 } }, /name is no text/],
  'has a number as text': ['note:a', { ...sound, run: 1 }, /run is no number of a run/],
  'has a run that is no number': ['note:a', { ...sound, run: '1; reboot' }, /run is no number of a run/],
  'has needs that are no refs': ['note:a', { ...sound, needs: [null] }, /needs \[0\] is no text/],
  'has needs that are an object': ['note:a', { ...sound, needs: { length: 3 } }, /needs is no list/],
  'has a short digest': ['note:a', { ...sound, digest: 'ab' }, /digest is no SHA-256 digest/],
  'is not said to be pending, nor not': ['note:a', { ...sound, pending: 'no' }, /pending is none of true/],
  'lacks what it is to be': ['note:a', { ...sound, desired: undefined }, /has no desired/],
  'is to be what its type knows nothing of': ['note:a', { ...sound, desired: 3 }, /desired state that is no object/],
  'has a state of another form': ['note:a', { ...sound, desired: { text: {} } }, /desired state that text is no text/],
  'steers a terminal': ['note:\u001b[2J', { ...sound, name: '\u001b[2J' }, /^"note:\\u001b\[2J" name holds control/],
  'has a huge name': [`note:${'x'.repeat(100_000)}`, { ...sound, name: 'x'.repeat(100_000) }, /name is longer than/],
}

for (const [what, [ref, entry, said]] of Object.entries(DAMAGED)) {
  test(`an entry that ${what} is not owned, and costs only itself`, () => {
    const text = JSON.stringify({ ...emptyLedger(), entries: { [ref]: entry, 'note:b': { ...sound, name: 'b' } } })
    const { ledger, damaged } = parseLedger(answer(text), TYPES)
    assert.equal(Object.keys(ledger!.entries), ['note:b'])
    assert.is(damaged.length, 1)
    assert.match(damaged[0]!, said)
    assert.match(damageWarnings(damaged)[0]!, /Keelson does not own it, and removes nothing for it$/)
  })
}

test('nothing is inherited from what an entry calls itself', () => {
  const entries = `{"__proto__":${JSON.stringify(sound)},"constructor":${JSON.stringify(sound)}}`
  const { ledger, damaged } = parseLedger(answer(JSON.stringify(emptyLedger()).replace('{}', entries)), TYPES)
  assert.equal([ledger!.entries, damaged.length], [{}, 2])
  assert.is(Object.getPrototypeOf(ledger!.entries), Object.prototype)
})

test('an entry of a type that this version does not know is kept as it is', () => {
  const entries = { 'later:a': { ...sound, type: 'later', desired: { any: [1] } } }
  assert.equal(parseLedger(answer(JSON.stringify({ ...emptyLedger(), entries })), TYPES).ledger!.entries, entries)
})

test('one that would fill the stack or the memory of its reader is not read', () => {
  const whole = JSON.stringify(emptyLedger())
  const entries = [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, `[${'[],'.repeat(600_000)}[]]`]
  for (const huge of entries)
    assert.throws(
      () => parseLedger(answer(whole.replace('{}', `{"note:a":${huge}}`)), TYPES),
      (error: unknown) => error instanceof HostError && error.said.length < 600,
    )
})

test('thousands of damaged entries are told in a few lines', () => {
  assert.is(damageWarnings(Array.from({ length: 5000 }, (_, index) => `"note:${index}" is no object`)).length, 6)
})

test.run()
