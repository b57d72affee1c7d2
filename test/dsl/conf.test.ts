import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { conf, type ConfValue } from '../../lib/dsl/conf.ts'
import { secret } from '../../lib/kit/secret.ts'

const test = suite('conf')

test('a block loses its first empty line and the indentation that all its lines share', () => {
  const text = conf`
    server {
      listen 80;

    }
  `
  assert.is(String(text), 'server {\n  listen 80;\n\n}\n')
})

test('text that begins on the first line stands as written', () => {
  assert.is(String(conf`  a\n  b`), '  a\\n  b')
})

test('backslashes stand as written, but for those that keep a backtick or an interpolation out', () => {
  assert.is(String(conf`\d+\\ \`x\` \${HOME}`), '\\d+\\\\ `x` ${HOME}')
})

test('a value of several lines keeps the indentation of the line it stands in', () => {
  const text = conf`
    location / {
      ${'try_files $uri;\nindex x;'}
    }
  `
  assert.is(String(text), 'location / {\n  try_files $uri;\n  index x;\n}\n')
})

test('an array becomes one line for each item, and may hold texts', () => {
  const text = conf`
    map {
      ${[conf`a 1;`, 'b 2;', 3]}
    }
  `
  assert.is(String(text), 'map {\n  a 1;\n  b 2;\n  3\n}\n')
})

test('an array without items takes its line away, so that a line may be there or not', () => {
  const none: string[] = []
  const text = conf`
    ${none}
    server {
      ${none}
      ${none}
      listen ${none}80;
      ${none}${'a'}
    }
    ${none}
  `
  assert.is(String(text), 'server {\n  listen 80;\n  a\n}\n')
})

test('a text that is a secret and nothing else holds nothing else', () => {
  assert.is(conf`${secret('db')}`.parts.length, 1)
})

test('the indentation of a value does not count as that of the block', () => {
  const text = conf`
      a
      ${'b'}
  `
  assert.is(String(text), 'a\nb\n')
})

test('a text in a text keeps its secrets, and cannot be turned into a string', () => {
  const inner = conf`user:${secret('db')}@`
  const text = conf`postgres://${inner}localhost`
  assert.equal(JSON.parse(JSON.stringify(text)), { $text: ['postgres://user:', { $secret: 'db' }, '@localhost'] })
  assert.throws(() => String(text), /secret "db" was turned into text/)
})

const refused: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['true', true],
  ['NaN', Number.NaN],
  ['{ port: 80 }', { port: 80 }],
]
for (const [shown, value] of refused) {
  test(`${shown} is refused`, () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a recipe without types may pass
    assert.throws(() => conf`a ${value as ConfValue} b`, `and arrays of them, not ${shown}`)
  })
}

test('a number, a word and a line stand in a line as they are', () => {
  fc.assert(
    fc.property(fc.integer(), fc.string(), (number, line) => {
      assert.is(String(conf`${number} ${line}`), `${number} ${line}`)
    }),
  )
})

test.run()
