/**
 * Where the values of secrets come from: the environment (`KEELSON_SECRET_NAME`), then `secrets.age` in the site's
 * folder, a JSON object encrypted for everyone in `secrets.recipients` as age(1) does it.
 *
 * Nothing is read and no library loaded before a value is asked for. No error holds a value.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Source } from '../engine/catalog/catalog.ts'
import { RecipeError } from '../engine/catalog/evaluate.ts'
import { isSecretName } from '../kit/secret.ts'
import {
  checkOwn,
  ensureReader,
  type Environment,
  findIdentities,
  readRecipients,
  RECIPIENTS,
} from './secretReaders.ts'

export type SecretStore = {
  /**
   * Values by name.
   * @param usedAt Recipe line that needs a secret, for errors.
   * @throws {RecipeError} For all that have none, and what to do.
   */
  load(names: readonly string[], usedAt?: (name: string) => Source | undefined): Promise<Map<string, string>>
  /** Values of those that have one. `unopened`: why the stored ones are not among them. */
  find(names: readonly string[]): Promise<{ values: Map<string, string>; unopened?: string }>
  /** Names in the encrypted file, sorted. */
  list(): Promise<string[]>
  /**
   * Adds or replaces a value in the encrypted file. With the first one, what it takes to read it again is made.
   * @returns Paths of a key and of a list of readers that were made.
   */
  set(name: string, value: string): Promise<string[]>
  /**
   * Lets a person change the clear text: `{ "name": "value" }`.
   * @param editor Is given a file that nobody else can read, and ends when the person is done. The file goes then.
   */
  edit(editor: (file: string) => Promise<void>): Promise<void>
}

type Values = ReadonlyMap<string, string>

const FILE = 'secrets.age'

export function secretStore(folder: string, env: Environment = process.env): SecretStore {
  const read = (): Promise<Values> => readValues(folder, env)
  const store = async (values: Values): Promise<void> => writeValues(folder, env, values)
  return {
    async load(names, usedAt = () => undefined) {
      const given = fromEnvironment(names, env)
      const absent = names.filter((name) => !given.has(name))
      const stored = absent.length === 0 ? new Map<string, string>() : await read()
      const missing = absent.filter((name) => !stored.has(name))
      if (missing.length > 0) throw missingSecrets(missing, usedAt)
      return new Map(names.map((name) => [name, given.get(name) ?? stored.get(name)!]))
    },
    async find(names) {
      const given = fromEnvironment(names, env)
      if (names.every((name) => given.has(name))) return { values: given }
      try {
        const stored = [...(await read())].filter(([name]) => names.includes(name))
        return { values: new Map([...stored, ...given]) }
      } catch (error) {
        if (!(error instanceof RecipeError)) throw error
        return { values: given, unopened: error.message }
      }
    },
    async list() {
      return [...(await read()).keys()].sort()
    },
    async set(name, value) {
      const problem = problemOf(name, value)
      if (problem !== undefined) throw failure(problem)
      const made = await ensureReader(folder, env)
      const values = await read()
      if (values.get(name) !== value) await store(new Map([...values, [name, value]]))
      return made
    },
    async edit(editor) {
      const before = clearText(await read())
      const after = await edited(before, editor)
      if (after !== before) await store(parseValues(after, 'what was edited'))
    },
  }
}

/** `db.password` → `KEELSON_SECRET_DB_PASSWORD` */
function variableOf(name: string): string {
  return `KEELSON_SECRET_${name.toUpperCase().replaceAll(/[.-]/g, '_')}`
}

/** An empty variable is one that is not set: that is how CI systems pass what they do not have. */
function fromEnvironment(names: readonly string[], env: Environment): Map<string, string> {
  const owners = new Map<string, string>()
  const values = new Map<string, string>()
  for (const name of names) {
    const variable = variableOf(name)
    const value = env[variable]
    if (value === undefined || value === '') continue
    const owner = owners.get(variable)
    if (owner !== undefined) throw failure(`${variable} would be both secret ${owner} and secret ${name}`)
    owners.set(variable, name)
    values.set(name, value)
  }
  return values
}

function missingSecrets(names: readonly string[], usedAt: (name: string) => Source | undefined): RecipeError {
  return new RecipeError(
    names.map((name) => {
      const source = usedAt(name)
      return {
        message: `secret ${name} has no value`,
        ...(source === undefined ? {} : { source }),
        next: `secrets set ${name}, or ${variableOf(name)} in the environment`,
      }
    }),
  )
}

async function readValues(folder: string, env: Environment): Promise<Values> {
  const file = join(folder, FILE)
  if (!existsSync(file)) return new Map()
  const { armor, Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  for (const identity of await findIdentities(env)) decrypter.addIdentity(identity)
  let clear: string
  try {
    clear = await decrypter.decrypt(armor.decode(await readFile(file, 'utf8')), 'text')
  } catch (error) {
    throw failure(
      `${FILE} cannot be opened: ${messageOf(error)}`,
      `it opens with the key of anyone in ${RECIPIENTS}; ask one of them to add yours and store it again`,
    )
  }
  return parseValues(clear, FILE)
}

async function writeValues(folder: string, env: Environment, values: Values): Promise<void> {
  const { armor, Encrypter } = await import('age-encryption')
  const recipients = await readRecipients(folder)
  await checkOwn(recipients, await findIdentities(env))
  const encrypter = new Encrypter()
  for (const recipient of recipients) addRecipient(encrypter, recipient)
  const file = join(folder, FILE)
  const fresh = `${file}.${process.pid}.new`
  await writeFile(fresh, `${armor.encode(await encrypter.encrypt(clearText(values))).trimEnd()}\n`)
  await rename(fresh, file)
}

function addRecipient(encrypter: { addRecipient(recipient: string): void }, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch {
    throw failure(`${RECIPIENTS}: ${JSON.stringify(recipient)} is not an age public key`, 'they begin with age1')
  }
}

function clearText(values: Values): string {
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1))
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`
}

/** What JSON.parse says of a mistake quotes the text around it, and is kept back. */
function parseValues(text: string, what: string): Values {
  const shape = `${what} must be { "name": "value", … }`
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw failure(`${what} is not JSON, and nothing was stored`, shape)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw failure(shape)
  const values = Object.entries(parsed)
  const problem = values.map(([name, value]) => problemOf(name, value)).find((each) => each !== undefined)
  if (problem !== undefined) throw failure(`${what}: ${problem}`)
  return new Map(values)
}

function problemOf(name: string, value: unknown): string | undefined {
  if (!isSecretName(name)) return `${JSON.stringify(name)} is not a name: lower-case letters, digits, dots and dashes`
  if (typeof value !== 'string' || value === '') return `${name} must be text, and not empty`
  return value.includes('\0') || /\p{Surrogate}/u.test(value) ? `${name} holds what is not text` : undefined
}

async function edited(before: string, editor: (file: string) => Promise<void>): Promise<string> {
  // Memory where there is some, so that the clear text never reaches a disk.
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'keelson-'))
  try {
    const file = join(folder, 'secrets.json')
    await writeFile(file, before, { mode: 0o600 })
    await editor(file)
    return await readFile(file, 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function failure(message: string, next?: string): RecipeError {
  return new RecipeError([{ message, ...(next === undefined ? {} : { next }) }])
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
