/**
 * Mistakes of a beginner: wrong values, words of other tools, malformed keys. Each is answered in plain words, with the
 * recipe's line.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import { expectedText } from '../../lib/dsl/expected.ts'
import * as keelson from '../../lib/index.ts'
import type { JsonSchema } from '../../lib/kit/schema.ts'
import { here, mistakesOf, siteOf } from './thing.ts'

const test = suite('mistakes')

/** A function as somebody calls it who writes without types. */
function loose(called: (...given: never[]) => unknown): (...given: readonly unknown[]) => unknown {
  return (...given) => Reflect.apply(called, undefined, given)
}

const absent = loose(keelson.absent)
const aptPackage = loose(keelson.aptPackage)
const authorizedKeys = loose(keelson.authorizedKeys)
const command = loose(keelson.command)
const cronJob = loose(keelson.cronJob)
const directory = loose(keelson.directory)
const file = loose(keelson.file)
const nginxVhost = loose(keelson.nginxVhost)
const service = loose(keelson.service)
const sudoers = loose(keelson.sudoers)
const sysctl = loose(keelson.sysctl)
const ufwRule = loose(keelson.ufwRule)
const unit = loose(keelson.unit)
const user = loose(keelson.user)

const MODE = 'three or four octal digits, such as "0640"'
const PATH = 'an absolute path without "." and "..", such as "/srv/app"'

const mistakes: readonly [what: string, declare: () => unknown, said: string][] = [
  // Words of other tools.
  ['state: present', () => file({ path: '/a', state: 'present' }), 'what is declared is present: leave it out'],
  ['state: absent', () => aptPackage({ name: 'nano', state: 'absent' }), 'absent(…) removes what it is given'],
  ['state: started', () => service({ name: 'nginx', state: 'started' }), 'say running: true'],
  ['state: directory', () => file({ path: '/a', state: 'directory' }), 'a folder is a directory(…)'],
  ['notify', () => file({ path: '/a', notify: 'restart nginx' }), 'restartOn or reloadOn, with this handle'],
  ['dest', () => file({ dest: '/a', content: 'x' }), 'unknown key "dest"; the path is `path`'],
  ['src', () => file({ path: '/a', src: 'a.txt' }), 'unknown key "src"; a local file is `source`'],
  ['when', () => file({ path: '/a', when: true }), 'write `if (…)` around the call'],
  ['become', () => file({ path: '/a', become: true }), 'everything is done as root'],
  ['creates', () => command({ name: 'a', apply: 'true', creates: '/a' }), "'test -e PATH'"],
  ['server_name', () => nginxVhost({ name: 'a', server_name: 'a.example' }), 'did you mean "serverNames"?'],
  ['a clear password', () => user({ name: 'ada', password: 'x' }), '`passwordHash` takes a secret with a hash'],
  // Wrong values.
  ['enabled: yes', () => service({ name: 'nginx', enabled: 'yes' }), 'enabled: must be true or false, not "yes"'],
  ['a mode as a number', () => file({ path: '/a', mode: 644 }), `mode: must be ${MODE}, not 644`],
  ['a symbolic mode', () => file({ path: '/a', mode: 'u=rw' }), `mode: must be ${MODE}, not "u=rw"`],
  ['a relative path', () => file({ path: 'etc/motd' }), `path: must be ${PATH}, not "etc/motd"`],
  ['a path from home', () => file({ path: '~/.bashrc' }), `path: must be ${PATH}, not "~/.bashrc"`],
  ['a port with its protocol', () => ufwRule({ action: 'allow', port: '443/tcp' }), 'tcp or udp is said by `protocol`'],
  ['a port by its service', () => ufwRule({ action: 'allow', port: 'ssh' }), 'port: must be a port such as 443'],
  ['accept', () => ufwRule({ action: 'accept', port: 22 }), 'must be one of allow, deny, reject, limit, not "accept"'],
  ['four fields of a crontab', () => cronJob({ name: 'a', schedule: '0 3 * *', command: 'a' }), 'has 4 fields'],
  [
    'a dot in the name of a job',
    () => cronJob({ name: 'a.b', schedule: '@daily', command: 'a' }),
    'cron ignores files with a dot',
  ],
  ['a list of packages', () => aptPackage({ name: ['nginx', 'curl'] }), 'name: must be the name of one package'],
  ['a version in a name', () => aptPackage({ name: 'nginx=1.2' }), '`version` takes a version'],
  [
    'a malformed key',
    () => authorizedKeys({ user: 'ada', keys: ['AAAAC3Nza'] }),
    'must be a public key, as a .pub file has it',
  ],
  ['one key for a list', () => authorizedKeys({ user: 'ada', keys: 'ssh-ed25519 AAAA' }), 'keys: must be a list'],
  ['groups in one text', () => user({ name: 'ada', groups: 'sudo,adm' }), 'groups: must be a list'],
  ['a capital in a login', () => user({ name: 'Ada' }), 'small letters, digits, "-" and "_"'],
  ['a hash in the recipe', () => user({ name: 'ada', passwordHash: '$6$x' }), "must be secret('NAME'), not"],
  ['another form of a day', () => user({ name: 'ada', expires: '31.12.2027' }), 'such as "2027-12-31", or "never"'],
  ['content that is no text', () => file({ path: '/a', content: { a: 1 } }), "must be text, secret('NAME') or conf`…`"],
  ['a need by name', () => file({ path: '/a', content: 'x', after: 'nginx' }), 'after: takes handles'],
  ['a unit without its suffix', () => unit({ name: 'app', service: {} }), 'with its suffix, such as "api.service"'],
  ['Service for service', () => unit({ name: 'a.service', Service: {} }), 'did you mean "service"?'],
  ['a port in quotes', () => service({ name: 'a', listens: ['80'] }), 'must be a port such as 8000, an address'],
  [
    'a command of sudo without its path',
    () => sudoers({ name: 'a', user: 'a', commands: ['reboot'] }),
    'by its whole path',
  ],
  ['a key of sysctl with a blank', () => sysctl({ key: 'vm swappiness', value: 10 }), 'such as "net.ipv4.ip_forward"'],
  [
    'a dash in a variable',
    () => command({ name: 'a', check: 'true', apply: 'true', env: { 'A-B': 'x' } }),
    '"A-B" cannot be a key here',
  ],
  ['a command without a check', () => command({ name: 'a', apply: 'true' }), 'a check that exits 0'],
  [
    'a secret in a template',
    () => file({ path: '/a', content: `x${String(keelson.secret('a'))}` }),
    'write the text with conf`…`',
  ],
  ['a text for the props', () => aptPackage('nginx'), 'package takes an object with its props'],
  ['nothing for the props', () => directory(), 'directory takes an object with its props'],
  ['absent with the type in quotes', () => absent('file', { path: '/a' }), 'no resource function'],
]

/** What only somebody who works on Keelson knows. */
const INSIDE = /must match|\^\[|\\u|additionalProperties|anyOf|\b(array|boolean|integer|object)\b(?! with)|\n\s+at /

for (const [what, declare, said] of mistakes) {
  test(`${what} is answered in plain words, by its line`, async () => {
    const found = await mistakesOf(siteOf(() => void declare()).evaluate('one'))
    const messages = found.map(({ message }) => message).join('\n')
    assert.match(messages, said)
    assert.not.match(messages, INSIDE)
    for (const { source } of found) assert.match(source?.file ?? '', 'mistakes.test.ts')
  })
}

test('a function of another tool is named as it is called here', async () => {
  const line = here() + 1
  const [found] = await mistakesOf(siteOf(() => void Reflect.apply(missing, undefined, [])).evaluate('one'))
  assert.is(found?.message, 'apt is not defined; it is called aptPackage here')
  assert.ok((found?.source?.line ?? 0) >= line)
})

function missing(): never {
  throw new ReferenceError('apt is not defined')
}

/** Schemas with a pattern below a schema. */
function patternsIn(schema: unknown, path: string): { path: string; schema: JsonSchema }[] {
  if (typeof schema !== 'object' || schema === null) return []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every keyword's value is unknown
  const own = schema as JsonSchema
  const inner = Object.entries(own).flatMap(([key, each]) => patternsIn(each, `${path}.${key}`))
  return typeof own['pattern'] === 'string' ? [{ path, schema: own }, ...inner] : inner
}

test('no pattern is part of what a schema is said to expect', () => {
  const all = [...types.values()].flatMap(({ type, schema }) => patternsIn(schema, type))
  assert.ok(all.length > 60)
  for (const { path, schema } of all) {
    const text = expectedText(schema) ?? ''
    assert.not.ok(
      (String(schema['pattern']).length > 1 && text.includes(String(schema['pattern']))) || INSIDE.test(text),
      `${path}: ${text}`,
    )
  }
})

test.run()
