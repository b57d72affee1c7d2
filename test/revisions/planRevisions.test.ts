/** plan --base: what a branch changes, without a host. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Repository, siteText } from '../support/repository.ts'

const test = suite('plan --base')

const motd = (text: string): string => siteText(`k.file({ path: '/etc/motd', content: ${JSON.stringify(text)} })`)

/** A branch that changes a text; main has gone on since. */
function branched(): Repository {
  const repository = new Repository({ 'site.ts': motd('hello\n') })
  repository.git('checkout', '--quiet', '-b', 'topic')
  repository.write({ 'site.ts': motd('good day\n') })
  repository.commit('two')
  repository.git('checkout', '--quiet', 'main')
  repository.write({
    'site.ts': siteText(`k.file({ path: '/etc/motd', content: 'hello\\n' })\nk.group({ name: 'new' })`),
  })
  repository.commit('three')
  repository.git('checkout', '--quiet', 'topic')
  return repository
}

const repository = branched()
const commitOf = (rev: string): string => repository.git('rev-parse', rev).trimEnd()

test('says what the branch changes, and not what the base has gained since', async () => {
  const { code, stdout, stderr } = await repository.keelson(['plan', '--base', 'main'])
  assert.is(stderr, '')
  assert.is(code, 0)
  assert.match(stdout, `base  main ${commitOf('main~1').slice(0, 12)} (`)
  assert.match(stdout, `main has gone on to ${commitOf('main').slice(0, 12)} since`)
  assert.match(stdout, `head  the work tree on ${commitOf('topic').slice(0, 12)}\n`)
  assert.match(stdout, '  ~ file /etc/motd  site.ts:5\n      @@ -1 +1 @@\n      -hello\n      +good day\n')
  assert.match(stdout, 'Plan: 1 to change. No host was contacted.\n')
})

test('--head names another revision, also an earlier one', async () => {
  const other = await repository.keelson(['plan', '--base', 'topic', '--head', 'main', '--json'])
  const report = JSON.parse(other.stdout)
  assert.equal(
    report.hosts[0].changes.map((each: { ref: string; cause: string }) => [each.ref, each.cause]),
    [['group:new', 'pr']],
  )
  assert.is(report.base.head.commit, commitOf('main'))
  const back = await repository.keelson(['plan', '--base', 'main', '--head', 'main~1', '--json', '--detailed-exitcode'])
  assert.is(back.code, 2)
  assert.equal(
    JSON.parse(back.stdout).hosts[0].changes.map((each: { kind: string }) => each.kind),
    ['remove'],
  )
})

test('the work tree is taken as it is, but for what git ignores', async () => {
  const dirty = branched()
  const role = `k.file({ path: '/etc/motd', content: text })\nk.file({ path: '/etc/env', content: env })`
  const reads = `import { existsSync } from 'node:fs'
import { text } from './new.ts'
const env = existsSync(new URL('./.env', import.meta.url)) ? 'there' : 'not there'`
  dirty.write({
    'site.ts': siteText(role, reads),
    'new.ts': "export const text = 'from a new file'\n",
    '.env': 'TOKEN=x',
  })
  const { stdout, stderr } = await dirty.keelson(['plan', '--base', 'HEAD', '--verbose'])
  assert.is(stderr, '')
  assert.match(stdout, / with uncommitted changes\n/)
  assert.match(stdout, 'from a new file')
  assert.match(stdout, 'content not there')
  const clean = await dirty.keelson(['plan', '--base', 'HEAD', '--head', 'HEAD'])
  assert.match(clean.stdout, 'the same in both revisions')
})

test('a plan file says what it compares, and is shown in every form', async () => {
  const out = join(repository.folder, 'node_modules/plan.json')
  const { code, stdout } = await repository.keelson(['plan', '--base', 'main', '--out', out, '--detailed-exitcode'])
  assert.is(code, 2)
  assert.match(stdout, 'plan show displays it, also as markdown or html')
  const file = JSON.parse(readFileSync(out, 'utf8'))
  assert.is(file.base.kind, 'rev')
  assert.is(file.base.base.tip, commitOf('main'))
  assert.equal(file.recipe, { commit: commitOf('topic'), dirty: false })
  for (const form of ['text', 'markdown', 'html', 'json']) {
    const shown = await repository.keelson(['plan', 'show', out, '--as', form])
    assert.is(shown.code, 0, shown.stderr)
    assert.match(shown.stdout, 'good day')
  }
})

test('neither the recipes of the work tree nor those of a revision run in the process that has keys', async () => {
  const evil = new Repository({ 'site.ts': motd('hello\n') })
  const mark = join(evil.folder, 'node_modules/ran')
  evil.write({
    'site.ts': siteText('', `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(mark)}, '')`),
  })
  const { code } = await evil.keelson(['plan', '--base', 'main'])
  assert.is(code, 1)
  assert.not(existsSync(mark))
})

test('it needs neither a network nor an environment', async () => {
  const bare = ['unshare', '--user', '--map-root-user', '--net', '--', 'env', '-i']
  const { code, stdout, stderr } = await repository.keelson(['plan', '--base', 'main'], {}, bare)
  assert.is(stderr, '')
  assert.is(code, 0)
  assert.match(stdout, 'Plan: 1 to change. No host was contacted.')
})

test('nothing is left of it: no folder, no work tree, nothing in the repository', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-empty-'))
  const state = (): string[] => [
    repository.git('status', '--porcelain'),
    repository.git('worktree', 'list'),
    repository.git('count-objects', '-v'),
  ]
  const before = state()
  const { code } = await repository.keelson(['plan', '--base', 'main'], { TMPDIR: folder })
  assert.is(code, 0)
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith('keelson')),
    [],
  )
  assert.equal(state(), before)
  rmSync(folder, { recursive: true })
})

test('a mistake in a recipe is told with its line and its revision', async () => {
  const wrong = new Repository({ 'site.ts': siteText(`k.file({ path: 'motd' })`) })
  wrong.commit('a')
  wrong.write({ 'site.ts': motd('a') })
  wrong.commit('b')
  const { code, stderr } = await wrong.keelson(['plan', '--base', 'main~1'])
  assert.is(code, 1)
  assert.match(stderr, 'site.ts:5: file motd: path: must be ')
  assert.match(stderr, `(in main~1 ${wrong.git('rev-parse', 'main~1').slice(0, 12)})`)
  wrong.write({ 'site.ts': "import './missing.ts'\n" })
  const missing = await wrong.keelson(['plan', '--base', 'main'])
  assert.match(missing.stderr, 'site.ts:1: there is no file missing.ts')
  assert.not.match(missing.stderr, 'keelson-revisions-')
})

test('what cannot be compared is said in a sentence', async () => {
  const cases: [args: string[], code: number, words: string][] = [
    [['--base', 'mian'], 64, 'git knows no revision "mian"'],
    [['--base', '--upload-pack=x'], 64, 'git knows no revision "--upload-pack=x"'],
    [['--base', 'main', '--head', 'nowhere'], 64, 'git knows no revision "nowhere"'],
    [['--head', 'main'], 64, '--head goes with --base'],
    [['--base', 'main', '--sandbox'], 64, "'--base <rev>' cannot be used with option '--sandbox [name]'"],
    [['--base', 'main', '--host', 'web-2'], 64, 'no host is called "web-2"; did you mean web-1?'],
    [['--base', 'main', '--only', 'file:/etc/mod'], 64, 'fits no resource; did you mean file:/etc/motd?'],
    [['--base', 'main', '--site', 'nowhere.ts'], 64, 'neither revision has a site with hosts'],
  ]
  for (const [args, code, words] of cases) {
    const ended = await repository.keelson(['plan', ...args])
    assert.match(ended.stderr, words)
    assert.is(ended.code, code, args.join(' '))
  }
  const folder = mkdtempSync(join(tmpdir(), 'keelson-no-git-'))
  const nowhere = await repository.keelson(['plan', '--base', 'main', '--site', join(folder, 'site.ts')])
  assert.match(nowhere.stderr, 'is in no work tree of git')
  assert.is(nowhere.code, 64)
  rmSync(folder, { recursive: true })
})

test('a work tree in the middle of a merge is not evaluated', async () => {
  const merging = branched()
  assert.throws(() => merging.git('merge', 'main'))
  const { code, stderr } = await merging.keelson(['plan', '--base', 'main'])
  assert.is(code, 1)
  assert.match(stderr, 'the work tree is in the middle of a merge: site.ts')
})

test('a site that the base does not have is new, and a host that the head does not have stays as it is', async () => {
  const fresh = new Repository({ readme: '' })
  fresh.write({ 'infra/site.ts': motd('hello\n') })
  const made = await fresh.keelson(['plan', '--base', 'main', '--site', 'infra/site.ts'])
  assert.match(made.stdout, 'this host is new to Keelson')
  assert.match(made.stdout, 'Plan: 1 to create.')
  fresh.commit('site')
  fresh.write({ 'infra/site.ts': motd('hello\n').replace("'web-1'", "'web-2'") })
  const gone = await fresh.keelson(['plan', '--base', 'main', '--site', 'infra/site.ts'])
  assert.match(gone.stdout, /web-1 .*\n {2}warning {2}it is no longer in the inventory: what is on it stays as it is\n/)
})

test('no hook runs, and no link leads out of a revision or into the packages of the repository', async () => {
  const linked = new Repository({ 'site.ts': motd('hello\n') })
  const ran = join(linked.folder, 'node_modules/ran')
  for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction', 'fsmonitor-watchman'])
    linked.write({ [`.hooks/${hook}`]: `#!/bin/sh\n: > ${ran}\n` })
  execFileSync('chmod', ['-R', '+x', join(linked.folder, '.hooks')])
  linked.git('config', 'core.hooksPath', '.hooks')
  linked.git('config', 'core.fsmonitor', '.hooks/fsmonitor-watchman')
  rmSync(ran, { force: true })
  const secret = join(linked.folder, '.env')
  linked.write({ '.env': 'TOKEN=sentinel' })
  symlinkSync(secret, join(linked.folder, 'leak'))
  // Where packages would be put, if links were followed.
  mkdirSync(join(linked.folder, 'node_modules/outside/node_modules'), { recursive: true })
  symlinkSync(join(linked.folder, 'node_modules/outside'), join(linked.folder, 'infra'))
  linked.write({
    'site.ts': siteText(
      `k.file({ path: '/etc/x', content: there })`,
      `import { existsSync } from 'node:fs'\nconst there = existsSync(new URL('./leak', import.meta.url)) ? 'link' : 'no link'`,
    ),
  })
  linked.commit('links')
  rmSync(ran, { force: true })
  for (const head of [[], ['--head', 'HEAD']]) {
    const { stdout, stderr } = await linked.keelson(['plan', '--base', 'main~1', ...head])
    assert.is(stderr, '')
    assert.match(stdout, 'content no link')
  }
  assert.not(existsSync(ran))
  assert.ok(existsSync(join(linked.folder, 'node_modules/outside/node_modules')))
})

test.run()
