/** Ctrl-C while something runs: what is asked, and what follows from the answer. */
import { setImmediate as turn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { catchInterrupts, type Choice, type Interrupts } from '../../lib/cli/interrupt.ts'

const test = suite('interrupt')

type Asked = { question: string; withdrawn: AbortSignal; answer: (choice?: Choice) => void }

/** Interrupts of a client that applies on one host, with what was said and asked. */
function applying(isTerminal = true): { interrupts: Interrupts; said: string[]; asked: Asked[] } {
  const said: string[] = []
  const asked: Asked[] = []
  const choose = (question: string, withdrawn: AbortSignal): Promise<Choice | undefined> =>
    new Promise((resolve) => {
      withdrawn.addEventListener('abort', () => resolve(undefined))
      asked.push({ question, withdrawn, answer: resolve })
    })
  const interrupts = catchInterrupts({
    say: (text) => said.push(text),
    leave: (text) => assert.unreachable(text),
    ...(isTerminal ? { choose } : {}),
  })
  interrupts.watch({ host: 'web-1', event: 'applying', run: '3', unit: 'keelson-3-abc', steps: 2 })
  return { interrupts, said, asked }
}

const press = (signal: 'SIGINT' | 'SIGTERM' = 'SIGINT'): boolean => process.emit(signal, signal)

test('at a terminal it asks, and continue changes nothing', async () => {
  const { interrupts, asked } = applying()
  press()
  assert.is(asked[0]!.question, 'web-1: [d]etach, [s]top after this step, [c]ontinue? ')
  asked[0]!.answer('continue')
  await turn()
  assert.equal([interrupts.signal.aborted, interrupts.stop.aborted], [false, false])
  press()
  assert.is(asked.length, 2)
  interrupts.end()
})

test('stop stops the runs and not the client, which may still be detached', async () => {
  const { interrupts, asked } = applying()
  press()
  asked[0]!.answer('stop')
  await turn()
  assert.equal([interrupts.signal.aborted, interrupts.stop.aborted], [false, true])
  press()
  asked[1]!.answer('detach')
  await turn()
  assert.is(interrupts.signal.aborted, true)
  interrupts.end()
})

test('without a terminal, and on SIGTERM, the client detaches at once', () => {
  for (const [isTerminal, signal] of [
    [false, 'SIGINT'],
    [true, 'SIGTERM'],
  ] as const) {
    const { interrupts, said, asked } = applying(isTerminal)
    press(signal)
    assert.is(interrupts.signal.aborted, true)
    assert.is(asked.length, 0)
    assert.match(said.join(''), 'web-1: the run continues on the host (keelson-3-abc) and will finish there')
    interrupts.end()
  }
})

test('a step that waits for a lock is still part of the run', () => {
  const { interrupts, asked } = applying()
  interrupts.watch({ host: 'web-1', event: 'waiting', because: 'package a: for apt', step: true })
  press()
  assert.is(asked.length, 1)
  interrupts.end()
})

test('when nothing runs any more, the question is withdrawn and its answer has no effect', async () => {
  const { interrupts, asked } = applying()
  press()
  interrupts.watch({ host: 'web-1', event: 'done' })
  assert.is(asked[0]!.withdrawn.aborted, true)
  await turn()
  assert.equal([interrupts.signal.aborted, interrupts.stop.aborted], [false, false])
  interrupts.end()
})

test('a name of a host that steers a terminal is only text', () => {
  const { interrupts, asked } = applying()
  interrupts.watch({ host: '\u001b[2J', event: 'applying', run: '3', unit: 'keelson-3-abc', steps: 2 })
  press()
  assert.match(asked[0]!.question, 'web-1, \\u001b[2J: [d]etach')
  interrupts.end()
})

test.run()
