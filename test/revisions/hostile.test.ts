/**
 * Recipes that mean harm: each ends in a plan or in a sentence, and gives away nothing of the machine. Bytes that nobody
 * may see lie in the environment, in files of the operator, in what git ignores and in the repository's own folder.
 */
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeError } from '../../lib/cli/errors.ts'
import { types } from '../../lib/dsl/declare.ts'
import { digestOf } from '../../lib/engine/catalog/catalog.ts'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import type { Evaluated, PlanFile } from '../../lib/engine/plan/planFile.ts'
import { planRevision } from '../../lib/engine/plan/planRevision.ts'
import { cleanJson } from '../../lib/render/clean.ts'
import { renderHtml } from '../../lib/render/html/planHtml.ts'
import { renderMarkdown } from '../../lib/render/markdown/planMarkdown.ts'
import { renderPlanFile } from '../../lib/render/text/planFileText.ts'
import { renderProblem } from '../../lib/render/text/problemText.ts'
import { viewPlanFile } from '../../lib/render/view/planFileView.ts'
import { errorProblem, recipeProblem } from '../../lib/render/view/problem.ts'
import { viewReviews } from '../../lib/render/view/review.ts'
import { findConfinement } from '../../lib/revisions/confinement.ts'
import { evaluateRevision } from '../../lib/revisions/evaluate.ts'
import { findRepository } from '../../lib/revisions/git.ts'
import { ownPlaces } from '../../lib/revisions/revisions.ts'
import { findPackages, makeTree } from '../../lib/revisions/trees.ts'
import { paper } from '../render/fixture.ts'
import { Repository, siteText } from '../support/repository.ts'
import { type Attack, attacksOn, TELL, TOLD } from './attacks.ts'

const test = suite('hostile recipes')

const SENTINEL = 'sentinel-1c8e0f6d'
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'keelson-hostile-')))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** What belongs to the operator: beside the repository, and in the home. */
const foreign = join(folder, 'foreign')
mkdirSync(join(foreign, '.ssh'), { recursive: true })
for (const name of ['secret.txt', 'secret.json', 'secret.ts', '.ssh/id_ed25519'])
  writeFileSync(join(foreign, name), name.endsWith('.txt') ? SENTINEL : `export default ${JSON.stringify(SENTINEL)}\n`)
process.env['KEELSON_SECRET_APP'] = SENTINEL
process.env['GITHUB_TOKEN'] = SENTINEL
process.env['HOME'] = foreign

/** Counts whoever comes: a network and a socket in a folder, as that of an agent. */
let visits = 0
const listen = (where: number | string): Promise<ReturnType<typeof createServer>> =>
  new Promise((resolve) => {
    const server = createServer((socket) => {
      visits += 1
      socket.end(SENTINEL)
    })
    server.listen(where, () => resolve(server))
  })
const agent = join(foreign, 'agent.sock')
process.env['SSH_AUTH_SOCK'] = agent
const servers = [await listen(0), await listen(agent)]
const address = servers[0]!.address()
const port = typeof address === 'object' && address !== null ? address.port : 0

const attacks = attacksOn({ folder, foreign, agent, port })

/** Everything that a person, a comment, a file or a log gets of it. */
type Shown = {
  texts: string[]
  /** Those of them that a terminal or a page shows. */
  shown: string[]
  said: string
}

const repository = new Repository({ 'site.ts': siteText(TOLD, TELL) })
symlinkSync(join(foreign, 'secret.txt'), join(repository.folder, 'link'))
repository.write({ '.env': SENTINEL })
repository.git('config', 'http.extraheader', SENTINEL)
repository.commit('link')
const place = await findRepository(join(repository.folder, 'site.ts'))
const packages = await findPackages(place)
const visible = [...packages.visible, ...(await ownPlaces())]
const attempt = join(folder, 'try')
mkdirSync(attempt)
const strongest = await findConfinement(attempt, visible)

let trees = 0

async function attacked({ before, role: text, ms = 60_000 }: Attack, how: Evaluated): Promise<Shown> {
  trees += 1
  const [at, scratch] = [join(folder, `tree-${trees}`), join(folder, `scratch-${trees}`)]
  mkdirSync(scratch)
  const tree = await makeTree(place, 'HEAD', packages, at)
  writeFileSync(tree.site, siteText(text, `${TELL}${before}`))
  try {
    const [catalog] = await evaluateRevision({ name: '', tree, visible, scratch, how }, { ms, bytes: 64 * 2 ** 20 })
    assert.ok(catalog)
    const revisions = { base: 'b'.repeat(40), head: 'c'.repeat(40) }
    const plan = planRevision({ head: catalog, types, revisions })
    const time = new Date(0).toISOString()
    const of = (commit: string) => ({ rev: 'main', commit, at: time })
    const file: PlanFile = {
      format: '1.0',
      tool: '0.1.0',
      base: { kind: 'rev', at: time, base: of(revisions.base), head: of(revisions.head), evaluated: how },
      hosts: [{ inputsDigest: digestOf(catalog), plan }],
    }
    const reviews = viewReviews(file)
    const page = { ...paper, verbose: true }
    const shown = [
      renderPlanFile(viewPlanFile(file), page),
      ...reviews.map(renderMarkdown),
      renderHtml(reviews),
      cleanJson(file),
    ]
    return { texts: [...shown, JSON.stringify(file)], shown, said: 'plan' }
  } catch (error) {
    const described = describeError(error)
    assert.not.ok(['TypeError', 'RangeError', 'AssertionError'].includes(described.name), String(error))
    const problems = error instanceof RecipeError ? error.diagnostics.map(recipeProblem) : [errorProblem(described)]
    const said = problems.map((problem) => renderProblem(problem, paper)).join('')
    return { texts: [said, JSON.stringify(described)], shown: [said], said }
  }
}

/** Whatever lies beside the trees, with its text. */
function stateOf(where: string): string {
  const entries = readdirSync(where, { recursive: true, withFileTypes: true, encoding: 'utf8' })
  const files = entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name))
  return files
    .sort()
    .map((path) => `${path} ${readFileSync(path).toString('base64')}`)
    .join('\n')
}

// oxlint-disable-next-line no-control-regex -- what may steer a terminal
const RAW = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]/
const hows: Evaluated[] = [strongest]
if (Reflect.get(process.features, 'typescript') && strongest.by !== 'permissions')
  hows.push({
    by: 'permissions',
    network: process.allowedNodeEnvironmentFlags.has('--allow-net') ? 'none' : 'open',
    files: 'own',
  })

test('there are at least fifty, and this machine can take network and files away', () => {
  assert.ok(attacks.size >= 50, String(attacks.size))
  assert.is(strongest.by, 'namespaces')
})

/** How many attacks there are at a time. */
const LANES = 3

/** All attacks, each begun as soon as there is room; the results in their order. */
function started(how: Evaluated): [name: string, attack: Attack, result: Promise<Shown>][] {
  const lanes = Array.from({ length: LANES }, () => Promise.resolve())
  return [...attacks]
    .filter(([, attack]) => attack.isolated !== true || how.by === 'namespaces')
    .map(([name, attack], index) => {
      const result = lanes[index % LANES]!.then(() => attacked(attack, how))
      lanes[index % LANES] = result.then(
        () => undefined,
        () => undefined,
      )
      return [name, attack, result]
    })
}

function stateNow(): string[] {
  const modules = join(repository.folder, 'node_modules')
  return [stateOf(foreign), stateOf(modules), repository.git('status', '--porcelain', '--ignored')]
}

const before = stateNow()

for (const how of hows) {
  visits = 0
  for (const [name, { ending }, result] of started(how))
    test(`${how.by}: ${name}`, async () => {
      const { texts, shown, said } = await result
      assert.is(
        texts.find((text) => text.includes(SENTINEL)),
        undefined,
        'something was given away',
      )
      assert.is(
        shown.find((text) => RAW.test(text)),
        undefined,
        'raw control characters',
      )
      if (how.by !== 'namespaces') return
      if (ending === 'plan') assert.is(said, 'plan')
      else assert.match(said, ending)
    })

  test(`${how.by}: nothing was written anywhere, and nobody came to the network`, () => {
    assert.equal(stateNow(), before)
    if (how.network === 'none') assert.is(visits, 0)
  })
}

test('nothing of them runs on', () => {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  assert.equal(
    stdout.split('\n').filter((line) => line.includes(folder) && !line.startsWith('ps ')),
    [],
  )
})

test('all of it leaves this process as it was', () => {
  assert.is(Reflect.get({}, 'polluted'), undefined)
  for (const server of servers) server.close()
})

test.run()
