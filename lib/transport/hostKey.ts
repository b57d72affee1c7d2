/** Whether the key a host shows is the one it should have, and what to say when it is not. */
import { createHash } from 'node:crypto'
import { WrongHostKey } from './connection.ts'

/** A public key: its type as in `ssh-ed25519 AAAA…`, its wire form, and where it is written down. */
export type HostKey = { type: string; blob: Buffer; from: string }

/** What is known of a host's keys before it is spoken to. */
export type Trust = { keys: HostKey[]; revoked: HostKey[]; authorities: number }

/**
 * Reads pinned keys.
 *
 * @param pinned `type base64`, with or without a comment after it; one or several.
 * @throws {TypeError} When one of them is not a public key.
 */
export function parsePinned(pinned: string | string[]): Trust {
  const keys = [pinned].flat().map((line) => {
    const key = pinnedKey(line)
    if (!key) throw new TypeError(`hostKey: expected "ssh-ed25519 AAAA…", got ${JSON.stringify(line)}`)
    return key
  })
  return { keys, revoked: [], authorities: 0 }
}

/** Whether it is a line that `parsePinned` reads. */
export function isPinned(line: string): boolean {
  return pinnedKey(line) !== undefined
}

function pinnedKey(line: string): HostKey | undefined {
  const [type = '', base64 = ''] = line.trim().split(/\s+/)
  return parseKey(type, base64, 'the inventory')
}

/** A key from its written form; undefined when the type is not the one the base64 text names. */
export function parseKey(type: string, base64: string, from: string): HostKey | undefined {
  const blob = Buffer.from(base64, 'base64')
  return keyType(blob) === type && type !== '' ? { type, blob, from } : undefined
}

/** The type a public key blob names at its start (RFC 4253, 6.6); empty when it is none. */
export function keyType(blob: Buffer): string {
  const length = blob.length > 4 ? blob.readUInt32BE(0) : 0
  return length < blob.length ? blob.toString('latin1', 4, 4 + length) : ''
}

/** `SHA256:…` as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** Host key algorithms to offer, those of known keys first: a host with several keys then shows the known one. */
export function hostKeyAlgorithms<Name extends string>(trust: Trust, supported: Name[]): Name[] {
  const known = new Set(
    trust.keys.flatMap(({ type }) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type])),
  )
  return [...supported.filter((name) => known.has(name)), ...supported.filter((name) => !known.has(name))]
}

/**
 * Judges the key a host shows.
 *
 * @param name The host as known_hosts would have it: `web-1`, `[web-1]:2222`.
 * @returns Undefined when the key is known and not revoked.
 */
export function judgeHostKey(shown: Buffer, trust: Trust, name: string): WrongHostKey | undefined {
  const type = keyType(shown)
  const says = `${name} shows ${type} ${fingerprint(shown)}`
  const revoked = trust.revoked.find(({ blob }) => blob.equals(shown))
  if (revoked) {
    return new WrongHostKey(`${says}, a key marked as revoked in ${revoked.from}`, {
      next: 'Do not connect. Give the host a new key at its console.',
    })
  }
  if (trust.keys.some(({ blob }) => blob.equals(shown))) return undefined
  const line = `${type} ${shown.toString('base64')}`
  return trust.keys.length === 0 ? unknownKey(says, line, trust, name) : changedKey(says, line, trust)
}

function unknownKey(says: string, line: string, { authorities }: Trust, name: string): WrongHostKey {
  const certificates =
    authorities === 0 ? '' : ' (known_hosts has a @cert-authority for it; host certificates are not supported)'
  return new WrongHostKey(`${says}; expected: none known${certificates}`, {
    next: `${compare(line)} When it is the same, add to the host in the inventory: hostKey: '${line}' or to ~/.ssh/known_hosts: ${name} ${line}`,
  })
}

function changedKey(says: string, line: string, { keys }: Trust): WrongHostKey {
  const expected = keys.map(({ type, blob, from }) => `${type} ${fingerprint(blob)} (${from})`).join(' or ')
  return new WrongHostKey(`${says}; expected ${expected}`, {
    next: `Someone may be listening in, or the host was reinstalled. ${compare(line)} When it is the same, replace the old key by: ${line}`,
  })
}

function compare(line: string): string {
  const file = line.startsWith('ssh-rsa') ? 'rsa' : line.startsWith('ecdsa') ? 'ecdsa' : 'ed25519'
  return `Compare with what the host's console says: ssh-keygen -lf /etc/ssh/ssh_host_${file}_key.pub.`
}
