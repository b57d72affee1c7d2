import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostError } from '../../../lib/engine/errors.ts'
import { Events, type TaskEvent } from '../../../lib/engine/apply/workerEvents.ts'

const test = suite('events')

function told(text: string, size: number, steps: readonly number[] = [1, 2]): { events: TaskEvent[]; rest: string } {
  const events: TaskEvent[] = []
  const reader = new Events((event) => events.push(event), steps)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) reader.feed(bytes.subarray(at, at + size))
  return { events, rest: reader.rest().toString() }
}

test('events are the same wherever the text is cut', () => {
  const text = 'start 0\nstep 1 1\nsaid 0 aGk=\nfailed 0 3\nover\nover\nrest\n'
  const whole = told(text, text.length)
  assert.equal(whole.rest, 'over\nrest\n')
  assert.equal(whole.events[2], { event: 'failed', task: 0, exit: 3, said: 'hi' })
  for (let size = 1; size < text.length; size += 1) assert.equal(told(text, size), whole)
})

test('a host tells only of the tasks and steps that it was given', () => {
  const lines = [
    'start 2',
    'ok -1',
    'ok x',
    'ok',
    'ok 0.5',
    'ok 1e0',
    'step 0 1',
    'step 1 NaN',
    'skipped 0 2',
    'skipped 0',
  ]
  for (const line of [...lines, 'undone 7 1/0', `said ${2 ** 40} aGk=`, 'toString 0', '\u001b[2J'])
    assert.throws(
      () => told(`${line}\n`, 100),
      (error: unknown) => error instanceof HostError,
      line,
    )
})

test('what a step tells is text, of a wait or of how far it is; other words of it are ignored', () => {
  const line = (text: string): string => `tells 1 ${Buffer.from(text).toString('base64')}\n`
  const { events } = told(`${line('waits for apt')}${line('does 3 %\n\u001b[2J')}${line('sings')}stopped 0\nover\n`, 7)
  assert.equal(events, [
    { event: 'waits', task: 1, because: 'for apt' },
    { event: 'does', task: 1, what: '3 %\n\u001b[2J' },
    { event: 'stopped', task: 0 },
  ])
})

test('a stage that tells of its steps for ever is given up', () => {
  for (const line of ['start 0', 'step 0 0', 'tells 0 ZG9lcyA=', '~', 'gone'])
    assert.throws(
      () => told(`${line}\n`.repeat(20_000), 4096),
      (error: unknown) => error instanceof HostError,
      line,
    )
})

test('a line without end is given up, and one in small pieces is no work of its square', () => {
  assert.throws(
    () => told('x'.repeat(2 ** 20 + 1), 4096),
    (error: unknown) => error instanceof HostError && error.said.length <= 200,
  )
  const began = performance.now()
  told(`locked ${'x'.repeat(2 ** 20 - 100)}\n`, 16)
  assert.ok(performance.now() - began < 2000)
})

test.run()
