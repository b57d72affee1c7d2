/**
 * A line of pg_hba.conf: who may log in from where, and how.
 *
 * Lines of recipes are together between two marks, in the order of their declaration, because the first line that
 * matches a login decides. The block precedes all other lines except the one by which the postgres account logs in,
 * which Debian's own jobs and Keelson need; when that is not the first, the block begins with a copy of it. Whether the server has loaded the file is derived from the file's ctime.
 */
import { byField } from '../../kit/byField.ts'
import type { Compared, FieldChange, ResourceType, Desired } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { readNow } from '../../kit/files/readNow.ts'
import { ensure } from '../../kit/schema.ts'
import { quote } from '../../kit/shell.ts'
import { BLOCK_BEGIN, BLOCK_END, COPIED, ENTRY, FIND_HBA, hbaStep } from './hbaStep.ts'
import { NO_ANSWER, parseRows, psql, SERVER_PACKAGES } from './psql.ts'

const TYPES = ['local', 'host', 'hostssl', 'hostnossl'] as const
const METHODS = [
  'scram-sha-256',
  'peer',
  'cert',
  'reject',
  'md5',
  'ident',
  'ldap',
  'radius',
  'pam',
  'gss',
  'trust',
] as const

/**
 * @example
 * // The account app of the host logs in as the role shop, without a password.
 * postgresHba({ type: 'local', database: 'shop', user: 'shop', method: 'peer', options: { map: 'shop' } })
 */
export type PostgresHba = {
  /** `local` is the Unix socket; `host` TCP with or without TLS. */
  type: (typeof TYPES)[number]
  /** A name, several separated by commas, `all`, `sameuser`, `samerole` or `replication`. */
  database: string
  /** A name, several separated by commas, `all`, or `+group` for members of a role. */
  user: string
  /** For all types but `local`: `10.0.0.0/24`, `2001:db8::/64`, `samehost`, `samenet`, `all`, or a host name. */
  address?: string
  /** How who logs in proves who they are. */
  method: (typeof METHODS)[number]
  /** Options of the method: `{ map: 'crm' }`. */
  options?: { readonly [name: string]: string }
  /** `absent` also removes such a line of the package. @default 'present' */
  ensure?: 'present' | 'absent'
}

type HbaState = {
  /** Method and options as in the line. */
  method: string
  /** `in order`, or what is wrong with the line's position. */
  place?: string
  seen?: HbaSeen
}
/** Of one line: the server has not loaded the file since it was changed. */
type HbaSeen = { unloaded: boolean }

// Nothing that needs quoting, so that a line is its words: no spaces, quotes, `#`, `@` files or `/` patterns.
const names = {
  type: 'string',
  maxLength: 1000,
  pattern: '^[A-Za-z0-9_+$][A-Za-z0-9_.$+-]*(,[A-Za-z0-9_+$][A-Za-z0-9_.$+-]*)*$',
  description: 'names separated by commas, such as "shop" or "all"',
} as const

/** Precedes the text of the file when the server does not answer. */
const ON_DISK = '# pg_hba.conf as it stands on the disk'

export const postgresHba: ResourceType<PostgresHba, HbaState, 'type' | 'database' | 'user' | 'address'> = {
  type: 'postgres-hba',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['type', 'database', 'user', 'method'],
    properties: {
      type: { enum: TYPES },
      database: names,
      user: names,
      address: {
        type: 'string',
        maxLength: 255,
        pattern: '^[A-Za-z0-9.:_-]+(/[0-9]{1,3})?$',
        description: 'an address or a network, such as "10.0.0.0/8", or a host name',
      },
      method: { enum: METHODS },
      options: {
        type: 'object',
        propertyNames: { pattern: '^[a-z][a-z0-9_]*$' },
        additionalProperties: { type: 'string', pattern: '^[^\\s"#,\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$' },
      },
      ensure,
    },
  },
  key: ['type', 'database', 'user', 'address'],
  name: ({ type, database, user, address }) =>
    [type, database, user, ...(address === undefined ? [] : [address])].join(' '),
  check: addressMistakes,
  desired: ({ method, options = {} }) => ({ method: methodText(method, options), place: 'in order' }),
  absent: { check: addressMistakes },
  // Roles and databases are not needs: a line may name missing ones, and lines must keep their order.
  sharedPaths: ['/etc/postgresql'],
  needs: () => [...SERVER_PACKAGES],
  // A new line has no position to report.
  state: form.fields<Compared<HbaState>>({
    method: form.line(),
    place: form.optional(form.inner(form.missingAs('in order', form.line()))),
  }),
  seen: form.optional(form.fields<HbaSeen>({ unloaded: form.flag })),
  read: {
    via: psql,
    command: () => `select json_build_object('text', pg_read_file(current_setting('hba_file')),
  'unloaded', (pg_stat_file(current_setting('hba_file'))).change > pg_conf_load_time());`,
    // Without it, lines that keep the server from starting are found and corrected.
    otherwise: `${FIND_HBA}\n[ -z "$k_hba" ] || { printf '\\n%s\\n' ${quote(ON_DISK)}; ${readNow('"$k_hba"')}; }`,
    parse(output, entries) {
      const [, onDisk] = output.exit === NO_ANSWER ? output.stdout.split(`\n${ON_DISK}\n`) : []
      if (onDisk !== undefined) return observedLines({ text: onDisk, unloaded: false }, entries)
      const read = parseRows<HbaFile>(output, ['text', 'unloaded'])
      if (read instanceof Unknown) return read
      const [file] = read
      if (file === undefined) throw new Error('expected the text of pg_hba.conf')
      return observedLines(file, entries)
    },
  },
  diff: diffLine,
  opens: ({ after }) =>
    after?.method.startsWith('trust') === true ? ['lets clients into PostgreSQL without a password'] : [],
  consequence: () => 'reload',
  steps: (change, context) => [hbaStep([change], context)],
  remove: (change, context) => [hbaStep([change], context)],
  batch: (changes, context) => [hbaStep(changes, context)],
  undo: ({ before }) => (before === null ? undefined : { state: { method: before.method, place: 'in order' } }),
}

function addressMistakes({ type, address }: PostgresHba): string[] {
  if (type === 'local') return address === undefined ? [] : ['a local line has no address']
  return address === undefined ? ['address is missing'] : []
}

function methodText(method: string, options: { readonly [name: string]: string }): string {
  const pairs = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  return [method, ...pairs.sort()].join(' ')
}

type HbaFile = { text: string; unloaded: boolean }
type Rule = { key: string; method: string; inBlock: boolean }

function observedLines({ text, unloaded }: HbaFile, entries: readonly Desired<HbaState>[]): Map<string, HbaState> {
  const rules = parseRules(text)
  const found = entries.flatMap(({ name, desired }) => {
    // A line declared absent may be anywhere; a declared one is only what Keelson wrote.
    const rule = rules.find((each) => each.key === name && (each.inBlock || desired === null))
    return rule === undefined ? [] : [rule]
  })
  const misplaced = placeMistakes(rules, found)
  return new Map(
    found.map((rule, index) => [
      rule.key,
      { method: rule.method, place: misplaced(rule), seen: { unloaded: unloaded && index === 0 } },
    ]),
  )
}

function parseRules(text: string): Rule[] {
  let inBlock = false
  return text.split('\n').flatMap((line): Rule[] => {
    if (line === BLOCK_BEGIN || line === BLOCK_END) inBlock = line === BLOCK_BEGIN
    if (line.includes(COPIED)) return []
    const words = line
      .replace(/#.*/, '')
      .split(/\s+/)
      .filter((word) => word !== '')
    if (words.length === 0) return []
    const count = words[0] === 'local' ? 3 : 4
    return [{ key: words.slice(0, count).join(' '), method: words.slice(count).join(' '), inBlock }]
  })
}

/** @param found Rules in the order in which they should be. */
function placeMistakes(rules: readonly Rule[], found: readonly Rule[]): (rule: Rule) => string {
  const foreign = rules
    .slice(
      0,
      rules.findIndex(({ inBlock }) => inBlock),
    )
    .find((rule, index) => index > 0 || !isEntry(rule))
  const positions = found.map((rule) => rules.indexOf(rule))
  return (rule) => {
    if (foreign !== undefined) return `behind ${foreign.key}`
    const index = found.indexOf(rule)
    const earlier = positions.slice(0, index).findIndex((position) => position > positions[index]!)
    return earlier === -1 ? 'in order' : `ahead of ${found[earlier]!.key}`
  }
}

/** The line by which the postgres account logs in. */
function isEntry({ key, method }: Rule): boolean {
  return key === ENTRY && !/^reject\b/.test(method)
}

function diffLine(desired: HbaState, observed: HbaState): FieldChange[] {
  const fields = byField(desired, observed, postgresHba.state)
  if (fields.length > 0 || observed.seen?.unloaded !== true) return fields
  const because = 'pg_hba.conf was changed after the server read it'
  return [
    {
      field: 'loaded',
      form: 'value',
      before: false,
      after: true,
      followUp: { action: 'reload', because, unit: 'postgresql' },
    },
  ]
}
