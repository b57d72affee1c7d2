/**
 * What somebody who has a text can find out of a weak secret offline: tries words, as they may stand in a file or in
 * JSON, against every digest in the text, keyed with whatever the text offers as a key.
 */
import { createHash, createHmac } from 'node:crypto'

const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']
/** Digests are often shortened. */
const PREFIX = 12

/** @returns Words that stand in the text, or that a digest in it betrays. */
export function guessed(text: string, words: readonly string[], around: (word: string) => readonly string[]): string[] {
  const keys = keysIn(text)
  return words.filter(
    (word) => text.includes(word) || textsWith(word, around).some((each) => isBetrayed(text, each, keys)),
  )
}

function textsWith(word: string, around: (word: string) => readonly string[]): string[] {
  const whole = [word, ...around(word)]
  return [...whole, ...whole.map((each) => `${each}\n`), ...whole.map((each) => JSON.stringify(each))]
}

function keysIn(text: string): Buffer[] {
  const found = new Set(text.match(/[0-9a-f]{32,}|[A-Za-z0-9+/]{32,}=*/g) ?? [])
  return [...found].flatMap((key) => [Buffer.from(key), Buffer.from(key, 'hex'), Buffer.from(key, 'base64')])
}

function isBetrayed(text: string, candidate: string, keys: readonly Buffer[]): boolean {
  const plain = ALGORITHMS.flatMap((algorithm) => {
    const once = createHash(algorithm).update(candidate).digest()
    return [
      once,
      createHash(algorithm).update(once).digest(),
      createHash(algorithm).update(once.toString('hex')).digest(),
    ]
  })
  const keyed = keys.map((key) => createHmac('sha256', key).update(candidate).digest())
  return [...plain, ...keyed].some((digest) =>
    (['hex', 'base64', 'base64url'] as const).some((form) => text.includes(digest.toString(form).slice(0, PREFIX))),
  )
}
