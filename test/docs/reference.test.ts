/**
 * The reference of the resource types: it is fresh, it leaves nothing out, and what its examples declare can stand
 * together.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { referenceFiles } from '../../build/referencePages.ts'
import { readTypeDocs } from '../../build/typeDocs.ts'
import { types } from '../../lib/dsl/declare.ts'
import { catalogOf } from '../support/converge.ts'
import { writeExamples } from '../support/examples.ts'

const test = suite('reference')

const docs = await readTypeDocs()

test('it is what schemas and doc comments say; where it is not, npm run reference writes it', () => {
  const files = referenceFiles(docs)
  const stale = [...files].filter(([path, text]) => textOf(path) !== text).map(([path]) => path)
  assert.equal(stale, [])
  const pages = readdirSync('docs/reference').map((name) => join('docs/reference', name))
  assert.equal(
    pages.filter((page) => !files.has(page)),
    [],
  )
})

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

test('every type of the front door is in it', () => {
  assert.equal(docs.types.map(({ type }) => type).sort(), [...types.keys()].sort())
})

test('every prop has a doc comment', () => {
  const silent = docs.types.flatMap(({ name, props }) =>
    props.filter(({ about }) => about === undefined).map((prop) => `${name}: ${prop.name}`),
  )
  assert.equal(silent, [])
})

test('every prop has an example: in one of the type, or else in its own doc comment', () => {
  const bare = docs.types.flatMap(({ name, props }) =>
    props
      .filter((prop) => prop.example === undefined && !/object/.test(prop.type))
      .map((prop) => `${name}: ${prop.name}`),
  )
  assert.equal(bare, [])
})

test('an example fits a terminal of 80 columns', () => {
  const long = docs.types.flatMap(({ examples }) =>
    examples.flatMap((example) => example.split('\n').filter((line) => line.length > 78 && !/ AAAA\w/.test(line))),
  )
  assert.equal(long, [])
})

test('all examples can be declared on one host', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-examples-'))
  try {
    const declare = await writeExamples(folder, docs.types)
    const { resources } = catalogOf({ name: 'one', address: '192.0.2.1', os: 'debian-13' }, declare)
    const declared = new Set(resources.map(({ type }) => type))
    assert.equal(
      docs.types.filter(({ type }) => !declared.has(type)).map(({ name }) => name),
      [],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
