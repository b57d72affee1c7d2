/**
 * The workflows that are ready to copy: what runs code of a pull request has no secret and no right but to read, nothing
 * untrusted becomes a part of a script, and what comes from elsewhere is pinned.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { isObject } from '../../lib/kit/form.ts'
import { runSite } from '../cli/site/run.ts'

const test = suite('workflows')

const FOLDER = 'docs/workflows'
const texts = new Map(readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]))

/** All rights that each job may have, besides those of its workflow. */
const RIGHTS: { readonly [job: string]: readonly string[] } = {
  'plan.yml plan': ['contents: read'],
  'review.yml outdated': ['contents: read', 'pull-requests: write'],
  'review.yml post': ['actions: read', 'contents: read', 'pull-requests: write'],
  'converge.yml plan': ['contents: read'],
  'converge.yml converge': ['contents: read'],
  'drift.yml drift': ['contents: read', 'issues: write'],
}

type Node = { readonly [key: string]: unknown }
type Job = { name: string; node: Node; steps: Node[]; rights: string[] }

function nodeOf(value: unknown): Node {
  return isObject(value) ? value : {}
}

function jobsOf(workflow: Node): Job[] {
  return Object.entries(nodeOf(workflow['jobs'])).map(([name, value]) => {
    const node = nodeOf(value)
    const steps: unknown[] = Array.isArray(node['steps']) ? node['steps'] : []
    const rights = Object.entries(nodeOf(node['permissions'] ?? workflow['permissions']))
    return { name, node, steps: steps.map(nodeOf), rights: rights.map(([what, right]) => `${what}: ${String(right)}`) }
  })
}

/** Every string in a value, with the keys that lead to it. */
function stringsIn(value: unknown, path = ''): [path: string, text: string][] {
  if (typeof value === 'string') return [[path, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => stringsIn(inner, `${path}.${key}`))
}

const SECRET = /\bsecrets\b|\bgithub\.token\b|\bGITHUB_TOKEN\b/

/** What is wrong with a workflow. */
function faultsIn(name: string, text: string): string[] {
  const workflow = nodeOf(parse(text))
  const on = Object.keys(nodeOf(workflow['on']))
  const faults: string[] = []
  const add = (isWrong: boolean, what: string): void => void (isWrong && faults.push(what))
  add(on.includes('pull_request_target'), 'runs with rights beside code of a pull request')
  add(!isObject(workflow['permissions']), 'leaves the rights to a setting of the repository')
  for (const { name: job, node, steps, rights } of jobsOf(workflow)) {
    const known = RIGHTS[`${name} ${job}`] ?? []
    add(rights.length !== known.length || !rights.every((right) => known.includes(right)), `${job} has other rights`)
    add(node['timeout-minutes'] === undefined, `${job} has no time limit`)
    const all = stringsIn({ node, env: workflow['env'] })
    const isOpen = on.includes('pull_request')
    add(isOpen && all.some(([, value]) => SECRET.test(value)), `${job} gives secrets to code of a pull request`)
    add(isOpen && node['environment'] !== undefined, `${job} has an environment beside code of a pull request`)
    const isTrusted = on.includes('workflow_run')
    for (const step of steps) {
      const { uses, run } = step
      const given = nodeOf(step['with'])
      if (typeof uses === 'string') {
        add(!/^[\w./-]+@[0-9a-f]{40}$/.test(uses), `${uses} is not pinned`)
        const isCheckout = uses.startsWith('actions/checkout@')
        add(isCheckout && given['persist-credentials'] !== false, `${job} leaves a token in the work tree`)
        add(
          isCheckout && isTrusted && (given['ref'] ?? given['repository']) !== undefined,
          `${job} checks out other code`,
        )
        add(
          stringsIn(given).some(([path]) => path.endsWith('.cache')),
          `${job} shares a cache`,
        )
      }
      if (typeof run !== 'string') continue
      add(run.includes('${{'), `${job} puts a value into a script`)
      add(spawnSync('sh', ['-n'], { input: run }).status !== 0, `${job} has a script that is no shell`)
      add(/npm (ci|install)(?!.*--ignore-scripts)/.test(run), `${job} runs scripts of packages`)
      const variables = stringsIn(step['env']).map(([path]) => path)
      const hasBoth = variables.includes('.GITHUB_TOKEN') && variables.includes('.SSH_KEY')
      add(hasBoth, `${job} has the token and the key of the hosts in one step`)
    }
  }
  return faults
}

test('they have no fault, and each says what it is', () => {
  assert.equal([...texts.keys()].sort(), ['converge.yml', 'drift.yml', 'plan.yml', 'review.yml'])
  for (const [name, text] of texts) {
    assert.equal(faultsIn(name, text), [], name)
    assert.match(text, /^# \w.{40}/)
    for (const [, version = ''] of text.matchAll(/uses: \S+(.*)$/gm)) assert.match(version, /^ # v\d+\.\d+\.\d+$/)
  }
})

/** A fault in a workflow: what is replaced, and what is said of it. */
const PLANTED: readonly [name: string, what: string, by: string, said: RegExp][] = [
  ['plan.yml', 'pull_request:', 'pull_request_target:', /runs with rights/],
  ['plan.yml', 'permissions:\n  contents: read\n', '', /setting of the repository/],
  ['plan.yml', 'contents: read', 'contents: write', /other rights/],
  ['plan.yml', 'permissions:\n  contents: read', 'permissions: write-all', /setting of the repository/],
  ['plan.yml', '          HEAD: ', '          KEY: ${{ secrets.SSH_KEY }}\n          HEAD: ', /gives secrets/],
  ['plan.yml', '          HEAD: ', '          KEY: ${{ github.token }}\n          HEAD: ', /gives secrets/],
  ['plan.yml', 'runs-on:', 'environment: plan\n    runs-on:', /an environment/],
  ['plan.yml', '"$BASE"', '"${{ github.head_ref }}"', /into a script/],
  ['plan.yml', '@11bd71901bbe5b1630ceea73d27597364c9af683', '@v4', /not pinned/],
  ['plan.yml', 'persist-credentials: false', 'persist-credentials: true', /token in the work tree/],
  ['plan.yml', 'node-version: 22', 'node-version: 22\n          cache: npm', /shares a cache/],
  ['plan.yml', 'ci --ignore-scripts', 'ci', /scripts of packages/],
  ['review.yml', 'persist-credentials: false', 'persist-credentials: false\n          ref: x', /other code/],
  ['review.yml', 'pull-requests: write', 'issues: write', /other rights/],
  ['review.yml', '    timeout-minutes: 10\n', '', /no time limit/],
  ['drift.yml', 'code=0', 'code=$(', /no shell/],
  ['drift.yml', '          SSH_KEY:', '          GITHUB_TOKEN: x\n          SSH_KEY:', /in one step/],
]

test('each rule finds the fault that is planted for it', () => {
  for (const [name, what, by, said] of PLANTED) {
    const text = texts.get(name)!
    assert.ok(text.includes(what), `${name} has no ${what}`)
    assert.match(faultsIn(name, text.replace(what, by)).join('\n'), said, `${name}: ${by}`)
  }
})

/** `review post` for `npx --no-install keelson review post "$PLAN" --branch …`, with its options. */
function commandsIn(text: string): { words: string[]; options: string[] }[] {
  return [...text.matchAll(/keelson ([a-z][^\n|>]*)/g)].map(([, line = '']) => {
    const [, words = ''] = /^([a-z]+(?: [a-z]+(?= |$))*)/.exec(line) ?? []
    return { words: words.split(' '), options: line.match(/--[a-z-]+/g) ?? [] }
  })
}

test('the commands in them, and in the page about them, exist with their options', async () => {
  const page = readFileSync('docs/review.md', 'utf8')
  const blocks = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block).join('\n')
  const options = new Map<string, Set<string>>()
  for (const { words, options: its } of [...texts.values(), blocks].flatMap(commandsIn)) {
    const known = options.get(words.join(' ')) ?? new Set()
    options.set(words.join(' '), known)
    for (const option of its) known.add(option)
  }
  assert.ok(options.size >= 5, [...options.keys()].join(', '))
  for (const [words, its] of options) {
    const { stdout, code } = await runSite([...words.split(' '), '--help'])
    assert.is(code, 0, words)
    for (const option of its) assert.match(stdout, new RegExp(`${option}[ ,=]`), `${words} ${option}`)
  }
})

test.run()
