import { Ajv } from 'ajv'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { differences } from '../../../lib/kit/byField.ts'
import { comparingBy } from '../../../lib/kit/value.ts'
import type { FieldChange, EarlierChange } from '../../../lib/kit/resourceType.ts'
import { service, type Service } from '../../../lib/resources/systemd/service.ts'
import type { ServiceState } from '../../../lib/resources/systemd/serviceReading.ts'
import { parseListed } from '../../../lib/kit/files/watched.ts'
import { parseTimestamp } from '../../../lib/resources/systemd/watch.ts'

const test = suite('service')
const accepts = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(service.schema)
const nginx: Service = { name: 'nginx', running: true, reloadOn: ['/etc/nginx'], restartOn: ['/etc/modules.conf'] }
const name = 'nginx.service'
const INVOCATION = '53ea2aebda364c8c89b46a0a25c6d4f1'
// Recorded: Debian 12, `systemctl show --timestamp=us+utc`, nginx running since 16:41:13.
const SHOWN = `CanReload=yes
Id=nginx.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
InactiveExitTimestamp=Mon 2026-11-23 16:41:13.402117 UTC
InvocationID=${INVOCATION}
`
const STARTED = Date.parse('2026-11-23T16:41:13Z') / 1000
const file = (changed: string, path = '/etc/nginx/nginx.conf'): string => `f ${changed} 1446 644 0:0 ${path}\0`
const directory = (changed: string): string => `d ${changed} 4096 755 0:0 /etc/nginx\0`
const record = (...entries: string[]): string => [`unit nginx.service ${INVOCATION}`, ...entries].join('\0') + '\0'

function read(listing: string, records = '', shown = SHOWN): ServiceState | null {
  const stdout = `${shown}\0watched\0${listing}records\0${records}`
  const states = service.read.parse({ stdout, stderr: '', exit: 0 }, [{ name, desired: service.desired(nginx) }])
  const state = states instanceof Map ? states.get(name) : undefined
  if (state === undefined || (state !== null && !('running' in state))) throw new Error('no state was read')
  return state
}

function diff(observed: ServiceState, props = nginx): FieldChange[] {
  const desired = service.desired(props)
  assert.ok(desired)
  return differences(service, desired, observed, comparingBy(String))
}

test('without a record, a file changed after the start calls for a reload', () => {
  assert.is(read(directory(`${STARTED}.1`) + file(`${STARTED}.4021180000`))?.load, 'reload')
})

test('without a record, files older than the start are loaded', () => {
  assert.is(read(directory(`${STARTED - 9}.1`) + file(`${STARTED}.4021160000`))?.load, 'current')
})

test('a record of the running invocation decides, not the times', () => {
  const loaded = [`reload d - - 755 0:0 /etc/nginx`, `reload f ${STARTED + 60}.5 1446 644 0:0 /etc/nginx/nginx.conf`]
  assert.is(read(directory(`${STARTED + 99}.1`) + file(`${STARTED + 60}.5`), record(...loaded))?.load, 'current')
  assert.is(read(directory(`${STARTED + 99}.1`) + file(`${STARTED + 61}.5`), record(...loaded))?.load, 'reload')
})

test('a loaded file that is gone calls for a reload, and is named', () => {
  const loaded = [`reload d - - 755 0:0 /etc/nginx`, `reload f 1.5 1446 644 0:0 /etc/nginx/nginx.conf`]
  const state = read(directory('1.1'), record(...loaded))
  assert.is(state?.load, 'reload')
  assert.is(state?.seen?.because, '/etc/nginx/nginx.conf changed since it was loaded')
})

test('what was begun and not seen to succeed is still needed', () => {
  assert.is(read('', record('pending restart'))?.load, 'restart')
  assert.is(read('', record('pending reload'))?.load, 'reload')
})

test('a unit that cannot reload is restarted instead', () => {
  assert.is(read('', record('pending reload'), SHOWN.replace('CanReload=yes', 'CanReload=no'))?.load, 'restart')
})

test('its own unit file calls for a restart', () => {
  assert.is(read(file(`${STARTED + 1}.5`, '/etc/systemd/system/nginx.service.d/limits.conf'))?.load, 'restart')
})

test('a stopped service has nothing to load', () => {
  assert.is(read(file(`${STARTED + 1}.5`), '', SHOWN.replace('=active', '=inactive'))?.load, 'current')
})

test('a unit the host does not know is not there', () => {
  assert.is(read('', '', SHOWN.replace('LoadState=loaded', 'LoadState=not-found')), null)
})

test('an unexpected answer is an error', () => {
  const parse = (stdout: string, exit = 0): unknown =>
    service.read.parse({ stdout, stderr: '', exit }, [{ name, desired: null }])
  assert.throws(() => parse('\0watched\0records\0'))
  assert.throws(() => parse(`${SHOWN}\0watched\0records\0`, 1))
  assert.throws(() => parseListed('x'))
})

test('what is left out is not managed', () => {
  assert.equal(diff({ enabled: true, running: true, masked: false, load: 'current' }), [])
  assert.equal(diff({ enabled: false, running: true, masked: false, load: 'current' }), [])
})

test('a need to load is a follow-up with its reason', () => {
  const [change] = diff({ enabled: true, running: true, masked: false, load: 'reload', seen: { because: 'x changed' } })
  assert.equal(change?.followUp, { action: 'reload', because: 'x changed' })
})

const running: ServiceState = { enabled: true, running: true, masked: false, load: 'current' }
const planned = (ref: string): EarlierChange => {
  const paths = ref === 'nginx-vhost:shop' ? ['/etc/nginx/sites-available/shop'] : [ref.slice(ref.indexOf(':') + 1)]
  return { ref, label: `label of ${ref}`, kind: 'change', paths }
}
const after = (...refs: string[]): ServiceState | null =>
  service.simulate?.(running, service.desired(nginx), refs.map(planned)) ?? null

test('a planned change under a watched path calls for a reload, with its label as the reason', () => {
  assert.equal(after('nginx-vhost:shop'), {
    ...running,
    load: 'reload',
    seen: { because: 'label of nginx-vhost:shop' },
  })
  assert.is(after('file:/etc/nginx/mime.types')?.load, 'reload')
})

test('a planned change of a file only read at the start, or of the unit, calls for a restart', () => {
  assert.is(after('file:/etc/modules.conf', 'nginx-vhost:shop')?.load, 'restart')
  assert.is(after('drop-in:nginx.service/limits')?.load, 'restart')
})

test('packages, accounts and files elsewhere only come before', () => {
  assert.equal(after('package:nginx', 'user:www-data', 'file:/srv/x', 'file:/etc/nginx-other'), running)
})

test('an instance has the template of its name up to the first @, whatever dots follow', () => {
  for (const instance of ['s@plain.service', 's@eu.example.service', 's@a.b.c.example.service']) {
    const desired = service.desired({ name: instance })
    const changed = (ref: string): ServiceState | null => service.simulate?.(running, desired, [planned(ref)]) ?? null
    assert.is(changed('unit:s@.service')?.load, 'restart', instance)
    assert.is(changed('drop-in:s@.service/limits')?.load, 'restart', instance)
    assert.is(changed('unit:s@.example.service')?.load, 'current', instance)
    assert.ok(desired && service.needs?.(instance, desired).includes('under:/etc/systemd/system/s@.service'), instance)
  }
})

test('what lies at no path is watched by its mark, and named', () => {
  const props: Service = { name: 'a', restartOn: [{ ref: 'command:make', paths: [] }] }
  const [mark, ...more] = service.desired(props)?.how?.wishes.restart.paths ?? []
  assert.match(mark ?? '', /^\/var\/lib\/keelson\/made\/[0-9a-f]{32}$/)
  assert.is(more.length, 0)
  const stdout = `${SHOWN}\0watched\0${file(`${STARTED + 1}.5`, mark)}records\0`
  const states = service.read.parse({ stdout, stderr: '', exit: 0 }, [{ name: 'a', desired: service.desired(props) }])
  const state = states instanceof Map ? states.get('a') : undefined
  assert.is(state?.seen?.because, 'command make ran since it was loaded')
  assert.equal(
    service.desired({ name: 'a', restartOn: [{ ref: 'package:a', paths: [] }] })?.how?.wishes.restart.paths,
    [],
  )
})

test('handles give their path and their order', () => {
  const desired = service.desired({ name: 'a', restartOn: [{ ref: 'file:/etc/a.conf', paths: ['/etc/a.conf'] }] })
  assert.equal(desired?.how?.wishes.restart, { paths: ['/etc/a.conf'], refs: ['file:/etc/a.conf'] })
  assert.ok(desired && service.needs?.('a.service', desired).includes('file:/etc/a.conf'))
})

test('masked and enabled contradict each other', () => {
  assert.is(service.check?.({ name: 'a', masked: true, enabled: true }).length, 1)
})

test('hostile names, paths and addresses are refused by the schema', () => {
  for (const bad of ['a b', '-a', 'a;b', '$(id)', 'a\nb', '../x', 'a/b', '']) assert.not(accepts({ name: bad }), bad)
  assert.not(accepts({ name: 'a', reloadOn: ['etc/relative'] }))
  assert.not(accepts({ name: 'a', listens: ['$(id):80'] }))
  assert.not(accepts({ name: 'a', probe: { url: 'http://x/ -o /etc/passwd' } }))
})

test('times are read to the microsecond', () => {
  assert.is(parseTimestamp('Mon 2026-11-23 16:41:13.402117 UTC'), `${STARTED}.402117`)
  assert.is(parseTimestamp(''), undefined)
})

test('stopping is disruptive, loading is what it is', () => {
  const change = (before: ServiceState, wanted: ServiceState, fields: FieldChange[]): string | undefined =>
    service.consequence?.({ kind: 'change', name, before, after: wanted, fields }, { reveal: String })
  assert.is(change(running, { running: false }, []), 'disruptive')
  assert.is(change({ ...running, load: 'restart' }, running, diff({ ...running, load: 'restart' })), 'restart')
})

test.run()
