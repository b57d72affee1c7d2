/** The reading of known_hosts is held against OpenSSH's own: `ssh-keygen -F`. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fingerprint, hostKeyAlgorithms, judgeHostKey, parsePinned } from '../../lib/transport/hostKey.ts'
import { knownHostsName, parseKnownHosts, readTrust } from '../../lib/transport/knownHosts.ts'
import { makeKey } from './sshd.ts'

const test = suite('known hosts')
const dir = mkdtempSync(join(tmpdir(), 'keelson-known-'))
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeKey(join(dir, name), 'ed25519').trim())
const rsa = makeKey(join(dir, 'rsa'), 'rsa').trim()

const FILE = [
  '# a comment',
  '',
  `web-1,10.0.0.1 ${one}`,
  `[web-1]:2222 ${two}`,
  `*.example.com,!bad.example.com ${three}`,
  `web-? ${rsa}`,
  `WEB-2 ${two}`,
  `  indented ${one}`,
  `@revoked web-3 ${three}`,
  `@cert-authority *.ca.example ${one}`,
  `2001:db8::1 ${two}`,
  '',
].join('\n')

const BROKEN = `broken\nshort ssh-ed25519\nwrong ssh-rsa ${one?.split(' ')[1]}\n`

const NAMES = [
  'web-1',
  'web-2',
  'web-3',
  '[web-1]:2222',
  '[web-1]:2223',
  '10.0.0.1',
  '10.0.0.10',
  'a.example.com',
  'bad.example.com',
  'example.com',
  'x.ca.example',
  'indented',
  '2001:db8::1',
  'broken',
  'nobody',
]

test.after(() => rmSync(dir, { recursive: true }))

test('every name has the keys that ssh-keygen finds for it', () => {
  assertLikeOpenSsh(FILE + BROKEN)
})

test('hashed names are found as ssh-keygen finds them', () => {
  const file = join(dir, 'hashed')
  writeFileSync(file, FILE)
  spawnSync('ssh-keygen', ['-H', '-f', file])
  const hashed = execFileSync('cat', [file], { encoding: 'utf8' })
  assert.match(hashed, '|1|')
  assertLikeOpenSsh(hashed)
})

test('files that are not there say nothing', async () => {
  assert.equal(await readTrust(['/nonexistent/known_hosts'], 'web-1'), { keys: [], revoked: [], authorities: 0 })
})

test('a port other than 22 is part of the name', () => {
  assert.equal([knownHostsName('Web-1', 22), knownHostsName('Web-1', 2222)], ['web-1', '[web-1]:2222'])
})

test('a fingerprint is the one ssh-keygen prints', () => {
  const [key] = parsePinned(rsa).keys
  const printed = execFileSync('ssh-keygen', ['-lf', join(dir, 'rsa.pub')], { encoding: 'utf8' })
  assert.is(key && fingerprint(key.blob), printed.split(' ')[1])
})

test('a certificate authority is named when it is all there is', () => {
  const trust = parseKnownHosts(FILE, 'x.ca.example', 'known_hosts')
  const [shown] = parsePinned(one ?? '').keys
  const error = shown && judgeHostKey(shown.blob, trust, 'x.ca.example')
  assert.match(error?.message ?? '', '@cert-authority')
})

test('algorithms of known keys are offered first, RSA without SHA-1', () => {
  const offered = hostKeyAlgorithms(parsePinned(rsa), ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'])
  assert.equal(offered, ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519'])
})

test('a pinned key that is none is an error', () => {
  assert.throws(() => parsePinned('ssh-ed25519 nonsense'), /hostKey: expected "ssh-ed25519/)
  assert.throws(() => parsePinned(`ssh-rsa ${one?.split(' ')[1]}`), /hostKey: expected/)
})

function assertLikeOpenSsh(text: string): void {
  const file = join(dir, 'known_hosts')
  writeFileSync(file, text)
  for (const name of NAMES) {
    const { keys, revoked, authorities } = parseKnownHosts(text, name, file)
    const ours = [...keys, ...revoked].map(({ from }) => Number(from.split(':').at(-1)))
    assert.equal(
      [ours.length + authorities, ...ours.filter((line) => !openSshFinds(file, name).includes(line))],
      [openSshFinds(file, name).length],
      name,
    )
  }
}

/** Line numbers of the entries that OpenSSH finds for a name. */
function openSshFinds(file: string, name: string): number[] {
  const { stdout } = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' })
  return [...stdout.matchAll(/found: line (\d+)/g)].map(([, line]) => Number(line))
}

test.run()
