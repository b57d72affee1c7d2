import { execFileSync } from 'node:child_process'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { differences } from '../../../lib/kit/byField.ts'
import { comparingBy, Secret, Text } from '../../../lib/kit/value.ts'
import { dropIn } from '../../../lib/resources/systemd/dropIn.ts'
import { parseUnitFiles, readUnitFiles } from '../../../lib/resources/systemd/unitFiles.ts'
import { quoteWord, renderUnit } from '../../../lib/resources/systemd/unitText.ts'
import { timer } from '../../../lib/resources/systemd/timer.ts'
import { unit } from '../../../lib/resources/systemd/unit.ts'

const test = suite('unit')
const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
const accepts = {
  unit: ajv.compile(unit.schema),
  dropIn: ajv.compile(dropIn.schema),
  timer: ajv.compile(timer.schema),
}
const hostile = [
  'a\nExecStart=/bin/sh',
  '$(reboot)',
  '`id`',
  "a'b",
  '-rf',
  '../../etc/passwd',
  'a b',
  'a\0b',
  'é',
  '%n',
  '',
]

test('sections are printed in systemd order, lists repeat the key, per cent signs are plain', () => {
  const text = renderUnit({
    install: { WantedBy: 'multi-user.target' },
    service: { Restart: true, ExecStart: ['', '/bin/a 5%'], Nice: 5 },
  })
  assert.is(
    text,
    '[Service]\nRestart=yes\nExecStart=\nExecStart=/bin/a 5%%\nNice=5\n\n[Install]\nWantedBy=multi-user.target\n',
  )
})

test('raw keeps specifiers', () => {
  assert.is(renderUnit({ service: { ExecStart: { raw: '/bin/echo %i' } } }), '[Service]\nExecStart=/bin/echo %i\n')
})

test('words of argv keep spaces, quotes, dollars, backslashes and per cent signs', () => {
  const text = renderUnit({ service: { ExecStart: { argv: ['/bin/echo', 'a b', '"', '$HOME', '\\n', '100%', ''] } } })
  assert.is(text, '[Service]\nExecStart=/bin/echo "a b" "\\"" "$$HOME" "\\\\n" "100%%" ""\n')
})

test('no word leaves its quotes or its line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const quoted = quoteWord(value)
      if (!quoted.startsWith('"')) return assert.is(quoted, value)
      const inner = quoted.slice(1, -1)
      assert.not(inner.includes('\n'))
      assert.not(/(^|[^\\])(\\\\)*"/.test(inner))
      assert.not(/(^|[^\\])(\\\\)*\\$/.test(inner))
    }),
  )
})

test('a setting with a newline or a trailing backslash is refused', () => {
  for (const value of ['a\nb', 'a\\']) {
    assert.throws(() => renderUnit({ service: { ExecStart: value } }), 'does not fit on one line')
    assert.not(accepts.unit({ name: 'a.service', service: { ExecStart: value } }))
  }
})

test('hostile names are refused by the schema', () => {
  for (const name of hostile) {
    assert.not(accepts.unit({ name: `${name}.service/`, text: 'x' }), name)
    assert.not(accepts.unit({ name, text: 'x' }), name)
    assert.not(accepts.dropIn({ unit: 'a.service', name: `.${name}`, text: 'x' }), name)
    assert.not(accepts.timer({ name: `${name}/`, onBootSec: '1s' }), name)
  }
})

test('keys that are not systemd keys are refused by the schema', () => {
  assert.not(accepts.unit({ name: 'a.service', service: { 'Exec\nStart': 'x' } }))
  assert.not(accepts.unit({ name: 'a.service', servce: { ExecStart: 'x' } }))
})

test('a secret in a unit is refused, with the way out', () => {
  const told = unit.check?.({ name: 'a.service', text: new Text(['Environment=A=', new Secret('token')], []) }) ?? []
  assert.match(told.join(), /EnvironmentFile/)
})

test('an option prefix in front of a program needs raw', () => {
  const told = unit.check?.({ name: 'a.service', service: { ExecStart: { argv: ['-/bin/false'] } } }) ?? []
  assert.match(told.join(), /raw/)
})

test('a unit needs the user, group and files its text names', () => {
  const state = unit.desired({ name: 'a.service', service: { User: 'app', EnvironmentFile: '-/etc/app.env' } })
  assert.equal(state && unit.needs?.('a.service', state), ['user:app', 'group:app', 'file:/etc/app.env'])
})

test('the number of processes of the read command does not grow with the units', () => {
  const files = (count: number): { unit: string; path: string }[] =>
    Array.from({ length: count }, (_, index) => ({
      unit: `u${index}.service`,
      path: `/etc/systemd/system/u${index}.service`,
    }))
  const commands = (text: string): number => (text.match(/\b(find|cat|base64|systemctl) /g) ?? []).length
  assert.is(commands(readUnitFiles(files(1))), commands(readUnitFiles(files(500))))
})

test('the read command gives files back as they are, bytes and mode', () => {
  const dir = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  const path = `${dir}/a'b $(c).service`
  execFileSync('sh', ['-c', 'printf "x\\n\\303\\251" > "$1"; chmod 640 "$1"', 'sh', path])
  const stub = `systemctl() { printf 'Id=a.service\\nNames=a.service\\nNeedDaemonReload=yes\\n'; }\n`
  const stdout = execFileSync('dash', ['-c', stub + readUnitFiles([{ unit: 'a.service', path }])], { encoding: 'utf8' })
  const read = parseUnitFiles({ stdout, stderr: '', exit: 0 })
  const file = read.files.get(path)
  execFileSync('rm', ['-r', '--', dir])
  assert.equal(file, { kind: 'file', bytes: Buffer.from('x\né'), mode: '0640', owner: 'root:root' })
  assert.is(read.shown[0]?.['NeedDaemonReload'], 'yes')
})

test('a unit whose file systemd has not loaded differs though its content does not', () => {
  const desired = unit.desired({ name: 'a.service', text: 'x' })
  assert.ok(desired)
  const fields = differences(unit, desired, { ...desired, loaded: false }, comparingBy(String))
  assert.equal(
    fields.map(({ field }) => field),
    ['loaded'],
  )
})

test('an answer systemctl did not give is an error, not a state', () => {
  assert.throws(
    () => parseUnitFiles({ stdout: '\0', stderr: 'Failed to connect to bus', exit: 1 }),
    'Failed to connect to bus',
  )
})

test('a timer catches up on calendar times and starts the unit of its name', () => {
  const state = timer.desired({ name: 'backup.timer', onCalendar: ['daily', 'Mon 04:00'], randomizedDelaySec: '5min' })
  assert.match(
    state?.content ?? '',
    'OnCalendar=daily\nOnCalendar=Mon 04:00\nPersistent=yes\nRandomizedDelaySec=5min\n',
  )
  assert.equal(state && timer.needs?.('backup', state), ['unit:backup.service'])
})

test('many changes are one step with one daemon-reload', () => {
  const after = unit.desired({ name: 'a.service', text: 'x' })
  assert.ok(after)
  const changes = ['a.service', 'b.service'].map((name) => ({
    kind: 'create' as const,
    name,
    before: null,
    after,
    fields: [],
  }))
  const steps = unit.batch?.(changes, { reveal: String }) ?? []
  assert.is(steps.length, 1)
  assert.is(steps[0]?.run.match(/^systemctl daemon-reload$/gm)?.length, 1)
})

test.run()
