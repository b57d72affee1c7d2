/** Requests to a server that limits, fails, hangs, redirects and lies. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Forbidden, ForgeError, Gone, TooLong, Uncertain } from '../../lib/forge/errors.ts'
import { findPull, readComments, readPull } from '../../lib/forge/github.ts'
import { type Api, request } from '../../lib/forge/request.ts'
import { rejects } from '../support/rejects.ts'
import { comment, type Forge, json, type Odd, refusal, REPO, startForge, TOKEN } from './server.ts'

const test = suite('requests to a forge')
const forge: Forge = await startForge()
const waits: number[] = []
const api: Api & { repo: string } = {
  url: forge.url,
  token: TOKEN,
  repo: REPO,
  wait: async (ms) => void waits.push(ms),
}

test.before.each(() => {
  waits.length = 0
  forge.asked.length = 0
  forge.comments.length = 0
  forge.login = 'ada'
  forge.odd = () => undefined
})
test.after(() => forge.close())

/** Answers the first requests with these, then as usual. */
function first(...odd: Odd[]): void {
  forge.odd = () => odd.shift()
}

test('all pages are read, by their links', async () => {
  forge.comments.push(...Array.from({ length: 250 }, (_, id) => comment(id + 1, `comment ${id}`)))
  const found = await readComments(api, 12)
  assert.is(found.length, 250)
  assert.is(new Set(found.map(({ id }) => id)).size, 250)
  assert.equal(
    forge.asked.map(({ path }) => path.replace(/.*\?/, '')),
    ['per_page=100', 'per_page=100&page=2', 'per_page=100&page=3'],
  )
})

test('a limit is waited for: retry-after, then the time of reset by the clock of the server', async () => {
  const date = 'Sat, 28 Nov 2026 12:00:00 GMT'
  const reset = String(Date.parse(date) / 1000 + 30)
  first(
    refusal(429, 'You have exceeded a secondary rate limit', { 'retry-after': '7' }),
    refusal(403, 'API rate limit exceeded', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset, date }),
    refusal(403, 'You have exceeded a secondary rate limit. Please wait a few minutes.'),
  )
  assert.equal(await request(api, 'GET', '/user'), { value: { login: 'ada' } })
  assert.equal(waits, [7000, 31_000, 240_000])
})

test('a limit that goes on, or lasts too long, is an error that says when', async () => {
  forge.odd = () => refusal(429, 'API rate limit exceeded', { 'retry-after': '3600' })
  const { message, exit } = await rejects(request(api, 'GET', '/user'), ForgeError)
  assert.match(message, 'for another 3600 s')
  assert.is(exit, 'error')
  assert.equal(waits, [])
  forge.odd = () => refusal(429, 'API rate limit exceeded', { 'retry-after': '1' })
  await rejects(request(api, 'GET', '/user'), ForgeError)
  assert.equal(waits, [1000, 1000, 1000])
})

test('a limit on a POST is waited for as well: nothing was done', async () => {
  first(refusal(403, 'You have exceeded a secondary rate limit', { 'retry-after': '1' }))
  await request(api, 'POST', `/repos/${REPO}/issues/12/comments`, { body: 'x' })
  assert.is(forge.comments.length, 1)
})

test('a failure of the server is tried again, except for a POST', async () => {
  first({ status: 502, body: '<html>' }, { status: 503 })
  await request(api, 'GET', '/user')
  assert.equal(waits, [1000, 2000])
  waits.length = 0
  forge.odd = () => ({ status: 500, body: 'boom' })
  assert.match((await rejects(request(api, 'PATCH', '/user', {}), Uncertain)).said, 'boom')
  assert.equal(waits, [1000, 2000, 4000])
  waits.length = 0
  await rejects(request(api, 'POST', '/user', {}), Uncertain)
  assert.equal(waits, [])
})

test('a server that hangs, in its head or in the midst of an answer, is given up', async () => {
  const quick = { ...api, timeoutMs: 200 }
  forge.odd = () => 'hang'
  assert.match((await rejects(request(quick, 'POST', '/user', {}), Uncertain)).message, 'was not answered in time')
  const server = createServer((_, response) => void response.writeHead(200).write('[')).listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  const own = server.address()
  const url = `http://127.0.0.1:${typeof own === 'object' ? own?.port : ''}`
  assert.match(
    (await rejects(request({ ...quick, url }, 'POST', '/user', {}), Uncertain)).message,
    'not answered in time',
  )
  server.closeAllConnections()
  server.close()
})

test('a server that is not there is an error of one sentence', async () => {
  const { message } = await rejects(request({ ...api, url: 'http://127.0.0.1:1' }, 'POST', '/user', {}), Uncertain)
  assert.match(message, /^POST http:\/\/127\.0\.0\.1:1\/user failed: /)
})

for (const [status, message, kind] of [
  [401, 'Bad credentials', ForgeError],
  [403, 'Resource not accessible by integration', Forbidden],
  [404, 'Not Found', Gone],
  [410, 'Issues are disabled for this repo', Gone],
] as const)
  test(`${status} is an error with what the server says, and what to do`, async () => {
    forge.odd = () => refusal(status, message)
    const error = await rejects(request(api, 'POST', '/x', {}), kind)
    assert.match(error.message, String(status))
    assert.is(error.said, message)
    assert.is.not(error.next, '')
    assert.equal(waits, [])
  })

test('both forms of "too long" are known', async () => {
  for (const about of [
    { code: 'custom', field: 'body', message: 'body is too long (maximum is 65536 characters)' },
    { code: 'unprocessable', field: 'data', message: 'Body is too long (maximum is 65536 characters)' },
  ]) {
    forge.odd = () => json(422, { message: 'Validation Failed', errors: [{ resource: 'IssueComment', ...about }] })
    await rejects(request(api, 'POST', '/x', {}), TooLong)
  }
  forge.odd = () => json(422, { message: 'Validation Failed', errors: [{ field: 'title' }] })
  assert.not((await rejects(request(api, 'POST', '/x', {}), ForgeError)) instanceof TooLong)
})

test('the token goes to no other server: not by a redirect, nor by the link to a next page', async () => {
  const other = await startForge()
  first({ status: 302, headers: { location: `${other.url}/user` } })
  assert.match((await rejects(request(api, 'GET', '/user'), ForgeError)).message, 'redirects to another server')
  first({ ...json(200, []), headers: { link: `<${other.url}/x?page=2>; rel="next"` } })
  assert.match((await rejects(readComments(api, 12), ForgeError)).message, 'next page on another server')
  first({ ...json(200, []), headers: { link: '<https://127.0.0.1.evil.example/x>; rel="next"' } })
  assert.match((await rejects(readComments(api, 12), ForgeError)).message, 'next page on another server')
  assert.equal(other.asked, [])
  other.close()
})

test('a redirect within the server is followed with the same method, but not for ever', async () => {
  first({ status: 307, headers: { location: '/user' } })
  assert.equal(await request(api, 'GET', '/renamed'), { value: { login: 'ada' } })
  forge.odd = () => ({ status: 301, headers: { location: '/round' } })
  assert.match((await rejects(request(api, 'GET', '/round'), ForgeError)).message, 'again and again')
})

test('an answer without end is cut off, packed or not', async () => {
  const huge = Buffer.alloc(65 * 2 ** 20, 0x20)
  const server = createServer((asked, response) => {
    const isPacked = asked.url === '/packed'
    response.writeHead(200, isPacked ? { 'content-encoding': 'gzip' } : {}).end(isPacked ? gzipSync(huge) : huge)
  }).listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  const own = server.address()
  const url = `http://127.0.0.1:${typeof own === 'object' ? own?.port : ''}`
  for (const path of ['/plain', '/packed'])
    assert.match((await rejects(request({ ...api, url }, 'GET', path), ForgeError)).message, 'larger than 64 MiB')
  server.closeAllConnections()
  server.close()
})

test('answers of another shape are errors, whatever they hold', async () => {
  for (const body of ['', '{', 'null', '[null]', '[{"id":"1"}]', '['.repeat(100_000), '{"__proto__":{"id":1}}']) {
    first({ status: 200, body })
    await rejects(readComments(api, 12), ForgeError)
  }
  first(json(200, { number: 12, state: 'open', head: { sha: '"><img>' }, base: { sha: 'x' } }))
  await rejects(readPull(api, 12), ForgeError)
})

test('a list of pages that never ends is given up', async () => {
  forge.odd = ({ path }) => ({ ...json(200, []), headers: { link: `<${forge.url}${path}>; rel="next"` } })
  assert.match((await rejects(readComments(api, 12), ForgeError)).message, 'more than 100 pages')
})

test('a pull request of a fork is found by its branch and its commit', async () => {
  const [head, older] = ['a'.repeat(40), 'b'.repeat(40)]
  const pull = { state: 'open', base: { sha: 'c'.repeat(40) } }
  const label = 'mallory:fix#1&state=all'
  forge.pulls.push({ ...pull, number: 7, head: { sha: head, label } })
  assert.is((await findPull(api, label, head))?.number, 7)
  assert.is(await findPull(api, label, older), undefined)
})

test.run()
