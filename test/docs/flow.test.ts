/**
 * A pull request from its first push to its last, by the commands of the workflows: the plan of a branch, made without a
 * host, on the pull request, marked outdated by the next push, edited in place, and never left when the changes vanish.
 */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Forge, REPO, startForge, TOKEN } from '../forge/server.ts'
import { Repository, siteText } from '../support/repository.ts'

const test = suite('a pull request')

const motd = (text: string): string => siteText(`k.file({ path: '/etc/motd', content: ${JSON.stringify(text)} })`)
const forge: Forge = await startForge()
const repository = new Repository({ 'site.ts': motd('hello\n') })
const env = { GITHUB_TOKEN: TOKEN, GITHUB_REPOSITORY: REPO, GITHUB_API_URL: forge.url, GITHUB_ACTIONS: 'true' }
const file = join(repository.folder, 'node_modules/plan.json')
const base = repository.git('rev-parse', 'main').trim()
repository.git('checkout', '--quiet', '-b', 'topic')

/** Pushes a text to the branch. @returns The commit. */
function push(text: string): string {
  repository.write({ 'site.ts': motd(text) })
  repository.commit(text)
  const sha = repository.git('rev-parse', 'topic').trim()
  forge.pulls = [{ number: 12, state: 'open', head: { sha, label: 'mallory:topic' }, base: { sha: base } }]
  return sha
}

async function ran(...args: string[]): Promise<void> {
  const { code, stderr } = await repository.keelson(args, env)
  assert.is(code, 0, stderr)
}

/** What plan.yml and then review.yml do. */
async function posted(head: string): Promise<string> {
  await ran('plan', '--base', base, '--head', head, '--out', file)
  await ran('review', 'post', file, '--branch', 'mallory:topic', '--head', head, '--untrusted')
  assert.is(forge.comments.length, 1)
  return forge.comments[0]!.body
}

test('one comment, over three pushes', async () => {
  const first = await posted(push('good day\n'))
  assert.match(first, '### `web-1` · 1 to change')
  assert.match(first, '- hello\n+ good day\n')
  assert.match(first, 'The code of this pull request made this plan')
  const second = push('good night\n')
  await ran('review', 'outdated', '--branch', 'mallory:topic', '--head', second)
  assert.match(forge.comments[0]!.body, `Outdated: \`${second.slice(0, 12)}\` was pushed since`)
  const next = await posted(second)
  assert.not.match(next, 'Outdated')
  assert.match(next, '<summary>1 earlier plan</summary>')
  const none = await posted(push('hello\n'))
  assert.match(none, '· nothing to do')
  assert.match(none, '<summary>2 earlier plans</summary>')
  forge.close()
})

test.run()
