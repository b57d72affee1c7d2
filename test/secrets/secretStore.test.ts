import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type SecretStore, secretStore } from '../../lib/secrets/secretStore.ts'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { rejects } from '../support/rejects.ts'

const test = suite('secret store')

const SENTINEL = 'correct-horse-battery'
const key = await generateX25519Identity()
const recipient = await identityToRecipient(key)

type Place = { folder: string; open: (env?: { [name: string]: string }) => SecretStore }

/** A site's folder whose secrets are for one person, and that person's store. */
async function inFolder(work: (place: Place) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-test-'))
  try {
    await writeFile(join(folder, 'secrets.recipients'), `# ops\n${recipient}\n`)
    await work({ folder, open: (env = { KEELSON_AGE_KEY: key }) => secretStore(folder, { HOME: folder, ...env }) })
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  const { message } = await rejects(work, RecipeError)
  assert.not.match(message, SENTINEL)
  return message
}

test('what is set is loaded again, and stands encrypted in the file', () =>
  inFolder(async ({ folder, open }) => {
    await open().set('db.password', SENTINEL)
    await open().set('api-key', 'k')
    assert.equal([...(await open().load(['db.password']))], [['db.password', SENTINEL]])
    assert.equal(await open().list(), ['api-key', 'db.password'])
    const file = await readFile(join(folder, 'secrets.age'), 'utf8')
    assert.match(file, /^-----BEGIN AGE ENCRYPTED FILE-----\n/)
    assert.not.match(file, SENTINEL)
    assert.equal((await readdir(folder)).sort(), ['secrets.age', 'secrets.recipients'])
  }))

test('the first secret of a site makes a key that only its owner reads, and a list of readers', () =>
  inFolder(async ({ folder, open }) => {
    await rm(join(folder, 'secrets.recipients'))
    const file = join(folder, '.config/keelson/age.key')
    assert.equal(await open({}).set('a', SENTINEL), [file, join(folder, 'secrets.recipients')])
    assert.is((await stat(file)).mode & 0o777, 0o600)
    assert.equal([...(await open({}).load(['a'])).values()], [SENTINEL])
    assert.equal(await open({}).set('b', 'x'), [])
  }))

test('the first secret is for the key that its owner has already', () =>
  inFolder(async ({ folder, open }) => {
    await rm(join(folder, 'secrets.recipients'))
    assert.equal(await open().set('a', 'x'), [join(folder, 'secrets.recipients')])
    assert.match(await readFile(join(folder, 'secrets.recipients'), 'utf8'), recipient)
  }))

test('a list of readers that is gone is not made anew for secrets that are there', () =>
  inFolder(async ({ folder, open }) => {
    await open().set('a', 'x')
    await rm(join(folder, 'secrets.recipients'))
    assert.match(await failureOf(open().set('b', 'x')), 'names nobody')
  }))

test('setting the value that is there leaves the file as it is', () =>
  inFolder(async ({ folder, open }) => {
    await open().set('a', 'x')
    const before = await readFile(join(folder, 'secrets.age'), 'utf8')
    await open().set('a', 'x')
    assert.is(await readFile(join(folder, 'secrets.age'), 'utf8'), before)
  }))

test('the environment comes first, and then neither file nor key is needed', () =>
  inFolder(async ({ open }) => {
    const values = await open({ KEELSON_SECRET_DB_PASSWORD: 'x' }).load(['db.password'])
    assert.equal([...values], [['db.password', 'x']])
  }))

test('the environment wins over the file, which gives the rest', () =>
  inFolder(async ({ open }) => {
    await open().set('a', 'stored')
    await open().set('b', 'stored')
    const values = await open({ KEELSON_AGE_KEY: key, KEELSON_SECRET_A: 'given' }).load(['a', 'b'])
    assert.equal([...values.values()], ['given', 'stored'])
  }))

test('one variable cannot be two secrets', () =>
  inFolder(async ({ open }) => {
    const store = open({ KEELSON_SECRET_A_B: 'x' })
    assert.match(await failureOf(store.load(['a.b', 'a-b'])), 'would be both secret a.b and secret a-b')
  }))

test('all that are missing are named, with the recipe line and both ways to give them', () =>
  inFolder(async ({ open }) => {
    const usedAt = (name: string) => (name === 'one' ? { file: 'site.ts', line: 7, column: 1 } : undefined)
    const message = await failureOf(open({ KEELSON_SECRET_ONE: '' }).load(['one', 'two'], usedAt))
    assert.is(
      message,
      [
        'site.ts:7: secret one has no value',
        '  next      secrets set one, or KEELSON_SECRET_ONE in the environment',
        'secret two has no value',
        '  next      secrets set two, or KEELSON_SECRET_TWO in the environment',
      ].join('\n'),
    )
  }))

test('the key may be in the home folder, in a file that only its owner can read', () =>
  inFolder(async ({ folder, open }) => {
    await open().set('a', 'x')
    const file = join(folder, '.config/keelson/age.key')
    assert.match(await failureOf(open({}).list()), `there is none in ${file}`)
    await mkdir(join(folder, '.config/keelson'), { recursive: true })
    await writeFile(file, `# created: today\n${key}\n`, { mode: 0o640 })
    assert.match(await failureOf(open({}).list()), `${file} can be read by others\n  next      chmod 600 ${file}`)
    await chmod(file, 0o600)
    assert.equal(await open({}).list(), ['a'])
    assert.equal(await open({ KEELSON_AGE_KEY_FILE: file, HOME: '/nowhere' }).list(), ['a'])
  }))

test("another person's key does not open the file", () =>
  inFolder(async ({ open }) => {
    await open().set('a', SENTINEL)
    const other = open({ KEELSON_AGE_KEY: await generateX25519Identity() })
    assert.match(await failureOf(other.load(['a'])), 'secrets.age cannot be opened')
  }))

test('what is not a key is refused without being shown', () =>
  inFolder(async ({ open }) => {
    assert.match(await failureOf(open({ KEELSON_AGE_KEY: SENTINEL }).set('a', 'x')), 'KEELSON_AGE_KEY holds no age key')
  }))

test('whoever could not read the secrets again cannot store any', () =>
  inFolder(async ({ folder, open }) => {
    await writeFile(
      join(folder, 'secrets.recipients'),
      `${await identityToRecipient(await generateX25519Identity())}\n`,
    )
    assert.match(
      await failureOf(open().set('a', SENTINEL)),
      `does not have your own public key\n  next      add ${recipient}`,
    )
    await writeFile(join(folder, 'secrets.recipients'), '# nobody yet\n')
    assert.match(await failureOf(open().set('a', SENTINEL)), 'names nobody')
  }))

test('editing happens in a private file that is gone afterwards', () =>
  inFolder(async ({ open }) => {
    await open().set('a', 'x')
    let seen = ''
    await open().edit(async (file) => {
      seen = file
      assert.is((await stat(file)).mode & 0o777, 0o600)
      assert.equal(JSON.parse(await readFile(file, 'utf8')), { a: 'x' })
      await writeFile(file, JSON.stringify({ b: 'y' }))
    })
    assert.equal([...(await open().load(['b']))], [['b', 'y']])
    assert.equal(await open().list(), ['b'])
    await rejects(stat(seen), Error)
  }))

const mistakes: [string, string, string][] = [
  ['not JSON', `{ "a": "${SENTINEL}" "b" }`, 'is not JSON, and nothing was stored'],
  ['a list', `["${SENTINEL}"]`, 'must be { "name": "value", … }'],
  ['a value that is not text', `{ "a": { "b": "${SENTINEL}" } }`, 'a must be text, and not empty'],
  ['a name that is none', `{ "A": "${SENTINEL}" }`, '"A" is not a name'],
]
for (const [what, text, message] of mistakes) {
  test(`an edit that leaves ${what} stores nothing and shows no value`, () =>
    inFolder(async ({ open }) => {
      await open().set('a', 'x')
      assert.match(await failureOf(open().edit((file) => writeFile(file, text))), message)
      assert.equal([...(await open().load(['a']))], [['a', 'x']])
    }))
}

test('for a throw-away host those that have a value are found, and a file without its key stops nothing', () =>
  inFolder(async ({ open }) => {
    await open().set('db', SENTINEL)
    const env = { KEELSON_AGE_KEY: key, KEELSON_SECRET_API: 'given' }
    assert.equal(
      (await open(env).find(['db', 'api', 'none'])).values,
      new Map([
        ['db', SENTINEL],
        ['api', 'given'],
      ]),
    )
    const { values, unopened = '' } = await open({ KEELSON_SECRET_API: 'given' }).find(['db', 'api'])
    assert.equal(values, new Map([['api', 'given']]))
    assert.match(unopened, 'needs an age key')
    assert.not.match(unopened, SENTINEL)
  }))

test.run()
