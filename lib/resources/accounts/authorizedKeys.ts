/**
 * The keys that may log in as a user: ~/.ssh/authorized_keys (sshd(8)).
 *
 * The user owns that path and may put links there: they are refused.
 */
import type { Keys } from '../../kit/touch.ts'
import * as form from '../../kit/form.ts'
import { refOf } from '../../kit/ref.ts'
import { type Compared, type ResourceType, type Step, Unknown, type Desired } from '../../kit/resourceType.ts'
import { accountName, ensure, oneLine } from '../../kit/schema.ts'
import { forEach, lines, quote, sh } from '../../kit/shell.ts'
import { filesInTar, TAR_FILES } from '../../kit/files/tarStream.ts'

/**
 * @example
 * // A key that may run one program only, beside keys of another hand.
 * authorizedKeys({
 *   user: 'ada',
 *   keys: [{ key: 'ssh-ed25519 AAAA… backup', options: ['restrict', 'command="/usr/bin/id"'] }],
 *   exclusive: false,
 * })
 */
export type AuthorizedKeys = {
  /** Account whose keys they are. Its home must be there, or declared. */
  user: string
  /** Lines as `ssh-keygen` writes them to a .pub file, or with options before the key: `'ssh-ed25519 AAAA… ada@laptop'`. */
  keys: readonly (string | AuthorizedKey)[]
  /** False: keys that are not listed stay. @default true */
  exclusive?: boolean
  /** 'absent' removes the whole file. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type AuthorizedKey = {
  /** As in a .pub file: `'ssh-ed25519 AAAA… ada@laptop'`. */
  key: string
  /** As sshd(8) writes them: `'restrict'`, `'from="10.0.0.0/8"'`, `'command="/usr/bin/borg serve"'`. */
  options?: readonly string[]
}

export type AuthorizedKeysState = {
  /** Whole lines, sorted; sshd ignores their order. */
  keys: string[]
  /** `mode owner`, or what exists there instead of a file. */
  file: string
  directory: string
  how?: KeysHow
}
/** Only the listed keys are read. */
type KeysHow = { exclusive: false }

const IN_ORDER = { file: '0600 user', directory: '0700 user' } as const

const KEY_TYPES =
  '(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256|ecdsa-sha2-nistp384|ecdsa-sha2-nistp521|sk-ssh-ed25519@openssh\\.com|sk-ecdsa-sha2-nistp256@openssh\\.com)'
const key = {
  type: 'string',
  maxLength: 8000,
  pattern: `^${KEY_TYPES} [A-Za-z0-9+/]+={0,2}( [^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+)?$`,
  description: 'a public key, as a .pub file has it: "ssh-ed25519 AAAA… ada@laptop"',
} as const

export const authorizedKeys: ResourceType<AuthorizedKeys, AuthorizedKeysState, 'user'> = {
  type: 'authorized-keys',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['user', 'keys'],
    properties: {
      user: accountName,
      keys: {
        type: 'array',
        items: {
          anyOf: [
            key,
            {
              type: 'object',
              additionalProperties: false,
              required: ['key'],
              properties: {
                key,
                options: {
                  type: 'array',
                  uniqueItems: true,
                  items: oneLine,
                },
              },
            },
          ],
        },
      },
      exclusive: { type: 'boolean' },
      ensure,
    },
  },
  key: ['user'],
  name: (props) => props.user,
  check: ({ keys }) => [...optionMistakes(keys), ...keyMistakes(keys.map(lineOf))],
  desired: ({ keys, exclusive = true }) => ({
    keys: keys.map(lineOf).toSorted(),
    ...IN_ORDER,
    ...(exclusive ? {} : { how: { exclusive } }),
  }),
  absent: {
    check: ({ exclusive }) =>
      exclusive === false ? ['to take single keys away, leave them out of an exclusive list'] : [],
  },
  needs: (name) => [refOf('user', name)],
  state: form.fields<Compared<AuthorizedKeysState>>({
    keys: form.list(form.line(65_536)),
    file: form.inner(form.line()),
    directory: form.inner(form.line()),
  }),
  how: form.optional(form.fields<KeysHow>({ exclusive: form.oneOf(false) })),
  read: { command: readText, parse: ({ stdout }, entries) => parseFiles(stdout, entries) },
  touches: ({ name, before, after }) => [{ account: name, keys: keysAfter(before, after) }],
  opens: ({ name, before, after }) => {
    const had = before === null || before instanceof Unknown ? [] : before.keys
    const more = (after?.keys ?? []).filter((one) => !had.includes(one)).length
    return more === 0 ? [] : [`lets ${more === 1 ? '1 more key' : `${more} more keys`} log in as ${name}`]
  },
  consequence: ({ name, before, after }, { operator }) => {
    if (before instanceof Unknown) return operator?.account === name ? 'lockout' : 'safe'
    const had = before?.keys ?? []
    return had.some((line) => !(after?.keys ?? []).includes(line)) ? 'lockout' : 'safe'
  },
  steps: ({ name, before, after }) => [writeStep(name, before, after)],
  remove: ({ name, before }) => [removeStep(name, before)],
  undo({ before, after }) {
    if (before === null) return undefined
    const { keys, how } = before
    if (after === null || how === undefined)
      return { state: { keys, ...IN_ORDER, ...(how === undefined ? {} : { how }) } }
    // The list says which keys are read: to remove a single key, it would have to list that one as well.
    return keys.length === 0 ? { state: null } : { cannot: 'of a list that is not exclusive, no key can be taken away' }
  },
}

/** Removing a list that is not exclusive keeps the keys that it does not list. */
function keysAfter(before: AuthorizedKeysState | Unknown | null, after: AuthorizedKeysState | null): Keys {
  if (after !== null) return { lines: after.keys, all: after.how === undefined }
  return { lines: [], all: before !== null && !(before instanceof Unknown) && before.how === undefined }
}

function lineOf(one: string | AuthorizedKey): string {
  if (typeof one === 'string') return one
  return [...(one.options?.length ? [one.options.join(',')] : []), one.key].join(' ')
}

const LINE = new RegExp(`(?:^|\\s)${KEY_TYPES}\\s+([A-Za-z0-9+/]+={0,2})(?:\\s|$)`)

/** The base64 part, which identifies a key. */
function blobOf(line: string): string | undefined {
  return LINE.exec(line)?.[2]
}

function keyMistakes(keyLines: readonly string[]): string[] {
  const seen = new Set<string>()
  return keyLines.flatMap((line) => {
    const [, type = '', blob = ''] = LINE.exec(line) ?? []
    const short = `${type} …${blob.slice(-12)}`
    if (seen.has(blob)) return [`key ${short} is listed twice`]
    seen.add(blob)
    return typeInside(blob) === type ? [] : [`key ${short} is cut off or not a key of its type`]
  })
}

/** An option is a word, or a word and a value in double quotes, in which `\\"` is a quote (sshd(8)). */
const OPTION = /^[A-Za-z0-9-]+(="([^"\\]|\\")*")?$/

function optionMistakes(keys: AuthorizedKeys['keys']): string[] {
  const options = keys.flatMap((one) => (typeof one === 'string' ? [] : (one.options ?? [])))
  return options
    .filter((option) => !OPTION.test(option))
    .map((option) => {
      const [, name = '', value = ''] = /^([A-Za-z0-9-]+)=(.*)$/.exec(option) ?? []
      const quoted = `${name}="${value.replaceAll('"', '\\"')}"`
      const next =
        name !== '' && !value.includes('"') && OPTION.test(quoted) ? `write ${quoted}` : 'write NAME or NAME="VALUE"'
      return `sshd would not understand the option ${option}: ${next}, one option in each string`
    })
}

/** The key data is a list of fields, each after its length in four bytes; the first is the type (RFC 4253, 6.6). */
function typeInside(blob: string): string {
  const bytes = Buffer.from(blob, 'base64')
  const fields: Buffer[] = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at)
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  // A key that was cut ends within a field; with it nobody could log in.
  return at === bytes.length && fields.length > 1 ? fields[0]!.toString('latin1') : ''
}

/** Maximum bytes of a file that are read. Its user may make it longer: a longer file is reported, and not read. */
const LONGEST = 2 ** 20

/**
 * Prints a line `home<TAB>user<TAB>home` per user, then a line per existing folder or file, then all files. It does not
 * open what is behind a link: that need not be the user's.
 */
function readText(entries: readonly Desired<AuthorizedKeysState>[]): string {
  const names = entries.map(({ name }) => name)
  const each = (print: string): string => `printf '%s\\n' "$k_homes" | awk -F: '$1 != "" { ${print} }'`
  const find = "tr '\\n' '\\0' | find -files0-from - -maxdepth 0"
  return `k_homes=$({ ${forEach(names, 'getent passwd --')}; } | cut -d: -f1,6)
${each('print "home\\t" $1 "\\t" $2')}
printf '\\0'
${each('print $2 "/.ssh"; print $2 "/.ssh/authorized_keys"')} | ${find} -printf '%p\\t%y\\t%m\\t%u\\t%s\\n' 2>/dev/null
printf '\\0'
${each('print $2 "/.ssh/authorized_keys"')} | ${find} -type f -size -${LONGEST + 1}c -print0 2>/dev/null | ${TAR_FILES}`
}

type Found = { type: string; mode: string; owner: string; size: number }

/** Drops lines that are not keys (comments, junk): a link that is swapped in meanwhile must not reveal its target. */
function parseFiles(
  stdout: string,
  entries: readonly Desired<AuthorizedKeysState>[],
): Map<string, AuthorizedKeysState | Unknown | null> {
  const [homeText = '', foundText = '', fileText = ''] = stdout.split('\0')
  const texts = filesInTar(Buffer.from(fileText, 'base64'))
  const homes = new Map(
    lines(homeText).map((line): [string, string] => {
      const [, user = '', home = ''] = line.split('\t')
      return [user, home]
    }),
  )
  const found = new Map(
    lines(foundText).map((line): [string, Found] => {
      const [path = '', type = '', mode = '', owner = '', size = ''] = line.split('\t')
      return [path, { type, mode: mode.padStart(4, '0'), owner, size: Number(size) }]
    }),
  )
  return new Map(
    entries.map(({ name, desired }): [string, AuthorizedKeysState | Unknown | null] => {
      const path = `${homes.get(name) ?? ''}/.ssh`
      const file = found.get(`${path}/authorized_keys`)
      if (!homes.has(name) || file === undefined) return [name, null]
      const directory = found.get(path)
      const opened = file.type === 'f' && directory?.type === 'd'
      const text = opened ? texts.get(`${path}/authorized_keys`)?.toString() : ''
      if (text === undefined) return [name, new Unknown(unread(`${path}/authorized_keys`, file))]
      const all = lines(text).filter((line) => !line.startsWith('#') && blobOf(line) !== undefined)
      return [
        name,
        {
          ...keysLookedAt(all, desired),
          file: standing(file, 'f', name),
          directory: standing(directory, 'd', name),
        },
      ]
    }),
  )
}

function unread(path: string, { size }: Found): string {
  if (size > LONGEST) return `${path} has ${size} bytes, more than the ${LONGEST} that are read`
  return `${path} is changed by somebody while it is read, or too much is read with it`
}

function keysLookedAt(
  all: readonly string[],
  desired: AuthorizedKeysState | null,
): Pick<AuthorizedKeysState, 'keys' | 'how'> {
  if (desired?.how === undefined) return { keys: all.toSorted() }
  const ours = new Set(desired.keys.map(blobOf))
  return { keys: all.filter((line) => ours.has(blobOf(line))).toSorted(), how: desired.how }
}

function standing(found: Found | undefined, type: 'f' | 'd', name: string): string {
  if (found === undefined) return 'missing'
  if (found.type === 'l') return 'a link'
  if (found.type !== type) return type === 'f' ? 'not a file' : 'not a directory'
  return `${found.mode} ${found.owner === name ? 'user' : found.owner}`
}

function writeStep(name: string, before: unknown, { keys, how }: AuthorizedKeysState): Step {
  const blobs = keys.map((line) => blobOf(line) ?? line)
  const keep = how !== undefined ? `{ keep_others; cat -- "$P"/keys; }` : `cat -- "$P"/keys`
  return {
    title: `write the authorized keys of ${name}`,
    run: `${ofUser(name)}
${sh`make_directory "$dir" rights ${[...new Set([name, 'root', ...folderOwner(before)])]}`}
${keep} > "$P"/new
put`,
    payload: { keys: keys.map((line) => `${line}\n`).join(''), blobs: blobs.map((blob) => `${blob}\n`).join('') },
  }
}

function removeStep(name: string, before: unknown): Step {
  const partly = isState(before) && before.how !== undefined
  const keys = isState(before) ? before.keys : []
  return {
    title: partly ? `take keys from the authorized keys of ${name}` : `remove the authorized keys of ${name}`,
    run: `${sh`getent passwd -- ${name} >/dev/null || exit 0`}
${ofUser(name)}
${partly ? 'keep_others > "$P"/new\nput' : 'remove_file "$dir/authorized_keys"'}`,
    payload: { blobs: keys.map((line) => `${blobOf(line) ?? line}\n`).join('') },
  }
}

function isState(state: unknown): state is AuthorizedKeysState {
  return typeof state === 'object' && state !== null && 'keys' in state
}

/** The owner of .ssh when it was read. */
function folderOwner(before: unknown): string[] {
  const [, owner] = isState(before) ? before.directory.split(' ') : []
  return owner === undefined || !/^[0-9a-z_][0-9a-z_-]*$/.test(owner) ? [] : [owner]
}

/**
 * Shell text that sets `$dir` and defines `rights FOLDER`, `keep_others` (prints lines of other keys) and `put` ($P/new
 * becomes the file).
 */
function ofUser(name: string): string {
  return `user=${quote(name)}
entry=$(getent passwd -- "$user") || fail "there is no user $user; declare it first"
home=$(printf '%s\\n' "$entry" | cut -d: -f6)
dir=$home/.ssh
[ -d "$home" ] || fail "$user has no home at $home"
[ ! -L "$dir" ] && [ ! -L "$dir/authorized_keys" ] || fail "$dir or the file in it is a link; remove it first"
group=$(printf '%s\\n' "$entry" | cut -d: -f4)
rights() { chmod -- 00700 "$1" && chown -h -- "$user:$group" "$1"; }
keep_others() {
  [ ! -f "$dir/authorized_keys" ] || [ "$(stat -c %s -- "$dir/authorized_keys")" -le ${LONGEST} ] || fail "$dir/authorized_keys is too long for its other keys to be kept; shorten it, or declare an exclusive list"
  if [ -s "$P"/blobs ] && [ -e "$dir/authorized_keys" ]; then
    read_file "$dir/authorized_keys" "$P"/old || fail "the keys of $user cannot be read"
    grep -vF -f "$P"/blobs "$P"/old || [ $? -eq 1 ]
  fi
}
put() { replace_file "$dir/authorized_keys" "$user" "$group" 0600 "$P"/new; }`
}
