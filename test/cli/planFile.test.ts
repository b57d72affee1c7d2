/** Plan files that are read: each is shown, or refused with a sentence. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommandContext } from '../../lib/cli/commandContext.ts'
import { UsageError } from '../../lib/cli/errors.ts'
import { openOutput, type Output } from '../../lib/cli/output.ts'
import { digestsFrom } from '../../lib/cli/options.ts'
import { readPlanFile, savePlans } from '../../lib/cli/planFile.ts'
import type { PlanFile } from '../../lib/engine/plan/planFile.ts'
import type { Plan } from '../../lib/engine/report.ts'
import { type Catalog, digestOf } from '../../lib/engine/catalog/catalog.ts'
import { renderHtml } from '../../lib/render/html/planHtml.ts'
import { renderMarkdown } from '../../lib/render/markdown/planMarkdown.ts'
import { viewReviews } from '../../lib/render/view/review.ts'
import { change, planOf } from '../render/fixture.ts'
import { digested, planFileOf, revisionFileOf, wholePlan } from '../render/planFile.ts'
import { rejects } from '../support/rejects.ts'
import { runSite } from './site/run.ts'

const test = suite('plan files')
const folder = mkdtempSync(join(tmpdir(), 'keelson-plan-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
const path = join(folder, 'plan.json')
const whole = planFileOf(wholePlan)

async function show(content: unknown, ...flags: string[]): Promise<Awaited<ReturnType<typeof runSite>>> {
  writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content))
  return runSite(['plan', 'show', path, ...flags])
}

test('a plan is shown as plan shows it, under a line about where it is from', async () => {
  const { code, stdout, stderr } = await show(whole)
  assert.is(stderr, '')
  assert.is(code, 0)
  assert.match(
    stdout,
    /^planned 2026-11-27 23:50:00 UTC .*, site takeclient, commit 3f2c1ab00000 with uncommitted changes/,
  )
  assert.match(stdout, '\n  ~ nginx vhost api.takeclient.com ')
  assert.match(stdout, `\ndigest ${wholePlan.digest}\n`)
})

test('as JSON it is what is in the file, without keys that this version does not know', async () => {
  for (const flags of [['--as', 'json'], ['--json']]) {
    const { code, stdout } = await show({ ...whole, format: '1.4', later: 1 }, ...flags)
    assert.is(code, 0)
    assert.equal(JSON.parse(stdout), { ...whole, format: '1.4' })
  }
})

test('as Markdown and as HTML it is shown whole, with what could not be planned', async () => {
  const file = { ...whole, unplanned: [{ host: 'web-2', because: 'port 22 cannot be reached' }] }
  const reviews = viewReviews(file)
  for (const form of ['markdown', 'md']) {
    const { code, stdout } = await show(file, '--as', form)
    assert.is(code, 0)
    assert.is(stdout, reviews.map(renderMarkdown).join('\n'))
    assert.match(stdout, '\n### `web-2` · not planned\n')
  }
  const { code, stdout } = await show(file, '--as', 'html')
  assert.is(code, 0)
  assert.is(stdout, renderHtml(reviews))
  assert.match(stdout, 'port 22 cannot be reached')
})

test('text in the file steers no terminal', async () => {
  const changes = wholePlan.changes.map((each) => ({ ...each, label: '\x1b[2J\x1b]52;c;eA\x07\u202e' }))
  for (const flags of [[], ['--as', 'json'], ['--as', 'md'], ['--as', 'html'], ['--verbose']]) {
    const { code, stdout } = await show(planFileOf({ ...wholePlan, changes }), ...flags)
    assert.is(code, 0)
    for (const steering of '\x1b\x07\u202e') assert.not.match(stdout, steering)
  }
})

for (const [what, content, sentence] of [
  ['empty', '', 'is no plan that can be read'],
  ['not JSON', '{"format": "1.0"', 'is no plan that can be read'],
  ['not text', Buffer.from([0xff, 0xfe, 0x00]), 'is no plan that can be read'],
  ['a list', '[]', 'it does not say its format'],
  ['null', 'null', 'it does not say its format'],
  ['the report of a plan', '{"command":"plan","hosts":[]}', 'it does not say its format'],
  ['nested without end', '['.repeat(1_000_000), 'more than 64 levels deep'],
  ['of another major version', { ...whole, format: '2.0' }, 'it has format 2.0, and keelson 0.1.0 reads format 1'],
  ['of another shape', { ...whole, hosts: [null] }, 'hosts[0]: must be an object with inputsDigest, plan, not null'],
  [
    'changed since',
    planFileOf({ ...wholePlan, changes: wholePlan.changes.slice(1) }),
    'was changed after it was written',
  ],
] as const)
  test(`a file that is ${what} is refused`, async () => {
    const { code, stdout, stderr } = await show(content)
    assert.is(stdout, '')
    assert.match(stderr, sentence)
    assert.match(stderr, /\n {2}next {7}\S/)
    assert.not.match(stderr, 'Error')
    assert.is(code, 64)
  })

test('a file that is not there, and a folder, are refused', async () => {
  for (const other of [join(folder, 'none.json'), folder]) {
    const { code, stderr } = await runSite(['plan', 'show', other])
    assert.is(code, 64)
    assert.match(stderr, 'next       plan --out writes such a file')
  }
})

/** What a command has, for a site in this folder; it knows one secret. */
function contextFor(site: string): CommandContext {
  const output = openOutput({ colour: false, verbose: false })
  output.hide(['hunter2'])
  const quiet: Output = { ...output, out: { ...output.out, write: () => {} } }
  return {
    site: { file: site, hosts: [], evaluate: () => Promise.reject(new Error()) },
    output: quiet,
    json: false,
    verbose: false,
  }
}

const catalog: Catalog = { host: wholePlan.host, resources: [], site: 'takeclient' }
const report = {
  host: 'takeclient-1',
  address: '192.0.2.1',
  summary: wholePlan.summary,
  changes: [],
  trips: { connections: 1, execs: 1 },
  seconds: 1,
}

test('what is written is read as the same, and only its owner may read it', async () => {
  writeFileSync(path, 'the plan before')
  await savePlans(contextFor(path), path, {
    made: [{ catalog, plan: wholePlan }],
    only: ['package:curl'],
    reports: [report],
  })
  const { hosts, only, site, recipe, format } = await readPlanFile(path)
  assert.equal(hosts, [{ inputsDigest: digestOf(catalog), plan: wholePlan }])
  assert.equal([only, site, recipe, format], [['package:curl'], 'takeclient', undefined, '1.0'])
  assert.is(statSync(path).mode & 0o777, 0o600)
  assert.equal(readdirSync(folder), ['plan.json'])
})

test('a secret that a host shows in an odd place is in the file neither in clear nor by a digest', async () => {
  const field = { field: 'line', form: 'value', before: 'PASS=hunter2', after: 'PASS=' } as const
  const plan = digested(planOf([change('edit:/etc/x', { fields: [field] })], { warnings: ['it says hunter2'] }))
  await savePlans(contextFor(path), path, { made: [{ catalog, plan }], only: [], reports: [report] })
  const text = readFileSync(path, 'utf8')
  assert.not.match(text, 'hunter2')
  assert.not.match(text, plan.digest)
  assert.equal((await readPlanFile(path)).hosts[0]!.plan.warnings, ['it says (secret)'])
})

test('a host that could not be planned stands in the file', async () => {
  const lost = {
    ...report,
    host: 'db-1',
    error: { name: 'Unreachable', message: 'no way', said: '', next: '', exit: 'unreachable' as const },
  }
  await savePlans(contextFor(path), path, { made: [{ catalog, plan: wholePlan }], only: [], reports: [report, lost] })
  assert.equal((await readPlanFile(path)).unplanned, [{ host: 'db-1', because: 'no way' }])
})

test('a file is written to a plain file only, and a failure leaves nothing behind', async () => {
  const link = join(folder, 'link')
  symlinkSync('/dev/null', link)
  mkdirSync(join(folder, 'folder'))
  const planned = { made: [{ catalog, plan: wholePlan }], only: [], reports: [report] }
  for (const other of [link, '/dev/null', join(folder, 'folder'), join(folder, 'none', 'plan.json')]) {
    const { message } = await rejects(savePlans(contextFor(path), other, planned), UsageError)
    assert.match(message, `${other} cannot be written: `)
  }
  rmSync(link)
  rmSync(join(folder, 'folder'), { recursive: true })
  assert.equal(readdirSync(folder), ['plan.json'])
})

/** A plan of a host of the site. */
const ofWeb: Plan = { ...wholePlan, host: { ...wholePlan.host, name: 'web-1' } }
const { undo: _undo, ...applicable } = ofWeb

async function converge(content: PlanFile, ...flags: string[]): Promise<Awaited<ReturnType<typeof runSite>>> {
  writeFileSync(path, JSON.stringify(content))
  return runSite(['converge', path, '--yes', ...flags])
}

for (const flags of [['--only', 'note'], ['--wait'], ['--watch'], ['--digest', '0'.repeat(64)]])
  test(`${flags[0]} does not go with a plan file`, async () => {
    const { code, stderr } = await converge(planFileOf(applicable), ...flags)
    assert.is(code, 64)
    assert.match(stderr, `${flags[0]} does not go with a plan file`)
  })

test('a plan file is applied to hosts of the site only, and a name in it is no pattern', async () => {
  for (const name of ['takeclient-1', '*', '{web,db}-1']) {
    const { code, stderr } = await converge(planFileOf({ ...applicable, host: { ...applicable.host, name } }))
    assert.is(code, 64)
    assert.match(stderr, `holds a plan for "${name}", which is no host of this site`)
  }
})

test('--host chooses among the hosts of a plan file', async () => {
  const { code, stderr } = await converge(planFileOf(applicable), '--host', 'db-1')
  assert.is(code, 64)
  assert.match(stderr, 'no host is called "db-1"')
})

test('the plan of an undo is shown and not applied', async () => {
  const { code, stderr } = await converge(planFileOf(ofWeb))
  assert.is(code, 64)
  assert.match(stderr, 'holds the plan of an undo')
})

test('a plan between revisions is applied to no host', async () => {
  const { code, stderr } = await converge(revisionFileOf(applicable))
  assert.is(code, 64)
  assert.match(stderr, 'compares two revisions, and no host was read for it')
})

test('a plan between revisions is shown with what it compares, in every form', async () => {
  const file = revisionFileOf(applicable)
  const { stdout } = await show(file)
  const words = [
    'base  origin/main bbbbbbbbbbbb',
    'origin/main has gone on to dddddddddddd since',
    'head  the work tree on cccccccccccc with uncommitted changes',
    'recipes ran without environment, network and foreign files (namespaces)',
    '57 the same',
  ]
  for (const each of words) assert.match(stdout, each)
  for (const form of ['markdown', 'html']) {
    const shown = await show(file, '--as', form)
    const plain = shown.stdout.replaceAll(/`|<[^>]*>/g, '')
    const facts = [
      'base origin/main bbbbbbbbbbbb',
      'committed 2026-11-27 20:00 UTC',
      'and origin/main has gone on to dddddddddddd',
    ]
    const own = [
      'head the work tree on cccccccccccc with uncommitted changes',
      'evaluation recipes ran without environment',
    ]
    for (const each of [...facts, ...own]) assert.match(plain, each)
  }
  const json = await show(file, '--json')
  assert.equal(JSON.parse(json.stdout), file)
})

test('what recipes could reach is a warning', async () => {
  const file = revisionFileOf(applicable)
  const weak = { ...file, base: { ...file.base, evaluated: { by: 'process', network: 'open', files: 'all' } } }
  const { stdout } = await show(weak)
  const sentence =
    'recipes ran without environment; the network and foreign files could not be taken away on this machine'
  assert.match(stdout, `warning  ${sentence}`)
})

test('a file whose plans compare something else than it says is refused', async () => {
  const file = revisionFileOf(applicable)
  const { evaluated: _evaluated, ...bare } = Object(file.base)
  for (const wrong of [
    { ...file, base: planFileOf().base },
    { ...planFileOf(applicable), base: file.base },
    { ...file, base: bare },
  ]) {
    const { code, stderr } = await show(wrong)
    assert.is(code, 64)
    assert.match(stderr, 'the plan of web-1 compares with something else than the file says')
  }
})

test('a damaged plan file is applied to no host', async () => {
  const { code, stderr } = await converge({ ...planFileOf(applicable), hosts: [] })
  assert.is(code, 64)
  assert.match(stderr, 'is no plan that can be read')
})

test('a digest says of which host it is, and each host has one', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
  const [web, db] = [{ name: 'web-1' }, { name: 'db-1' }]
  assert.equal([...digestsFrom([], [web, db])], [])
  assert.equal([...digestsFrom([a], [web])], [['web-1', a]])
  assert.equal(
    [...digestsFrom([`db-1=${a}`, `web-1=${b}`], [web, db])],
    [
      ['db-1', a],
      ['web-1', b],
    ],
  )
  const wrong: [string[], { name: string }[], RegExp][] = [
    [['7c1e'], [web], /the whole digest of a plan, not "7c1e"/],
    [[a], [web, db], /must say of which host it is/],
    [[`web-1=${a}`], [web, db], /says nothing of db-1/],
    [[`other=${a}`], [web], /must say of which host it is/],
  ]
  for (const [words, hosts, sentence] of wrong) assert.throws(() => digestsFrom(words, hosts), sentence)
})

test('--out does not go with --watch', async () => {
  const { code, stderr } = await runSite(['plan', '--out', path, '--watch'])
  assert.is(code, 64)
  assert.match(stderr, "'--out <file>' cannot be used with option '--watch'")
})

test('where no host could be planned, no file is written', async () => {
  const out = join(folder, 'never.json')
  const { code } = await runSite([
    'plan',
    '--host',
    'web-1',
    '--out',
    out,
    '--at',
    'root@127.0.0.1:1',
    '--host-key',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfixturekey',
  ])
  assert.is(code, 5)
  const { stderr } = await runSite(['plan', 'show', out])
  assert.match(stderr, 'cannot be read')
})

test.run()
