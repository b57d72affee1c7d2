import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostError } from '../../lib/engine/errors.ts'
import { emptyLedger, parseLedger } from '../../lib/engine/ledger.ts'

const test = suite('ledger')

function answer(stdout: string, more: { stderr?: string; exit?: number } = {}): Parameters<typeof parseLedger>[0] {
  return { stdout, stderr: '', exit: 0, bytes: Buffer.from(stdout), ...more }
}

test('no ledger is none', () => {
  assert.is(parseLedger(answer('')), undefined)
})

test('a ledger is what was written', () => {
  const ledger = emptyLedger()
  assert.equal(parseLedger(answer(JSON.stringify(ledger))), ledger)
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
    answer('', { stderr: 'cat: /var/lib/keelson/ledger.json: Input/output error', exit: 1 }),
  ]
  for (const one of broken) {
    assert.throws(
      () => parseLedger(one),
      (error: unknown) =>
        error instanceof HostError &&
        /ledger on the host cannot be read/.test(error.message) &&
        error.said.includes((one.stderr || one.stdout).slice(0, 8).replaceAll('\0', '')),
      JSON.stringify(one.stdout),
    )
  }
})

test.run()
