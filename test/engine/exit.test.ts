import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exitOfFleet, exitOfHost } from '../../lib/engine/exit.ts'
import type { ExitName, HostReport, Outcome, ReportChange } from '../../lib/engine/report.ts'
import { change, planOf } from '../render/fixture.ts'

const test = suite('exit codes')

function host(outcomes: Outcome[], error?: ExitName): HostReport {
  const changes = outcomes.map((outcome): ReportChange => ({ ...change('file:/x', {}), outcome }))
  const failing = error && { error: { name: 'X', message: 'x', said: '', next: '', exit: error } }
  const trips = { connections: 1, execs: 1 }
  return {
    host: 'h',
    address: 'a',
    summary: { ...planOf([]).summary, failed: 0 },
    changes,
    trips,
    seconds: 1,
    ...failing,
  }
}

test('a host on which nothing failed is in order', () => {
  assert.is(exitOfHost(host(['changed', 'recorded'])), 'ok')
})

test('a host on which something failed and something was applied is applied in part', () => {
  assert.is(exitOfHost(host(['changed', 'failed', 'skipped'])), 'partial')
})

test('a host on which nothing could be applied is an error', () => {
  assert.is(exitOfHost(host(['failed', 'skipped'])), 'error')
})

test('hosts that all failed the same way give that code', () => {
  assert.is(exitOfFleet([host([], 'unreachable'), host([], 'unreachable')]), 'unreachable')
})

test('one host applied and another unreachable is applied in part', () => {
  assert.is(exitOfFleet([host(['changed']), host([], 'unreachable')]), 'partial')
})

test('an unreachable host beside one with nothing to do is what is told', () => {
  assert.is(exitOfFleet([host([]), host([], 'unreachable')]), 'unreachable')
})

test('where nothing was applied the worst is told', () => {
  assert.is(exitOfFleet([host([], 'locked'), host([], 'refused')]), 'refused')
})

test('an interrupt is told whatever else happened', () => {
  assert.is(exitOfFleet([host(['changed']), host([], 'interrupted')]), 'interrupted')
})

test('no hosts at all are in order', () => {
  assert.is(exitOfFleet([]), 'ok')
})

test.run()
