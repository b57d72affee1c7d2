/**
 * Files and secrets of the operator that no host may see: 200 of them, all with one word in them by which they are known
 * in whatever form they leave.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Planted } from './strings.ts'

const COUNT = 100
const NAMES = [
  'id_ed25519',
  'id_rsa',
  'config',
  'known_hosts',
  'secrets.age',
  'age.key',
  '.env',
  'netrc',
  'credentials',
  'token',
] as const

export type Bait = Planted & {
  folder: string
  /** Environment of the client. */
  environment: { [name: string]: string }
  /** What of it stands in these bytes; undefined for nothing. */
  found: (where: string, bytes: Buffer) => string | undefined
  /** A file that was read since it was planted. */
  read: () => string | undefined
}

export function plant(): Bait {
  // Its bytes are in no path, so that a path by itself is no leak.
  const word = randomBytes(12).toString('hex')
  const folder = mkdtempSync(join(tmpdir(), 'keelson-bait-'))
  const content = (index: number): string => `-----BEGIN KEY ${index}-----\n${word}${index}\n${word}\n`
  const files = Array.from({ length: COUNT }, (_, index) => {
    const home = join(folder, `home-${Math.floor(index / NAMES.length)}`)
    mkdirSync(home, { recursive: true })
    const file = join(home, NAMES[index % NAMES.length]!)
    writeFileSync(file, content(index), { mode: 0o600 })
    return file
  })
  const secrets = Array.from({ length: COUNT }, (_, index) => `other-${index}`)
  return {
    folder,
    files,
    secrets,
    environment: {
      HOME: folder,
      ...Object.fromEntries(secrets.map((name, index) => [variableOf(name), `${word}-secret-${index}`])),
    },
    found: finder(
      word,
      files.map((_, index) => createHash('sha256').update(content(index)).digest('hex')),
    ),
    read: readFinder(files),
  }
}

export function variableOf(name: string): string {
  return `KEELSON_SECRET_${name.toUpperCase().replaceAll('-', '_')}`
}

function finder(word: string, digests: readonly string[]): Bait['found'] {
  const hex = Buffer.from(word).toString('hex')
  // What depends on the neighbours of the encoded word is left out.
  const base64 = [0, 1, 2].map((before) =>
    Buffer.from('x'.repeat(before) + word)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  )
  const forms = [word, word.split('').reverse().join(''), hex, hex.toUpperCase(), ...base64].map((form) =>
    Buffer.from(form),
  )
  const known = new Set(digests)
  return (where, bytes) => {
    const form = forms.find((each) => bytes.includes(each))
    if (form !== undefined) return `${where} holds ${form.toString()}: ${around(bytes, form)}`
    const digest = bytes
      .toString('latin1')
      .match(/[0-9a-f]{64}/g)
      ?.find((each) => known.has(each))
    return digest === undefined ? undefined : `${where} holds the digest of a file of the operator`
  }
}

function around(bytes: Buffer, form: Buffer): string {
  const at = bytes.indexOf(form)
  return JSON.stringify(bytes.subarray(Math.max(0, at - 200), at + 200).toString())
}

/** Most file systems note the first time that a file is read after it was written (relatime). */
function readFinder(files: readonly string[]): Bait['read'] {
  const [before, after] = [new Date('2020-01-01'), new Date('2020-01-02')]
  for (const file of files) utimesSync(file, before, after)
  return () => files.find((file) => statSync(file).atimeMs !== before.getTime())
}
