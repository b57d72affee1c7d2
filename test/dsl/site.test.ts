import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { conf, type ConfValue } from '../../lib/dsl/conf.ts'
import type { Handle } from '../../lib/dsl/declare.ts'
import { inventory } from '../../lib/dsl/inventory.ts'
import { secret } from '../../lib/kit/secret.ts'
import { defineSite } from '../../lib/dsl/site.ts'
import { type Catalog, canonicalJson } from '../../lib/engine/catalog/catalog.ts'
import { evaluate, here, host, messagesOf, mistakesOf, siteOf, thing } from './thing.ts'

const test = suite('site')

test('a role leaves a catalog of what it declared, in order, with its recipe lines', async () => {
  let line = 0
  const catalog = await evaluate(() => {
    line = here() + 1
    thing({ path: '/b', mode: '640', tags: ['early'] })
    thing({ path: '/a' })
  })
  assert.equal(
    catalog.resources.map(({ ref, source }) => `${ref} ${source.file}:${source.line}`),
    [`small-thing:/b site.test.ts:${line}`, `small-thing:/a site.test.ts:${line + 1}`],
  )
  assert.equal(catalog.resources[0]?.desired, { mode: '0640' })
  assert.equal(catalog.resources[0]?.tags, ['early'])
})

test('recipes learn of their host from the inventory, and cannot write to it', async () => {
  let size: unknown
  const messages = await messagesOf((one) => {
    size = one.server
    Object.assign(one.server, { cpus: 64 })
  })
  assert.equal(size, { name: 'CCX32', cpus: 8, memoryMiB: 32_768, diskGB: 240 })
  assert.match(messages[0] ?? '', /read only property/)
})

test('growing is one word: CCX52 in place of CCX32', async () => {
  const declare = ({ server }: { server: { cpus: number; memoryMiB: number } }): void =>
    void thing({ path: '/size', content: `${server.cpus} ${server.memoryMiB}` })
  const grown = siteOf(declare, { hosts: { one: { ...host, server: 'CCX52', roles: ['only'] } } })
  assert.equal((await evaluate(declare)).resources[0]?.desired, { content: '8 32768' })
  assert.equal((await grown.evaluate('one')).resources[0]?.desired, { content: '16 65536' })
})

test('another machine may stand in, with its own size, system and address', async () => {
  const site = siteOf(({ codename, server, address, container }) => {
    thing({ path: '/it', content: [codename, server.cpus, server.memoryMiB, address, container].join(' ') })
  })
  const { host: about, resources } = await site.evaluate('one', {
    os: 'debian-13',
    cpus: 2,
    address: '192.0.2.9',
    container: true,
  })
  assert.equal(resources[0]?.desired, { content: 'trixie 2 32768 192.0.2.9 true' })
  assert.equal([about.os, about.cpus, about.address], ['debian-13', 2, '192.0.2.9'])
})

test('an asynchronous role is refused, by the line of the site', async () => {
  const line = here() + 1
  const site = defineSite('/nowhere/site.ts', inventory({ hosts: { one: { ...host, roles: ['slow'] } } }), {
    // @ts-expect-error a role returns no promise
    slow: async () => {
      await Promise.resolve()
      thing({ path: '/late' })
    },
  })
  const [mistake, ...others] = await mistakesOf(site.evaluate('one'))
  assert.is(mistake?.message, 'role slow is asynchronous')
  assert.is(mistake?.source?.line, line)
  assert.is(others.length, 0)
})

test('what a recipe throws is told by its line, and the other roles are checked all the same', async () => {
  let line = 0
  const entry = { ...host, roles: ['broken', 'wrong'] }
  const site = defineSite(import.meta.filename, inventory({ hosts: { one: entry } }), {
    broken() {
      line = here() + 1
      throw new RangeError('seven is not even')
    },
    wrong() {
      thing({ path: 'relative' })
    },
  })
  const [first, second] = await mistakesOf(site.evaluate('one'))
  assert.equal([first?.message, first?.source?.file, first?.source?.line], ['seven is not even', 'site.test.ts', line])
  assert.match(second?.message ?? '', /^small thing relative: path: must be an absolute path .*, not "relative"$/)
})

test('a mistake found deep inside lib is told by the recipe line', async () => {
  const limit = Error.stackTraceLimit
  let nested: ConfValue = Number.NaN
  for (let depth = 0; depth < 9; depth += 1) nested = [nested]
  let line = 0
  const [mistake] = await mistakesOf(
    evaluate(() => {
      line = here() + 1
      void conf`${nested}`
    }),
  )
  assert.match(mistake?.message ?? '', 'not NaN')
  assert.is(mistake?.source?.line, line)
  assert.is(Error.stackTraceLimit, limit)
})

const clocks: [string, () => unknown][] = [
  ['Date.now()', () => Date.now()],
  ['new Date()', () => new Date()],
  ['Math.random()', () => Math.random()],
]
for (const [name, read] of clocks) {
  test(`${name} is refused in a recipe, and works again after it`, async () => {
    const [message] = await messagesOf(() => void read())
    assert.match(message ?? '', `${name} gives a recipe another value each time`)
    assert.ok(read())
  })
}

test('a date made from a given time works in a recipe', async () => {
  const { resources } = await evaluate(() => void thing({ path: '/x', content: new Date(0).toISOString() }))
  assert.equal(resources[0]?.desired, { content: '1970-01-01T00:00:00.000Z' })
})

test('handles anywhere in props, in conf`…` and in after are needs', async () => {
  const { resources } = await evaluate(() => {
    const [a, b, c] = ['/a', '/b', '/c'].map((path) => thing({ path }))
    thing({ path: '/whole', parts: [a!], content: conf`see ${conf`${b!}`}`, after: c! })
  })
  assert.equal(resources.at(-1)?.needs, ['small-thing:/a', 'small-thing:/b', 'small-thing:/c'])
  assert.equal(resources.at(-1)?.desired, { content: 'see /b' })
})

test('a secret stands in the catalog by its name', async () => {
  const { resources } = await evaluate(
    () => void thing({ path: '/x', content: conf`password ${secret('db.password')}` }),
  )
  assert.equal(resources[0]?.desired, { content: { $text: ['password ', { $secret: 'db.password' }] } })
})

test('a handle in an ordinary template is refused by its line, and says what to write', async () => {
  let line = 0
  const [mistake] = await mistakesOf(
    evaluate(() => {
      const a = thing({ path: '/a' })
      line = here() + 2
      // oxlint-disable-next-line typescript/restrict-template-expressions, typescript/no-base-to-string -- the mistake
      thing({ path: `${a}/b` })
    }),
  )
  assert.match(mistake?.message ?? '', /^small thing \/a was turned into text.*or its \.name$/)
  assert.is(mistake?.source?.line, line)
})

test('a circle is found before any host is asked, and names each of its lines', async () => {
  const [mistake] = await mistakesOf(
    evaluate(() => {
      const inner = thing({ path: '/a/b' })
      thing({ path: '/a', after: inner })
    }),
  )
  assert.is(mistake?.message, 'dependency cycle: small thing /a/b → small thing /a → small thing /a/b')
  assert.is(mistake?.also?.length, 1)
})

test('a host whose role the site does not have is told what was meant', async () => {
  const site = siteOf(() => {}, { hosts: { one: { ...host, roles: ['olny'] } } })
  const [mistake] = await mistakesOf(site.evaluate('one'))
  assert.is(mistake?.message, 'inventory: hosts.one: no role "olny" in the site; did you mean "only"?')
  assert.is(mistake?.source?.file, 'thing.ts')
})

/** Some declarations: paths, and which earlier ones each needs. */
const declarations = fc.uniqueArray(
  fc.record({ path: fc.stringMatching(/^\/[a-z]{1,3}(\/[a-z]{1,3})?$/), mode: fc.constantFrom('640', '0640', '755') }),
  { minLength: 1, maxLength: 8, selector: ({ path }) => path },
)

function withoutOrder({ resources }: Catalog): string[] {
  return resources.map(({ source: _, ...rest }) => canonicalJson(rest)).sort()
}

test('evaluating twice gives the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(declarations, async (things) => {
      const site = siteOf(() => {
        const handles: Handle[] = []
        // What lies in a folder needs the folder, and stands after it here so that there is no circle.
        for (const props of things.toSorted((a, b) => a.path.length - b.path.length))
          handles.push(thing({ ...props, after: handles.slice(-2) }))
      })
      assert.is(JSON.stringify(await site.evaluate('one')), JSON.stringify(await site.evaluate('one')))
    }),
    { numRuns: 50 },
  )
})

test('moving declarations about alters their order and nothing else', async () => {
  const shuffled = declarations.chain((things) =>
    fc.record({
      things: fc.constant(things),
      moved: fc.shuffledSubarray(things, { minLength: things.length, maxLength: things.length }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(shuffled, async ({ things, moved }) => {
      const one = await evaluate(() => things.forEach((props) => thing(props)))
      const other = await evaluate(() => {
        const declareThere = (): void => moved.forEach((props) => thing(props))
        declareThere()
      })
      assert.equal(withoutOrder(one), withoutOrder(other))
    }),
    { numRuns: 50 },
  )
})

test.run()
