import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Sink } from '../../lib/cli/output.ts'
import { openProgress } from '../../lib/cli/progress.ts'
import type { Progress } from '../../lib/engine/report.ts'
import { paper } from '../render/fixture.ts'

const test = suite('progress')

function fakeSink(isTerminal: boolean): Sink & { written: () => string } {
  let all = ''
  const page = isTerminal ? { ...paper, width: 60 } : paper
  return {
    page,
    isTerminal,
    write: (text) => (all += text),
    erase: (lines) => (all += `\x1b[${lines}F\x1b[J`),
    written: () => all,
  }
}

const step = (label: string, state: 'started' | 'ok' | 'failed' | 'skipped', host = 'web-1'): Progress => ({
  host,
  event: 'step',
  ref: 'x:x',
  label,
  title: `write ${label}`,
  state,
})

/** What a terminal shows after these texts: only the two sequences that the live view uses are known. */
function screen(written: string): string {
  const lines = ['']
  // oxlint-disable-next-line no-control-regex -- the terminal's control sequences
  for (const token of written.split(/(\x1b\[\d+F\x1b\[J|\n)/)) {
    // oxlint-disable-next-line no-control-regex -- the terminal's control sequences
    const up = /^\x1b\[(\d+)F/.exec(token)
    if (up !== null) lines.splice(lines.length - 1 - Number(up[1]), Infinity, '')
    else if (token === '\n') lines.push('')
    else lines[lines.length - 1] += token
  }
  return lines.join('\n').replaceAll(/\d+\.\d s/g, 'N s')
}

test('a pipe gets a plain line for what was done, and none for what only begins', () => {
  const sink = fakeSink(false)
  const view = openProgress(sink)
  view.show({ host: 'web-1', event: 'connecting' })
  view.show({ host: 'web-1', event: 'applying', run: '7', unit: 'keelson-7', steps: 2 })
  view.show(step('file /a', 'started'))
  view.show(step('file /a', 'ok'))
  view.show(step('file /b', 'failed'))
  view.close()
  assert.is(
    sink.written(),
    'web-1: applying 2 changes as run 7 (keelson-7)\nweb-1: ok file /a\nweb-1: failed file /b\n',
  )
})

test('a terminal has finished steps above one live line', () => {
  const sink = fakeSink(true)
  const view = openProgress(sink)
  view.show({ host: 'web-1', event: 'applying', run: '7', unit: 'keelson-7', steps: 2 })
  view.show(step('file /a', 'started'))
  view.show(step('file /a', 'ok'))
  view.show(step('file /b', 'started'))
  assert.is(screen(sink.written()), '✓ file /a  N s\nweb-1  N s  1/2  file /b  write file /b\n')
  view.close()
  assert.is(screen(sink.written()), '✓ file /a  N s\n')
})

test('each of several hosts has its line, and its name at what it finished', () => {
  const sink = fakeSink(true)
  const view = openProgress(sink)
  view.show({ host: 'web-1', event: 'connecting' })
  view.show({ host: 'db-1', event: 'reading' })
  view.show(step('file /a', 'ok', 'db-1'))
  assert.is(screen(sink.written()), '✓ db-1 file /a  N s\nweb-1  N s  connecting\ndb-1   N s  applying\n')
  view.close()
})

test('what other hosts say waits until a question is answered', async () => {
  const sink = fakeSink(true)
  const view = openProgress(sink)
  view.show({ host: 'web-1', event: 'reading' })
  await view.aside(async () => {
    sink.write('Apply this? ')
    view.show(step('file /a', 'ok'))
    assert.is(screen(sink.written()), 'Apply this? ')
    sink.write('y\n')
  })
  assert.is(screen(sink.written()), 'Apply this? y\n✓ file /a  N s\nweb-1  N s  applying\n')
  view.close()
})

test('a label from a host cannot steer the terminal', () => {
  const sink = fakeSink(true)
  const view = openProgress(sink)
  view.show(step('file \x1b[2J\n/a', 'ok'))
  view.close()
  assert.match(screen(sink.written()), '✓ file \\u001b[2J\\n/a')
})

test('a live line never fills more than one row', () => {
  const sink = fakeSink(true)
  const view = openProgress(sink)
  view.show(step('f'.repeat(200), 'started'))
  const rows = screen(sink.written()).split('\n')
  assert.ok(rows.every((row) => row.length < 60))
  view.close()
})

test.run()
