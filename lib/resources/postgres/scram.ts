/**
 * SCRAM-SHA-256 verifiers as PostgreSQL stores them (RFC 5802, RFC 7677; scram-common.c):
 * `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`, the three in base64.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type Saslprep from '@mongodb-js/saslprep'
import * as form from '../../kit/form.ts'

const load = createRequire(import.meta.url)

/** PostgreSQL's own count (SCRAM_SHA_256_DEFAULT_ITERATIONS), so that its next password change alters nothing else. */
const ITERATIONS = 4096
/** More iterations would keep this machine busy for as long as a host likes. */
const MOST_ITERATIONS = 1_000_000

/** What this client may know of a stored verifier: enough to check a password against it, not to log in with. */
export type StoredPassword = {
  iterations: number
  /** Base64. */
  salt: string
  /** SHA-256 of the whole verifier, hex. */
  digest: string
}

const ROUNDS = form.whole(1, MOST_ITERATIONS)

export const STORED_FORM = form.fields<StoredPassword>({
  iterations: ROUNDS,
  salt: form.line(),
  digest: form.sha256Hex,
})

/** @param password A clear password, or a complete verifier. */
export function isPasswordOf(stored: StoredPassword, password: string): boolean {
  const { iterations, salt, digest } = stored
  if (isVerifier(password)) return sha256(password).toString('hex') === digest
  if (!form.fits(ROUNDS, iterations)) return false
  return sha256(verifier(password, salt, iterations)).toString('hex') === digest
}

/** `pg_dumpall` prints verifiers, and PostgreSQL stores one unchanged (get_password_type in crypt.c). */
function isVerifier(password: string): boolean {
  const [, iterations, salt = '', ...keys] =
    /^SCRAM-SHA-256\$([0-9]+):([^:$]+)\$([^:$]+):([^:$]+)$/.exec(password) ?? []
  const isBase64 = (text: string): boolean => Buffer.from(text, 'base64').toString('base64') === text
  const isKey = (text: string): boolean => isBase64(text) && Buffer.from(text, 'base64').length === 32
  return iterations !== undefined && isBase64(salt) && keys.every(isKey)
}

/** What is wrong with a text that looks like a stored password and is none that can be used; without the text. */
export function passwordMistake(password: string): string | undefined {
  if (password.startsWith('SCRAM-SHA-256$') && !isVerifier(password))
    return 'begins as a SCRAM-SHA-256 verifier and is not a whole one; copy all of it, or give the clear password'
  // Stored unchanged, and no login with scram-sha-256 would succeed with it.
  if (/^md5[0-9a-f]{32}$/.test(password))
    return 'is an MD5 hash, which PostgreSQL has given up; give the clear password or a SCRAM-SHA-256 verifier'
  return undefined
}

/** A verifier with a salt of its own; one that is given is used as it is. */
export function newVerifier(password: string): string {
  if (isVerifier(password)) return password
  return verifier(password, randomBytes(16).toString('base64'), ITERATIONS)
}

/** @param salt Base64. */
export function verifier(password: string, salt: string, iterations: number): string {
  const salted = pbkdf2Sync(prepared(password), Buffer.from(salt, 'base64'), iterations, 32, 'sha256')
  const storedKey = sha256(hmac(salted, 'Client Key')).toString('base64')
  const serverKey = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${iterations}:${salt}$${storedKey}:${serverKey}`
}

/** PostgreSQL uses a password that SASLprep forbids unchanged (pg_saslprep in saslprep.c, and its callers). */
function prepared(password: string): string {
  // SASLprep leaves these unchanged (RFC 4013), and its tables take 30 ms to load.
  if (/^[\x20-\x7e]*$/.test(password)) return password
  try {
    const saslprep: typeof Saslprep = load('@mongodb-js/saslprep')
    return saslprep(password) || password
  } catch {
    return password
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest()
}
