/**
 * The ways in that a host adds by its own configuration: files that sshd, sudo, PAM and packet filters are configured
 * to read in addition to their defaults, and the homes. One grep(1) per host reads them. Otherwise pure.
 */
import { dirname } from 'node:path'
import { lines } from '../../kit/shell.ts'
import { HOME_FILES, KEPT_FILES, PROGRAMS } from './waysIn.ts'

/** Directives of sshd_config(5) that name a file, folder or program used by a login. */
const SSHD =
  'authorized(keys|principals)(file|command)|chrootdirectory|forcecommand|host(certificate|key|keyagent)|include|revokedkeys|securitykeyprovider|trusteduserCAkeys'

/**
 * - sshd_config(5), nft(8) and sudoers(5): directives and includes
 * - interfaces(5): source
 * - pam.d(5) and sudo.conf(5): arguments of modules that are paths
 * - passwd(5): homes
 *
 * Another account that was given one of these folders may have put files of endless size there.
 */
export const WAYS_SECTION = {
  name: 'keelson-ways',
  text: `timeout --foreground 20 grep -sHiE -D skip -m 500 -e '^[[:blank:]]*(${SSHD})[[:blank:]"=]' -e '^[@#]include' -e '^[[:blank:]]*source' \\
  -e '^[^#]*[.]so.*[=[:blank:]]/' -e '^[^:#]+:[^:]*:[0-9]+:[0-9]+:[^:]*:/' \\
  /etc/passwd /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf /etc/sudo.conf /etc/sudoers /etc/nftables.conf \\
  /etc/network/interfaces /etc/pam.d/sshd /etc/pam.d/sudo /etc/pam.d/common-* /etc/sudoers.d/* || :`,
}

export type HostWays = {
  homes: ReadonlyMap<string, string>
  /** Patterns of glob(7), with the tokens of sshd_config(5); a pattern that begins with `%h/` is relative to each home. */
  named: readonly string[]
}

export const NO_WAYS: HostWays = { homes: new Map(), named: [] }

export function parseWays({ stdout }: { stdout: string }): HostWays {
  const homes = new Map<string, string>()
  const named = new Set<string>()
  for (const line of lines(stdout)) {
    const [, file = '', text = ''] = /^([^:]*):(.*)$/.exec(line) ?? []
    const [account = '', , , , , home] = text.split(':')
    if (file === '/etc/passwd' && home !== undefined) homes.set(account, home.replace(/(?!^)\/+$/, ''))
    else for (const path of pathsIn(file, text)) named.add(path)
  }
  return { homes, named: [...named].filter((path) => !isVolatile(path)) }
}

/** Paths that hold no configuration: their content is new with each boot. */
function isVolatile(path: string): boolean {
  return /^\/(run|var\/run|proc|sys|dev|tmp)\//.test(path)
}

function pathsIn(file: string, text: string): string[] {
  const [keyword = '', ...words] = text
    .trim()
    .replaceAll(/["']/g, ' ')
    .split(/[\s=]+/)
  const isRelative = (word: string): boolean => /^[\w%.]/.test(word) && word !== 'none' && !word.startsWith('%h/')
  const below = (folder: string): string[] => words.map((word) => (isRelative(word) ? `${folder}/${word}` : word))
  const paths = (): string[] => {
    switch (keyword.toLowerCase()) {
      case 'authorizedkeysfile':
      case 'authorizedprincipalsfile':
        return below('%h')
      case '@includedir':
      case '#includedir':
      case 'source-directory':
        return below(dirname(file)).map((folder) => `${folder}/*`)
      case 'include':
      case '@include':
      case '#include':
      case 'source':
        return below(file.startsWith('/etc/ssh/') ? '/etc/ssh' : dirname(file))
      default:
        return words
    }
  }
  return paths().filter((path) => /^(\/|%h\/)./.test(path))
}

/** What the operator's login uses on this host, prepared to check many paths. */
export type Own = {
  /** Absolute patterns that the configuration names. */
  named: readonly string[]
  /** Folders with everything in them; single paths; and all folders above one of these. */
  whole: ReadonlySet<string>
  single: ReadonlySet<string>
  above: ReadonlySet<string>
  patterns: readonly RegExp[]
}

const known = new WeakMap<HostWays, Map<string, Own>>()

export function ownWays(ways: HostWays, account = 'root'): Own {
  const ofHost = known.get(ways) ?? new Map<string, Own>()
  known.set(ways, ofHost)
  const own = ofHost.get(account) ?? makeOwn(ways, account)
  ofHost.set(account, own)
  return own
}

/** An account that no file lists is assumed to have the usual home. */
function makeOwn({ homes, named }: HostWays, account: string): Own {
  const accounts = new Map([
    ['root', homes.get('root') ?? '/root'],
    ...(account === 'root' ? [] : [[account, homes.get(account) ?? `/home/${account}`] as const]),
  ])
  const own = [...accounts.values()].filter((home) => home !== '/')
  const patterns = named.flatMap((path) =>
    [...accounts].map(([name, home]) =>
      path
        .replace(/^%h/, home)
        .replaceAll('%u', name)
        .replaceAll('%%', '%')
        .replaceAll(/%[A-Za-z]/g, '*'),
    ),
  )
  const whole = [...KEPT_FILES, ...own.map((home) => `${home}/.ssh`)]
  const files = own.flatMap((home) =>
    HOME_FILES.flatMap(({ folder, names }) => names.map((name) => joined(home, folder, name))),
  )
  const single = [...files, ...PROGRAMS.paths, ...own]
  return {
    named: [...new Set(patterns)],
    whole: new Set(whole),
    single: new Set(single),
    above: new Set(foldersAbove([...whole, ...single, ...patterns.map((one) => joined(fixedPart(one), 'x'))])),
    patterns: patterns.map(patternOf),
  }
}

/** Whether changing the content or the rights of a path may lock the operator out. */
export function isWayIn(path: string, { whole, single, above, patterns }: Own): boolean {
  return (
    single.has(path) ||
    above.has(path) ||
    whole.has(path) ||
    foldersAbove([path]).some((folder) => whole.has(folder)) ||
    patterns.some((pattern) => pattern.test(path))
  )
}

export function joined(...names: string[]): string {
  return names.filter(Boolean).join('/')
}

const META = /[*?[]/

/** The path before the first glob(7) character, up to a slash. */
export function fixedPart(pattern: string): string {
  const at = pattern.search(META)
  return at === -1 ? pattern : pattern.slice(0, pattern.lastIndexOf('/', at)) || '/'
}

function patternOf(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/\[[^\]]*\]/g, '?')
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  return new RegExp(`^${source}$`)
}

/** The folders above paths, from `/` down, each before those in it. */
export function foldersAbove(paths: readonly string[]): string[] {
  const folders = new Set<string>()
  for (const path of paths)
    for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder)
  return [...folders].toSorted()
}
