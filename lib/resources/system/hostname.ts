/**
 * The host's own name: in the kernel, in /etc/hostname (hostname(5)) and in its line of /etc/hosts (hosts(5)). One per
 * host. Read from these; set with hostname(1), which needs neither D-Bus nor a daemon.
 */
import { isIP } from 'node:net'
import { changeText } from '../../kit/files/changeText.ts'
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import { refOf } from '../../kit/ref.ts'
import type { Compared, ResourceType } from '../../kit/resourceType.ts'
import { lines, sh } from '../../kit/shell.ts'

/**
 * @example
 * hostname({
 *   name: 'web-1',
 *   domain: 'example.com',
 *   aliases: ['shop.example.com'],
 *   address: '127.0.1.1',
 * })
 */
export type Hostname = {
  /** Without a domain: `'web-1'`. */
  name: string
  /** `'example.com'`: `hostname --fqdn` answers `web-1.example.com`. @default none, or as it is in /etc/hosts */
  domain?: string
  /** More names of the host in /etc/hosts. @default none, or as it is */
  aliases?: readonly string[]
  /**
   * Address of the line in /etc/hosts that has the name. Its other lines stay as they are.
   *
   * @default '127.0.1.1', as Debian's installer writes it
   */
  address?: string
}

export type HostnameState = {
  /** What the kernel has. */
  running: string
  /** What /etc/hostname has; empty without it. */
  atBoot: string
  /** Names in the line of /etc/hosts, the canonical one first; empty without that line. */
  hosts?: string[] | undefined
  how: HostnameHow
}
type HostnameHow = { address: string; assumed?: true | undefined }

const FILE = '/etc/hostname'
const HOSTS = '/etc/hosts'
const USUAL = '127.0.1.1'

const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
const fullName = {
  type: 'string',
  maxLength: 253,
  pattern: `^${label}(\\.${label})*$`,
  description: 'names of small letters, digits and "-" with dots between, such as "example.com"',
} as const

export const hostname: ResourceType<Hostname, HostnameState, never> = {
  type: 'hostname',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: `^${label}$`,
        description:
          'up to 63 small letters, digits and "-", such as "web-1"; what comes after a dot is the domain: "example.com"',
      },
      domain: fullName,
      aliases: { type: 'array', items: fullName, uniqueItems: true, maxItems: 30 },
      address: { type: 'string', maxLength: 45 },
    },
  },
  key: [],
  name: () => 'name',
  check: ({ name, domain, address = USUAL }) => [
    ...(isIP(address) === 0 ? [`address: must be an IP address, such as "203.0.113.5", not "${address}"`] : []),
    // gethostname(2) gives 64 characters at most, certificates and resolvers take 253 of the whole.
    ...(domain !== undefined && name.length + domain.length > 252
      ? ['name and domain have more than 253 characters together']
      : []),
  ],
  desired: ({ name, domain, aliases, address = USUAL }) => ({
    running: name,
    atBoot: name,
    hosts: [...(domain === undefined ? [] : [`${name}.${domain}`]), name, ...(aliases ?? [])],
    how: {
      address: address.toLowerCase(),
      ...(domain === undefined && aliases === undefined ? { assumed: true as const } : {}),
    },
  }),
  // A line that has the name already keeps a domain and aliases that the recipe does not mention.
  adopted: (desired, { hosts = [] }) =>
    desired.how.assumed === true && hosts.includes(desired.running) ? { ...desired, hosts: undefined } : desired,
  needs: () => [refOf('file', HOSTS)],
  claims: () => [`path:${FILE}`],
  paths: () => [FILE, HOSTS],
  sharedPaths: [HOSTS],
  state: form.fields<Compared<HostnameState>>({
    running: form.line(),
    atBoot: form.line(),
    hosts: form.optional(form.list(form.line())),
  }),
  how: form.fields<HostnameHow>({
    address: form.matching(/^[0-9a-f.:]+$/, 'address'),
    assumed: form.optional(form.oneOf(true)),
  }),
  read: {
    command: () => `uname -n\nprintf '\\0'\n${readSmallFiles([FILE, HOSTS])}`,
    parse({ stdout }, entries) {
      const end = stdout.indexOf('\0')
      const files = parseSmallFiles({ stdout: stdout.slice(end + 1) })
      const textOf = (path: string): string => {
        const file = files.get(path)
        return file?.kind === 'file' ? file.bytes.toString('utf8') : ''
      }
      const how = { address: entries[0]?.desired?.how.address ?? USUAL }
      const state = {
        running: stdout.slice(0, end).trim(),
        atBoot: firstName(textOf(FILE)),
        hosts: namesOf(how.address, textOf(HOSTS)),
        how,
      }
      return new Map(entries.map(({ name }) => [name, state]))
    },
  },
  touches: ({ after }) =>
    after === null ? [] : [{ path: FILE, becomes: { text: `${after.atBoot}\n` } }, { path: HOSTS }],
  besides: ({ kind, fields }) =>
    kind === 'change' && fields.some(({ field }) => field === 'running')
      ? ['programs that run, and their logs, keep the previous name until they start again']
      : [],
  steps: ({ after }) => [
    {
      title: `name the host ${after.running}`,
      // The name resolves before anything has it.
      run: [
        ...(after.hosts === undefined ? [] : [setLine(after.how.address, after.hosts)]),
        after.atBoot === '' ? sh`remove_file ${FILE}` : sh`replace_file ${FILE} root root 0644 ${payload('name')}`,
        sh`[ "$(uname -n)" = ${after.running} ] || hostname ${after.running} || fail ${`this host does not let its name be set; is it a container whose name is set from outside?`}`,
      ].join('\n'),
      payload: { name: `${after.atBoot}\n`, hosts: NEW_HOSTS },
    },
  ],
  remove: () => [],
  undo: ({ before }) => (before === null ? { cannot: 'a host always has a name' } : { state: before }),
  holdsData: 'a host always has a name; declare another one, or forget this one',
}

/** The first line that is no comment (hostname(5)). */
function firstName(text: string): string {
  return (
    lines(text)
      .map((line) => line.trim())
      .find((line) => line !== '' && !line.startsWith('#')) ?? ''
  )
}

/** The names in the first line of an address. */
function namesOf(address: string, text: string): string[] {
  const entries = lines(text).map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
  return entries.find(([first]) => first?.toLowerCase() === address)?.slice(1) ?? []
}

const NEW_HOSTS = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n'

/**
 * Replaces the first line of the address, and keeps its comment. A new line comes after that of localhost, or else
 * first.
 */
const LINE = `
{ text[NR] = $0 }
tolower($1) == address && !at { at = NR }
$1 == "127.0.0.1" && !near { near = NR }
END {
  if (!at && line != "") { if (!near) print line }
  for (i = 1; i <= NR; i++) {
    if (i != at) print text[i]
    else if (line != "") { from = index(text[i], "#"); print line (from ? " " substr(text[i], from) : "") }
    if (!at && line != "" && i == near) print line
  }
}`

function setLine(address: string, names: readonly string[]): string {
  const line = names.length === 0 ? '' : `${address}\t${names.join(' ')}`
  const filter = sh`awk -v address=${address} -v line=${line} ${LINE}`
  return `${sh`[ -e ${HOSTS} ] || [ -L ${HOSTS} ] || replace_file ${HOSTS} root root 0644 ${payload('hosts')}`}
${changeText(HOSTS, filter)}`
}
