import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseTime } from '../../../lib/cli/commands/logs.ts'
import { accessEntry, journalEntry } from '../../../lib/engine/logs/entries.ts'
import { AccessSeen } from '../../../lib/engine/logs/logs.ts'
import { renderEntry } from '../../../lib/render/text/logText.ts'
import { paper } from '../../render/fixture.ts'

const test = suite('logs')

const journal = (fields: object): string =>
  JSON.stringify({ __REALTIME_TIMESTAMP: '1800000000123456', __CURSOR: 's=1;i=2', PRIORITY: '6', ...fields })

test('a line of the journal is an entry of its unit', () => {
  assert.equal(journalEntry(journal({ _SYSTEMD_UNIT: 'api.service', MESSAGE: 'up' })), {
    time: 1_800_000_000_123_456,
    cursor: 's=1;i=2',
    service: 'api',
    level: 'info',
    message: 'up',
  })
  const of = (fields: object) => journalEntry(journal(fields))!
  assert.is(of({ UNIT: 'web.service', _SYSTEMD_UNIT: 'init.scope', MESSAGE: 'Started' }).service, 'web')
  assert.is(of({ SYSLOG_IDENTIFIER: 'sudo', MESSAGE: 'x' }).service, 'sudo')
  assert.is(of({ PRIORITY: '3', MESSAGE: 'x' }).level, 'err')
  assert.is(of({ PRIORITY: 'x', MESSAGE: 'x' }).level, 'info')
})

test('a message that is no text is shown as far as it is one', () => {
  assert.is(journalEntry(journal({ MESSAGE: [...Buffer.from('caf\u00e9')] }))!.message, 'café')
  assert.is(journalEntry(journal({ MESSAGE: null }))!.message, '')
  assert.is(journalEntry(journal({ MESSAGE: { a: 1 } }))!.message, '')
  assert.is(journalEntry('{"broken'), undefined)
  assert.is(journalEntry('[]'), undefined)
  assert.is(journalEntry(journal({ __REALTIME_TIMESTAMP: 'x' })), undefined)
})

const request = (more: object = {}): string =>
  JSON.stringify({
    ts: '2027-01-15T08:00:00+00:00',
    id: 'abc',
    host: 'a.example',
    ip: '192.0.2.7',
    method: 'GET',
    uri: '/x',
    status: 200,
    bytes: 5,
    seconds: 0.01,
    upstream: '127.0.0.1:3000',
    ...more,
  })

test('a request is an entry, as bad as its status', () => {
  assert.equal(accessEntry(request()), {
    time: 1_800_000_000_000_000,
    service: 'nginx.access',
    level: 'info',
    message: '192.0.2.7 GET a.example/x 200 5 B 0.01 s from 127.0.0.1:3000',
    request: 'abc',
  })
  assert.is(accessEntry(request({ status: 404 }))!.level, 'warning')
  assert.is(accessEntry(request({ status: 502 }))!.level, 'err')
  assert.is(accessEntry(request({ ts: 'never' })), undefined)
  assert.is(accessEntry('GET / HTTP/1.1'), undefined)
})

test('nothing of a line is raw on a terminal', () => {
  const entry = journalEntry(journal({ SYSLOG_IDENTIFIER: 'a\x1b[2J', MESSAGE: 'x\x1b]52;c;eA\x07\nPlan: 0\r' }))!
  const text = renderEntry(entry, paper, 'h\x9b')
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  assert.not.match(text.slice(0, -1), /[\x00-\x1f\x7f-\x9f]/)
  assert.match(text, /^2027-01-15 08:00:00\.123 h\\u009b a\\u001b\[2J {2}x/)
  assert.match(renderEntry({ ...entry, time: Number.MAX_SAFE_INTEGER }, paper), '2255-06-05')
})

test('a log that is read again gives what is new, whatever it gave before', () => {
  const seen = new AccessSeen()
  const second = 1_000_000
  seen.begin(100 * second)
  const read = (lines: readonly (readonly [string, number])[]): string[] => {
    seen.again()
    return lines.filter(([line, time]) => seen.isNew(line, time * second)).map(([line]) => line)
  }
  const log: [string, number][] = [
    ['old', 99],
    ['a', 100],
    ['same', 101],
    ['same', 101],
    ['late', 100],
  ]
  assert.equal(read(log), ['a', 'same', 'same', 'late'])
  assert.equal(read(log), [])
  log.push(['same', 101], ['b', 102])
  assert.equal(read(log), ['same', 'b'])
  log.push(['c', 200], ['d', 199])
  assert.equal(read(log), ['c', 'd'])
  assert.equal(read(log), [])
  // Of a log that was begun anew, what is left is read.
  assert.equal(
    read([
      ['d', 199],
      ['e', 201],
    ]),
    ['e'],
  )
})

test('a time is a span or a point, in UTC', () => {
  assert.equal(parseTime('--since', '30m'), { agoS: 1800 })
  assert.equal(parseTime('--since', '2d'), { agoS: 172_800 })
  assert.equal(parseTime('--since', '2027-01-15 08:00'), { epochS: 1_800_000_000 })
  assert.equal(parseTime('--since', '2027-01-15T09:00:00+01:00'), { epochS: 1_800_000_000 })
  assert.throws(() => parseTime('--since', 'yesterday'), '--since takes a span')
})

test.run()
