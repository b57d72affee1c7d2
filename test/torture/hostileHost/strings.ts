/**
 * What a host that lies may put in the place of a text or a value: what would take something from the operator, steer a
 * terminal, or be too much.
 */
import { relative } from 'node:path'
import type { Random } from '../random.ts'

/** What is planted at the operator's, by which it can be asked for. */
export type Planted = { files: readonly string[]; secrets: readonly string[] }

const KEPT = `/var/lib/keelson/runs/2.kept/bytes/${'0'.repeat(64)}`

/** As a terminal, a shell, a parser of JSON or a reader of numbers would trip over them. */
const ODD: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  '99999999999999999999',
  '0x7f',
  '1.5',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\x1b]52;c;cm0gLXJm\x07',
  '\x1b[2J\x1b[H',
  '\x1b]0;title\x1b\\',
  '\x9b31m',
  '\r\x1b[K',
  'a\rb',
  'a\nb',
  'a\tb',
  'a\0b',
  '\x7f\x08\x08',
  '\u202e\u2066',
  '\u2028',
  '\ud800',
  '\ufeff',
  '$(id)',
  '`id`',
  "'; id; '",
  '%s%n%p',
  '../'.repeat(20),
  '/etc/shadow',
  '/dev/zero',
  '/proc/self/environ',
  KEPT,
  'file:/srv/play/steady',
  'command:made',
  'no-such-type:x',
  ':',
  'file:',
  'over',
  'end 1',
  'keelson-9-abcdef',
  '2026-11-28T00:00:00Z',
  '9999-99-99T99:99:99Z',
]

export function hostileText(random: Random, planted: Planted): string {
  const file = random.pick(planted.files)
  const ways: readonly (() => string)[] = [
    () => file,
    () => relative(process.cwd(), file),
    () => `file://${file}`,
    () => `/proc/self/root${file}`,
    () => random.pick(planted.secrets),
    () => random.pick(ODD),
    () => random.pick(ODD),
    () => random.pick(ODD),
    () => random.pick(ODD) + random.pick(ODD),
    () => random.pick(ODD).repeat(1 + random.below(50)),
    () => 'x'.repeat(10 ** random.below(6)),
  ]
  return random.pick(ways)()
}

/** JSON text of a value. */
export function hostileJson(random: Random, planted: Planted): string {
  const text = (): string => JSON.stringify(hostileText(random, planted))
  const deep = 1 + random.below(random.next() < 0.1 ? 50_000 : 100)
  const wide = random.below(random.next() < 0.02 ? 600_000 : 200)
  const ways: readonly (() => string)[] = [
    text,
    text,
    text,
    () => `{"$secret":${text()}}`,
    () => `{"$secret":${JSON.stringify(random.pick(planted.secrets))}}`,
    () => `{"$text":["x",{"$secret":${JSON.stringify(random.pick(planted.secrets))}}]}`,
    () => `{"kind":"file","owner":"root","group":"root","mode":"0644","source":${text()}}`,
    () => `{"__proto__":{"source":${text()},"made":true}}`,
    () => `{"constructor":{"prototype":{"x":1}},"toString":1,"length":-1}`,
    () =>
      random.pick([
        'null',
        'true',
        'false',
        '0',
        '-0',
        '-1',
        '1.5',
        '1e308',
        '1e999',
        '9007199254740993',
        '[]',
        '{}',
        '[[]]',
        '[null]',
        '{"":{}}',
      ]),
    () => '['.repeat(deep) + ']'.repeat(deep),
    () => '{"a":'.repeat(deep) + '1' + '}'.repeat(deep),
    () => `[${'0,'.repeat(wide)}0]`,
    () => `{${Array.from({ length: wide % 5000 }, (_, index) => `"${index}":[]`).join(',')}}`,
  ]
  return random.pick(ways)()
}

/** Names of fields that decide what the client does. */
// oxfmt-ignore
export const FIELDS: readonly string[] = [
  'source', 'content', 'kept', 'validate', 'sha256', 'path', 'name', 'type', 'ref', 'desired', 'state', 'back', 'cannot',
  'stays', 'after', 'entry', 'left', 'bytes', 'made', 'needs', 'protect', 'run', 'pending', 'hides', 'rights', 'sites', 'digest',
  'changes', 'kind', 'cause', 'outcome', 'who', 'user', 'host', 'commit', 'startedAt', 'endedAt', 'unit', 'stages', 'undoes',
  'entries', 'key', 'serial', 'times', 'format', 'begun', 'owner', 'group', 'mode', 'target', '__proto__', 'constructor', 'toString', 'length',
]
