/**
 * The keys by which the whole host knows another one: lines of /etc/ssh/ssh_known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE
 * FORMAT). Names may stand there hashed. Lines with a marker, and those with patterns, stay as they are.
 */
import { createHmac } from 'node:crypto'
import { changeText } from '../../kit/files/changeText.ts'
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'
import { groupBy } from '../../kit/groupBy.ts'
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import { type Compared, type Desired, type ResourceType, Unknown } from '../../kit/resourceType.ts'
import { ensure, port } from '../../kit/schema.ts'
import { lines, sh } from '../../kit/shell.ts'

/**
 * @example
 * knownHosts({
 *   host: 'backup.example.com',
 *   port: 2222,
 *   keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'],
 * })
 */
export type KnownHosts = {
  /** Name or address, as it is given to ssh(1): `'git.example.com'`. */
  host: string
  /** TCP port of its sshd. @default 22 */
  port?: number
  /** All of its keys, as ssh-keyscan(1) and the `.pub` files there have them: `['ssh-ed25519 AAAA…']`. Not needed for `ensure: 'absent'`. */
  keys: readonly string[]
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type KnownHostsState = {
  /** `ssh-ed25519 AAAA…`, sorted. */
  keys: string[]
  seen?: KnownHostsSeen
}
/** First fields of the lines that have the name hashed. */
type KnownHostsSeen = { hashed: string[] }

const FILE = '/etc/ssh/ssh_known_hosts'
const KINDS = 'ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\\.com'

export const knownHosts: ResourceType<KnownHosts, KnownHostsState, 'host' | 'port'> = {
  type: 'known-hosts',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['host', 'keys'],
    properties: {
      host: {
        type: 'string',
        maxLength: 253,
        pattern: '^[A-Za-z0-9_:]([A-Za-z0-9._:-]*[A-Za-z0-9_:])?$',
        description: 'a name or an address without a port, such as "git.example.com"',
      },
      port,
      keys: {
        type: 'array',
        minItems: 1,
        maxItems: 20,
        items: {
          type: 'string',
          maxLength: 10_000,
          pattern: `^(${KINDS}) [A-Za-z0-9+/]+={0,2}( [^\\u0000-\\u001f\\u007f-\\u009f]*)?$`,
          description: 'a public key, such as "ssh-ed25519 AAAA…"',
        },
      },
      ensure,
    },
  },
  key: ['host', 'port'],
  name: ({ host, port: number = 22 }) => (number === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${number}`),
  check: ({ keys }) =>
    keys.flatMap((key, index) =>
      isWhole(key) ? [] : [`keys[${index}]: is cut off or damaged: "${key.slice(0, 40)}…"`],
    ),
  desired: ({ keys }) => ({ keys: [...new Set(keys.map(bare))].toSorted() }),
  paths: () => [FILE],
  sharedPaths: [FILE],
  state: form.fields<Compared<KnownHostsState>>({ keys: form.list(form.line(10_000)) }),
  seen: form.optional(form.fields<KnownHostsSeen>({ hashed: form.list(form.line()) })),
  read: {
    command: () => readSmallFiles([FILE]),
    parse: ({ stdout }, entries) => parseReading(stdout, entries),
  },
  touches: () => [{ path: FILE }],
  steps: ({ name, before, after }) => [
    {
      title: `set the keys of ${name}`,
      run: setKeys(name, before instanceof Unknown ? null : before),
      payload: { lines: after.keys.map((key) => `${name} ${key}\n`).join('') },
    },
  ],
  remove: ({ name, before }) => [
    {
      title: `take ${name} out of ${FILE}`,
      run: setKeys(name, before instanceof Unknown ? null : before),
      payload: { lines: '' },
    },
  ],
  undo: ({ before }) => (before === null ? undefined : { state: { keys: before.keys } }),
}

/** Kind and key, without a comment. */
function bare(key: string): string {
  return key.split(' ').slice(0, 2).join(' ')
}

/** A key begins with the length of its kind and the kind (RFC 4253, 6.6), and each part with its length. */
function isWhole(key: string): boolean {
  const [kind = '', base64 = ''] = key.split(' ')
  const bytes = Buffer.from(base64, 'base64')
  let at = 0
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    if (at === 0 && bytes.toString('latin1', 4, 4 + length) !== kind) return false
    at += 4 + length
  }
  return at > 4 && at === bytes.length
}

type Line = { names: string[]; field: string; key: string }

function parseReading(
  stdout: string,
  entries: readonly Desired<KnownHostsState>[],
): Map<string, KnownHostsState | null | Unknown> {
  const file = parseSmallFiles({ stdout }).get(FILE)
  if (file !== undefined && file.kind !== 'file') {
    const because = new Unknown(`${FILE} is not a file, or a very long one`)
    return new Map(entries.map(({ name }) => [name, because]))
  }
  const found = file === undefined ? [] : lines(file.bytes.toString('utf8')).flatMap(lineIn)
  const byName = groupBy(
    found.flatMap((line) => line.names.map((name) => ({ name, line }))),
    ({ name }) => name,
  )
  const hashed = found.filter(({ field }) => field.startsWith('|1|'))
  return new Map(
    entries.map(({ name }) => {
      const ofHashed = hashed.filter(({ field }) => isHashOf(field, name))
      const keys = [...(byName.get(name) ?? []).map(({ line }) => line), ...ofHashed].map(({ key }) => key)
      if (keys.length === 0) return [name, null]
      return [name, { keys: [...new Set(keys)].toSorted(), seen: { hashed: ofHashed.map(({ field }) => field) } }]
    }),
  )
}

/** `git.example.com,192.0.2.1 ssh-ed25519 AAAA… comment`; a line with a marker begins with `@`. */
function lineIn(line: string): Line[] {
  const [field = '', kind, base64] = line.trim().split(/[ \t]+/)
  if (base64 === undefined || kind === undefined || /^[#@]/.test(field)) return []
  return [{ field, names: field.toLowerCase().split(','), key: `${kind} ${base64}` }]
}

/** `|1|SALT|HASH`, an HMAC-SHA1 of the name (ssh-keygen(1), -H). */
function isHashOf(field: string, name: string): boolean {
  const [, , salt = '', hash] = field.split('|')
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
}

/** The name is taken out of the lines that have it, and lines with nothing but it go. */
const PROGRAM = `
BEGIN { name = ENVIRON["k_name"]; n = split(ENVIRON["k_hashed"], field, " "); for (i = 1; i <= n; i++) hashed[field[i]] }
/^[ \\t]*[#@]/ || NF < 3 { print; next }
$1 in hashed { next }
{
  count = split($1, names, ","); rest = ""; found = 0
  for (i = 1; i <= count; i++) if (tolower(names[i]) == name) found = 1; else rest = rest (rest == "" ? "" : ",") names[i]
  if (!found) { print; next }
  if (rest != "") { sub(/^[ \\t]*[^ \\t]+/, rest); print }
}`

function setKeys(name: string, before: KnownHostsState | null): string {
  const hashed = (before?.seen?.hashed ?? []).join(' ')
  const filter = sh`k_name=${name} k_hashed=${hashed} awk ${PROGRAM}
cat -- ${payload('lines')}`
  return `[ -e ${FILE} ] || { : > "$P"/none; replace_file ${FILE} root root 0644 "$P"/none; }
${changeText(FILE, filter)}`
}
