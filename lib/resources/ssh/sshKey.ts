/**
 * A key pair of SSH, made on the host by ssh-keygen(1), without a passphrase: the private half never leaves the host. Read
 * with find(1) and, of the public half, tar(1). A pair that is there is never replaced.
 */
import { fullMode, nameMistakes, parsePaths, pathNeeds, readPaths } from '../../kit/files/paths.ts'
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import { refOf } from '../../kit/ref.ts'
import type { Compared, Desired, ResourceType } from '../../kit/resourceType.ts'
import { accountName, ensure, entryPath, oneLine } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'

/**
 * @example
 * sshKey({
 *   path: '/root/.ssh/id_backup',
 *   type: 'ed25519',
 *   owner: 'root',
 *   group: 'root',
 *   comment: 'backup@web-1',
 * })
 */
export type SshKey = {
  /** Of the private half; the public half is beside it, with `.pub` after its name. */
  path: string
  /** Kind of the key. @default 'ed25519' */
  type?: 'ed25519' | 'ecdsa' | 'rsa'
  /** Account that owns both halves. @default on creation, 'root' */
  owner?: string
  /** Group of both halves. @default on creation, the owner's name */
  group?: string
  /** Of a new pair, at the end of the public half. @default none */
  comment?: string
  /**
   * The public half, `'ssh-ed25519 AAAA…'`, once the pair is made: others take it from here, as
   * `authorizedKeys({ user: 'deploy', keys: [key.props.publicKey] })`, and a host with another pair is an error.
   *
   * @default any
   */
  publicKey?: string
  /** 'absent' removes both halves. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type SshKeyState = {
  /** Empty when there is no public half, or one that is none. */
  type: string
  owner?: string
  group?: string
  mode: string
  publicKey?: string
  how?: SshKeyHow
}
type SshKeyHow = { comment: string }

const KINDS = { ed25519: 'ssh-ed25519', ecdsa: 'ecdsa-sha2-nistp256', rsa: 'ssh-rsa' } as const
const KEY = /^(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) ([A-Za-z0-9+/]{20,4000}={0,2})(\s|$)/

export const sshKey: ResourceType<SshKey, SshKeyState, 'path'> = {
  type: 'ssh-key',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: { ...entryPath, description: 'an absolute path, such as "/home/deploy/.ssh/id_ed25519"' },
      type: { enum: ['ed25519', 'ecdsa', 'rsa'] },
      owner: accountName,
      group: accountName,
      comment: { ...oneLine, maxLength: 200 },
      publicKey: {
        type: 'string',
        maxLength: 5000,
        pattern:
          '^(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) [A-Za-z0-9+/]{20,4000}={0,2}( [^\\u0000-\\u001f\\u007f-\\u009f]*)?$',
        description: 'a public key, such as "ssh-ed25519 AAAA…"',
      },
      ensure,
    },
  },
  key: ['path'],
  name: ({ path }) => path,
  check: ({ path, type = 'ed25519', publicKey }) => [
    ...nameMistakes(`${path}.pub`),
    ...(publicKey !== undefined && !publicKey.startsWith(`${KINDS[type]} `)
      ? [`publicKey is of another type than ${type}`]
      : []),
  ],
  desired: ({ type = 'ed25519', owner, group, comment = '', publicKey }) => ({
    type,
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    mode: '0600',
    ...(publicKey === undefined ? {} : { publicKey: bare(publicKey) }),
    how: { comment },
  }),
  needs: (path, { owner, group }) => [...pathNeeds(path, { owner, group }), refOf('package', 'openssh-client')],
  claims: (path) => [`path:${path}`, `path:${path}.pub`],
  state: form.fields<Compared<SshKeyState>>({
    type: form.line(),
    owner: form.optional(form.line()),
    group: form.optional(form.line()),
    mode: form.line(),
    publicKey: form.optional(form.line(5000)),
  }),
  how: form.optional(form.fields<SshKeyHow>({ comment: form.line() })),
  read: { command: readText, parse: ({ stdout }, entries) => parseReading(stdout, entries) },
  drift: { gone: 'removed' },
  steps: ({ name, before, after }) => {
    const was = before === null || !('mode' in before) ? undefined : before
    const owner = after.owner ?? was?.owner ?? 'root'
    const group = after.group ?? was?.group ?? owner
    return [{ title: `set up the key pair ${name}`, run: setUp(name, after, owner, group) }]
  },
  remove: ({ name }) => [
    {
      title: `remove the key pair ${name}`,
      run: sh`remove_file ${`${name}.pub`}
remove_file ${name}`,
    },
  ],
  undo: ({ before, after }) => {
    if (before !== null && after === null) return { cannot: 'its private half is gone' }
    if (before === null) return { cannot: 'its private half is nowhere else; declare it absent to remove it' }
    return { state: { ...before, mode: '0600', ...(after === null ? {} : { type: after.type }) } }
  },
  holdsData: 'its private half is nowhere else',
}

function bare(key: string): string {
  return key.split(' ').slice(0, 2).join(' ')
}

/** The listing of paths ends with an empty field: no path is empty. */
function readText(entries: readonly Desired<SshKeyState>[]): string {
  const paths = entries.map(({ name }) => name)
  return `${readPaths(paths)}\nprintf '\\0'\n${readSmallFiles(paths.map((path) => `${path}.pub`))}`
}

function parseReading(stdout: string, entries: readonly Desired<SshKeyState>[]): Map<string, SshKeyState | null> {
  const fields = stdout.split('\0')
  let end = 0
  while (fields[end] !== '') end += 7
  const there = parsePaths(fields.slice(0, end))
  const publics = parseSmallFiles({ stdout: fields.slice(end + 1).join('\0') }, true)
  return new Map(
    entries.map(({ name }): [string, SshKeyState | null] => {
      const found = there.get(name)
      if (found === undefined) return [name, null]
      const half = publics.get(`${name}.pub`)
      const [, kind, key] = KEY.exec(half?.kind === 'file' ? half.bytes.toString('latin1') : '') ?? []
      const type = Object.entries(KINDS).find(([, one]) => one === kind)?.[0] ?? ''
      const { owner, group, mode } = found
      return [name, { type, owner, group, mode: fullMode(mode), publicKey: kind === undefined ? '' : `${kind} ${key}` }]
    }),
  )
}

/** The same whatever is there already, so that a run that was cut off between the halves goes on with the first. */
function setUp(path: string, { type, publicKey, how }: SshKeyState, owner: string, group: string): string {
  const kind = Object.entries(KINDS).find(([name]) => name === type)?.[1] ?? ''
  const bits = type === 'rsa' ? ['-b', '4096'] : []
  return `command -v ssh-keygen > /dev/null || fail 'there is no ssh-keygen on this host; declare the package openssh-client first'
rm -f -- "$P"/pair "$P"/pair.pub
${sh`if read_file ${path} "$P"/pair; then chmod 0600 "$P"/pair; elif [ $? != "$NOTHING" ]; then exit 1; else`}
  ${sh`ssh-keygen -q -t ${type} ${bits} -N '' -C ${how?.comment ?? ''} -f "$P"/pair`}
fi
${sh`ssh-keygen -y -P '' -f "$P"/pair > "$P"/pair.pub || fail ${`what stands at ${path} is no private key without a passphrase; move it away, or declare another path`}`}
read -r kind key _ < "$P"/pair.pub
${sh`[ "$kind" = ${kind} ] || fail "${path} has a key pair of the type $kind; declare that type, or declare it absent first"`}
${publicKey === undefined ? '' : sh`[ "$kind $key" = ${publicKey} ] || fail ${`${path} has another key pair than the declared one`}": $kind $key"`}
${sh`replace_file ${path} ${owner} ${group} 0600 "$P"/pair
replace_file ${`${path}.pub`} ${owner} ${group} 0644 "$P"/pair.pub`}`
}
