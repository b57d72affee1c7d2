/**
 * Who can open a site's secrets: everyone in `secrets.recipients`, with the age key in KEELSON_AGE_KEY, in the file
 * that KEELSON_AGE_KEY_FILE names, or in ~/.config/keelson/age.key.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { RecipeError } from '../engine/catalog/evaluate.ts'

export type Environment = { readonly [name: string]: string | undefined }

export const RECIPIENTS = 'secrets.recipients'
const FILE = 'secrets.age'

/**
 * For a site that has no secrets yet: makes the person's key, unless there is one, and names that person in
 * secrets.recipients.
 *
 * @returns Paths of the files made.
 */
export async function ensureReader(folder: string, env: Environment): Promise<string[]> {
  const recipients = join(folder, RECIPIENTS)
  if (existsSync(recipients) || existsSync(join(folder, FILE))) return []
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const file = keyFile(env)
  const made: string[] = []
  if ((env['KEELSON_AGE_KEY'] ?? '') === '' && !existsSync(file)) {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, `${await generateX25519Identity()}\n`, { mode: 0o600, flag: 'wx' })
    made.push(file)
  }
  const own = await Promise.all((await findIdentities(env)).map((identity) => identityToRecipient(identity)))
  await writeFile(recipients, `# Public age keys of those who may read secrets.age, one a line.\n${own.join('\n')}\n`)
  return [...made, recipients]
}

/** Public keys of those who may read. @throws {RecipeError} When there are none. */
export async function readRecipients(folder: string): Promise<string[]> {
  const file = join(folder, RECIPIENTS)
  const recipients = existsSync(file) ? entries(await readFile(file, 'utf8')) : []
  if (recipients.length > 0) return recipients
  throw failure(
    `${RECIPIENTS} names nobody who may read the secrets`,
    `one public key a line: age-keygen -y KEYFILE >> ${RECIPIENTS}`,
  )
}

/** Whoever stores secrets must be able to read them again. */
export async function checkOwn(recipients: readonly string[], identities: readonly string[]): Promise<void> {
  const { identityToRecipient } = await import('age-encryption')
  const own = await Promise.all(identities.map((identity) => identityToRecipient(identity)))
  if (own.some((recipient) => recipients.includes(recipient))) return
  throw failure(`${RECIPIENTS} does not have your own public key`, `add ${own.join(' or ')}`)
}

/** @throws {RecipeError} When there is none, or what is there is not one. */
export async function findIdentities(env: Environment): Promise<string[]> {
  const { where, text } = await readKey(env)
  const identities = entries(text)
  const { identityToRecipient } = await import('age-encryption')
  try {
    if (identities.length === 0) throw new Error('empty')
    await Promise.all(identities.map((identity) => identityToRecipient(identity)))
  } catch {
    throw failure(`${where} holds no age key`, 'a key begins with AGE-SECRET-KEY-1; other kinds cannot be used here')
  }
  return identities
}

async function readKey(env: Environment): Promise<{ where: string; text: string }> {
  const key = env['KEELSON_AGE_KEY'] ?? ''
  if (key !== '') return { where: 'KEELSON_AGE_KEY', text: key }
  const file = keyFile(env)
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) {
    throw failure(
      `${FILE} needs an age key, and there is none in ${file}`,
      `put it there (age-keygen -o ${file} makes one), or give KEELSON_AGE_KEY or KEELSON_AGE_KEY_FILE`,
    )
  }
  if ((found.mode & 0o077) !== 0) throw failure(`${file} can be read by others`, `chmod 600 ${file}`)
  return { where: file, text: await readFile(file, 'utf8') }
}

/** Lines that are neither empty nor comments, as age-keygen writes them. */
function entries(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

function keyFile({ KEELSON_AGE_KEY_FILE: named, HOME: home = homedir() }: Environment): string {
  return named ?? join(home, '.config/keelson/age.key')
}

function failure(message: string, next: string): RecipeError {
  return new RecipeError([{ message, next }])
}
