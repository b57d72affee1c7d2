/** Known host keys, as OpenSSH keeps them: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseKey } from './hostKey.ts'
import type { Trust } from './hostKey.ts'

/** `web-1` on port 22, `[web-1]:2222` on another. */
export function knownHostsName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
}

/**
 * Everything some known_hosts files say of one host. Files that cannot be read say nothing.
 *
 * @param name As `knownHostsName` makes it.
 */
export async function readTrust(files: string[], name: string): Promise<Trust> {
  const trusts = await Promise.all(
    files.map(async (file) => parseKnownHosts(await readFile(file, 'utf8').catch(() => ''), name, file)),
  )
  return {
    keys: trusts.flatMap(({ keys }) => keys),
    revoked: trusts.flatMap(({ revoked }) => revoked),
    authorities: trusts.reduce((sum, { authorities }) => sum + authorities, 0),
  }
}

/** What the text of one known_hosts file says of a host. Lines that are no entries are passed over, as ssh(1) does. */
export function parseKnownHosts(text: string, name: string, file: string): Trust {
  const trust: Trust = { keys: [], revoked: [], authorities: 0 }
  for (const [index, line] of text.split('\n').entries()) {
    const entry = /^\s*(?:(@\S+)\s+)?([^\s#@]\S*)\s+(\S+)\s+(\S+)/.exec(line)
    if (!entry) continue
    const [, marker, hosts = '', type = '', base64 = ''] = entry
    if (!matchesHost(hosts, name)) continue
    const key = parseKey(type, base64, `${file}:${index + 1}`)
    if (!key) continue
    if (marker === undefined) trust.keys.push(key)
    else if (marker === '@revoked') trust.revoked.push(key)
    else if (marker === '@cert-authority') trust.authorities += 1
  }
  return trust
}

/** Whether the first field of an entry means the host: a hash, or patterns of which one fits and no negated one does. */
function matchesHost(field: string, name: string): boolean {
  if (field.startsWith('|1|')) return matchesHash(field, name)
  const patterns = field.toLowerCase().split(',')
  const fits = (pattern: string): boolean => toRegExp(pattern).test(name)
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern))
}

/** `|1|salt|hash`, HMAC-SHA1 of the name under the salt, both in base64. */
function matchesHash(field: string, name: string): boolean {
  const [, , salt = '', hash = ''] = field.split('|')
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
}

/** `*` is any text and `?` any character, as in ssh_config(5), PATTERNS; brackets stand for themselves. */
function toRegExp(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}
