/** review: plans on a pull request and drift in an issue, against a server that speaks GitHub's REST API. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommandContext } from '../../lib/cli/commandContext.ts'
import {
  type IssueFlags,
  type PostFlags,
  reviewIssue,
  reviewOutdated,
  reviewPost,
} from '../../lib/cli/commands/review.ts'
import { UsageError } from '../../lib/cli/errors.ts'
import { Stale } from '../../lib/engine/errors.ts'
import type { PlanFile } from '../../lib/engine/plan/planFile.ts'
import { Forbidden, ForgeError } from '../../lib/forge/errors.ts'
import { BOT, comment, type Forge, issue, json, refusal, REPO, startForge, TOKEN } from '../forge/server.ts'
import { change, planOf } from '../render/fixture.ts'
import { manyChanges } from '../render/many.ts'
import { digested, planFileOf } from '../render/planFile.ts'
import { rejects } from '../support/rejects.ts'
import { runSite } from './site/run.ts'

const test = suite('review')
const folder = mkdtempSync(join(tmpdir(), 'keelson-review-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
const path = join(folder, 'plan.json')
const forge: Forge = await startForge()
const head = 'a'.repeat(40)
const base = 'b'.repeat(40)
const next = 'c'.repeat(40)

for (const name of Object.keys(process.env).filter((each) => /^(GITHUB_|GH_TOKEN)/.test(each))) delete process.env[name]
const env = { GITHUB_TOKEN: TOKEN, GITHUB_REPOSITORY: REPO, GITHUB_API_URL: forge.url, GITHUB_ACTIONS: 'true' }
let shown = ''
const sink = { write: (text: string) => void (shown += text) }
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest is not used
const context = { json: false, output: { out: sink, err: sink, hide: () => undefined } } as unknown as CommandContext

test.before.each(() => {
  Object.assign(process.env, env)
  shown = ''
  forge.comments = []
  forge.issues = []
  forge.asked = []
  forge.login = undefined
  forge.pulls = [{ number: 12, state: 'open', head: { sha: head, label: 'mallory:fix' }, base: { sha: base } }]
  forge.odd = () => undefined
  forge.after = () => undefined
})
test.after(() => forge.close())

const motd = digested(planOf([change('file:/etc/motd', {})]))
const nothing = digested(planOf([]))
const drifted = digested(planOf([change('file:/etc/motd', { cause: 'drift' })]))

function post(file: PlanFile, flags: Partial<PostFlags> = {}): Promise<string> {
  writeFileSync(path, JSON.stringify(file))
  const pr = flags.branch === undefined ? { pr: '12' } : {}
  return reviewPost(context, path, { ...pr, comment: 'changes', ...flags })
}

function issueOf(file: PlanFile, flags: Partial<IssueFlags> = {}): Promise<string> {
  writeFileSync(path, JSON.stringify(file))
  return reviewIssue(context, path, { label: ['drift'], ...flags })
}

const writes = (): string[] =>
  forge.asked.filter(({ method }) => method !== 'GET').map(({ method, path: at }) => `${method} ${at}`)

test('one comment per host is created, then edited in place', async () => {
  const other = { ...motd, host: { ...motd.host, name: 'web-2' } }
  await post(planFileOf(motd, other))
  assert.is(forge.comments.length, 2)
  assert.match(shown, 'comment on #12 for takeclient-1  created  https://github.example/')
  const [first] = forge.comments
  assert.match(first!.body, `Head \`${head.slice(0, 12)}\` on base \`${base.slice(0, 12)}\``)
  forge.pulls[0]!.head.sha = next
  const changed = digested(planOf([change('file:/etc/issue', {})]))
  await post(planFileOf(changed, other))
  assert.is(forge.comments.length, 2)
  assert.match(first!.body, '/etc/issue')
  assert.match(first!.body, `digest \`${motd.digest}\` of head \`aaaaaaaaaaaa\``)
})

test('what others wrote with the same first line is not touched', async () => {
  await post(planFileOf(motd))
  const { body } = forge.comments[0]!
  forge.comments = [
    comment(1, body, 'mallory'),
    { ...comment(2, body), user: null },
    comment(3, `> ${body}`),
    comment(4, body.replace('\n', ' trailing\n')),
    ...Array.from({ length: 150 }, (_, id) => comment(5 + id, 'talk', 'ada')),
    comment(300, body.replaceAll('\n', '\r\n')),
  ]
  forge.asked = []
  forge.pulls[0]!.head.sha = next
  await post(planFileOf(motd))
  assert.equal(writes(), [`PATCH /repos/${REPO}/issues/comments/300`])
})

test('no comment is created for no changes, unless asked for; one that is there is never left', async () => {
  await post(planFileOf(nothing))
  await post(planFileOf(motd), { comment: 'never' })
  assert.equal(writes(), [])
  await post(planFileOf(nothing), { comment: 'always' })
  await post(planFileOf(motd), { comment: 'never' })
  assert.match(forge.comments[0]!.body, '/etc/motd')
  await post(planFileOf(nothing))
  assert.match(forge.comments[0]!.body, '· nothing to do')
  assert.is(forge.comments.length, 1)
})

test('a host that could not be planned has a comment', async () => {
  await post({ ...planFileOf(nothing), unplanned: [{ host: 'web-2', because: 'port 22 is closed' }] })
  assert.is(forge.comments.length, 1)
  assert.match(forge.comments[0]!.body, '### `web-2` · not planned')
})

test('comments of earlier commits are marked outdated at once, and not twice', async () => {
  await post(planFileOf(motd))
  forge.pulls[0]!.head.sha = next
  await reviewOutdated(context, { pr: '12' })
  assert.match(forge.comments[0]!.body, 'Outdated: `cccccccccccc` was pushed since')
  forge.asked = []
  await reviewOutdated(context, { pr: '12' })
  assert.equal(writes(), [])
  await post(planFileOf(motd))
  assert.not.match(forge.comments[0]!.body, 'Outdated')
})

test('a plan of an older commit is not posted over a newer one', async () => {
  await post(planFileOf(motd))
  const { body } = forge.comments[0]!
  await rejects(post(planFileOf(nothing), { head: next }), Stale)
  await rejects(post(planFileOf(nothing), { branch: 'mallory:fix', head: next }), Stale)
  assert.is(forge.comments[0]!.body, body)
})

test('the pull request of a fork is found by branch and commit', async () => {
  writeFileSync(path, JSON.stringify(planFileOf(motd)))
  await reviewPost(context, path, { branch: 'mallory:fix', head, comment: 'changes', untrusted: true })
  assert.match(forge.comments[0]!.body, 'The code of this pull request made this plan')
  process.env['GITHUB_REF'] = 'refs/pull/12/merge'
  await reviewOutdated(context, {})
  delete process.env['GITHUB_REF']
  await rejects(reviewOutdated(context, {}), UsageError)
})

test('a comment that is deleted meanwhile is written anew', async () => {
  await post(planFileOf(motd))
  forge.odd = ({ method }) => {
    if (method !== 'PATCH') return undefined
    forge.comments = []
    return undefined
  }
  forge.pulls[0]!.head.sha = next
  await post(planFileOf(motd))
  assert.is(forge.comments.length, 1)
  assert.match(shown.trimEnd().split('\n').at(-1)!, 'created')
})

test('a comment whose creation got no answer is not written twice', async () => {
  let failed = 0
  forge.after = ({ method }) => (method === 'POST' && failed++ === 0 ? { status: 502 } : undefined)
  await post(planFileOf(motd))
  assert.is(forge.comments.length, 1)
  assert.is(writes().filter((each) => each.startsWith('POST')).length, 1)
})

test('two comments of two runs at the same time become one', async () => {
  await post(planFileOf(motd))
  const { body } = forge.comments[0]!
  forge.comments.push(comment(40, body), comment(41, body, 'mallory'))
  await post(planFileOf(motd))
  assert.equal(
    forge.comments.map(({ id }) => id),
    [1, 41],
  )
})

test('a server that takes less gets the summary', async () => {
  forge.odd = ({ method, body }) =>
    method === 'POST' && body.length > 45_000
      ? json(422, { message: 'body is too long (maximum is 45000)' })
      : undefined
  await post(
    planFileOf(digested(planOf(manyChanges(2000, 1).map((each) => ({ ...each, consequence: 'safe' as const }))))),
  )
  assert.match(forge.comments[0]!.body, 'more than this server takes in a comment')
})

test('the account is the own one: by the API, by --author, or that of a workflow', async () => {
  forge.login = 'ada'
  await rejects(post(planFileOf(motd)), ForgeError)
  assert.match((await rejects(post(planFileOf(motd)), ForgeError)).next, `give --author ${BOT}`)
  forge.login = undefined
  process.env['GITHUB_ACTIONS'] = ''
  assert.match((await rejects(post(planFileOf(motd)), UsageError)).next, 'give --author LOGIN')
  await post(planFileOf(motd), { author: BOT })
})

test('a token without the right is told what it lacks', async () => {
  forge.odd = ({ method }) => (method === 'POST' ? refusal(403, 'Resource not accessible by integration') : undefined)
  const error = await rejects(post(planFileOf(motd)), Forbidden)
  assert.match(error.next, 'pull-requests: write')
})

test('drift opens one issue, keeps it up to date, and closes it', async () => {
  await issueOf(planFileOf(nothing))
  await issueOf(planFileOf(motd))
  assert.equal(writes(), [])
  await issueOf(planFileOf(drifted))
  const [first] = forge.issues
  assert.is(first!.title, 'Drift on takeclient-1')
  assert.equal(first!.labels, ['drift'])
  await issueOf(planFileOf(drifted))
  assert.is(forge.issues.length, 1)
  assert.match(shown.trimEnd().split('\n').at(-1)!, 'unchanged')
  await issueOf({ ...planFileOf(nothing), unplanned: [{ host: 'web-2', because: 'port 22 is closed' }] })
  assert.is(first!.title, 'Not read: web-2')
  assert.is(first!.state, 'open')
  await issueOf(planFileOf(motd))
  assert.is(first!.state, 'closed')
  assert.match(first!.body, 'Nothing that Keelson manages is changed by hand any more')
  await issueOf(planFileOf(drifted))
  assert.is(forge.issues.length, 2)
})

test('issues of others, and pull requests, are not touched', async () => {
  await issueOf(planFileOf(drifted))
  const { body } = forge.issues[0]!
  forge.issues = [issue(1, body, 'mallory'), { ...issue(2, body), pull_request: {} }, issue(3, 'other')]
  await issueOf(planFileOf(nothing))
  assert.is(forge.issues.filter(({ state }) => state === 'closed').length, 0)
})

test('a wrong repository, URL, token or link is a mistake in the command line', async () => {
  for (const flags of [
    { repo: 'acme' },
    { repo: 'acme/../x' },
    { api: 'http://api.example' },
    { api: 'https://ada:pw@api.example' },
    { api: 'file:///etc' },
    { runUrl: 'https://ci.example/)[x](javascript:1' },
    { pr: '12/../../x' },
    { branch: 'a:b' },
  ])
    await rejects(post(planFileOf(motd), flags), UsageError)
  process.env['GITHUB_TOKEN'] = 'line one\nline two'
  const { message, next: advice } = await rejects(post(planFileOf(motd)), UsageError)
  assert.not.match(message + advice, 'line')
  delete process.env['GITHUB_TOKEN']
  assert.match((await rejects(post(planFileOf(motd)), UsageError)).next, 'set GITHUB_TOKEN or GH_TOKEN')
  assert.equal(writes(), [])
})

test('on the command line: JSON on stdout, and never the token', async () => {
  writeFileSync(path, JSON.stringify(planFileOf(motd)))
  const ended = await runSite(['review', 'post', path, '--pr', '12', '--json'], { env })
  assert.is(ended.code, 0)
  assert.is(ended.stderr, '')
  const report: unknown = JSON.parse(ended.stdout)
  assert.equal(report, {
    format: '1.0',
    command: 'review post',
    results: [{ host: 'takeclient-1', action: 'created', url: forge.comments[0]!.html_url }],
    exit: { code: 0, name: 'ok' },
  })
})

test('a server that says the token, and steers a terminal, is shown without either', async () => {
  writeFileSync(path, JSON.stringify(planFileOf(motd)))
  const said = `\x1b[2J\x1b]52;c;eA\x07 \u202e Bearer ${TOKEN} \n::error::x`
  forge.odd = () => json(403, { message: said, errors: [{ message: said }] })
  const ended = await runSite(['review', 'post', path, '--pr', '12', '--author', BOT, '--verbose'], { env })
  assert.is(ended.code, 1)
  assert.match(ended.stderr, 'the token may not do that')
  for (const never of [TOKEN, '\x1b', '\x07', '\u202e']) assert.not.match(ended.stdout + ended.stderr, never)
})

test.run()
