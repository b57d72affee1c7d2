/** `types`: what can be declared, at a terminal and for a program. */
import { readFileSync } from 'node:fs'
import { createColors } from 'picocolors'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderType, renderTypes } from '../../lib/render/text/typesText.ts'
import { TYPE_DOCS_FORMAT, type TypeDocs } from '../../lib/render/view/typeDoc.ts'
import { reportIn, runSite } from './site/run.ts'

const test = suite('types')

const docs: TypeDocs = JSON.parse(readFileSync('lib/types.json', 'utf8'))
const page = { colors: createColors(false), verbose: false, now: Date.now }

test('all types are listed by family, each with a sentence', async () => {
  const { code, stdout, stderr } = await runSite(['types'])
  assert.is(code, 0)
  for (const { name } of docs.types) assert.match(stdout, new RegExp(`^  ${name} +[A-Z]`, 'm'))
  assert.match(stdout, /^files$/m)
  assert.is(stderr, 'types NAME shows the props of one\n')
})

test('a type is shown with examples, and each prop with its type, default, unit and example', async () => {
  const { code, stdout } = await runSite(['types', 'service'])
  assert.is(code, 0)
  assert.match(stdout, "  service({ name: 'nginx', enabled: true, running: true })")
  assert.match(
    stdout,
    `  settleMs: number · in ms · 0 to 600000
      How long it must stay up after it was started, restarted or reloaded.
      default  2000
      example  1000
`,
  )
})

test('a type is found by its function, by its name in refs, and in any case', async () => {
  const shown = await Promise.all(['package', 'APT-package'].map((name) => runSite(['types', name])))
  assert.equal(new Set(shown.map(({ stdout }) => stdout)).size, 1)
  assert.match(shown[0]!.stdout, /^aptPackage /)
})

for (const [name, hint] of [
  ['fiel', 'did you mean file?'],
  ['vhost', 'did you mean nginxVhost, nginxSnippet'],
  ['crontab', 'did you mean cronJob?'],
  ['lineinfile', 'did you mean edit?'],
] as const) {
  test(`${name} exits 64 and names what was meant`, async () => {
    const { code, stderr } = await runSite(['types', name])
    assert.is(code, 64)
    assert.match(stderr, `no type is called "${name}"; ${hint}`)
  })
}

test('a program gets all of it, with a format', async () => {
  const { format, types, exit }: TypeDocs & { exit?: object } = Object.assign(
    { ...docs },
    reportIn(await runSite(['types', 'ufwRule', '--json'])),
  )
  assert.is(format, TYPE_DOCS_FORMAT)
  assert.equal(
    types,
    docs.types.filter(({ name }) => name === 'ufwRule'),
  )
  assert.equal(exit, { code: 0, name: 'ok' })
})

test('no line is longer than 80 columns', () => {
  const texts = [renderTypes(docs, page), ...docs.types.map((type) => renderType(type, docs, page))]
  // A key in an example is one word.
  const long = texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 80 && !/ AAAA\w/.test(line))
  assert.equal(long, [])
})

test('a word that a type uses is explained with what it is made of', () => {
  const text = renderType(
    docs.types.find(({ name }) => name === 'unit')!,
    docs,
    page,
  )
  assert.match(text, 'UnitSection = { [name]: string | number | ')
  assert.match(text, /^ {2}UnitValue = string/m)
})

test.run()
