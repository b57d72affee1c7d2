import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalSetting, type SettingKind } from '../../../lib/resources/postgres/units.ts'

const test = suite('postgres/units')

const blocks: SettingKind = { kind: 'integer', unit: '8kB' }
const milliseconds: SettingKind = { kind: 'integer', unit: 'ms' }

test('memory is counted in the unit of the setting', () => {
  // Debian 12, pg_settings after ALTER SYSTEM SET shared_buffers = '256MB': 32768 of 8kB.
  for (const value of ['256MB', '262144kB', '32768', ' 256 MB ']) assert.is(canonicalSetting(value, blocks), '32768')
})

test('time is counted in the unit of the setting', () => {
  assert.is(canonicalSetting('5min', milliseconds), '300000')
  assert.is(canonicalSetting('0.5s', milliseconds), '500')
  assert.is(canonicalSetting('-1', milliseconds), '-1')
})

test('what lies between two units is rounded as the server does', () => {
  assert.is(canonicalSetting('100kB', blocks), '12')
  assert.is(canonicalSetting('108kB', blocks), '14')
})

test('a unit that does not fit the setting is left for the server to refuse', () => {
  assert.is(canonicalSetting('5min', blocks), '5min')
})

test('booleans, enums and real numbers have one text', () => {
  assert.is(canonicalSetting('TRUE', { kind: 'bool', unit: null }), 'on')
  assert.is(canonicalSetting('Replica', { kind: 'enum', unit: null }), 'replica')
  assert.is(canonicalSetting('0.90', { kind: 'real', unit: null }), '0.9')
})

test.run()
