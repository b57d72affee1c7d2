import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { firstProblem } from '../../lib/dsl/validate.ts'
import { REPORT_SCHEMA } from '../../lib/render/reportSchema.ts'
import { reportIn, runSite } from './site/run.ts'

const test = suite('command line')

test('help lists the commands with examples and exits 0', async () => {
  const { code, stdout, stderr } = await runSite(['--help'])
  assert.is(code, 0)
  assert.is(stderr, '')
  assert.match(stdout, /^ {2}converge \[options\] \[plan\] +plan, ask, apply, verify; with a plan file, apply/m)
  assert.match(stdout, 'Examples:\n  npx tsx site.ts plan\n')
})

for (const command of ['plan', 'converge', 'graph', 'verify', 'logs', 'cost', 'sandbox', 'up']) {
  test(`${command} --help shows examples`, async () => {
    const { code, stdout } = await runSite([command, '--help'])
    assert.is(code, 0)
    assert.match(stdout, `Usage: npx tsx site.ts ${command} `)
    assert.match(stdout, /Examples:\n {2}npx tsx site\.ts/)
  })
}

test('a mistyped command exits 64 and names the nearest', async () => {
  const { code, stdout, stderr } = await runSite(['convrege'])
  assert.is(code, 64)
  assert.is(stdout, '')
  assert.match(stderr, "unknown command 'convrege'\n(Did you mean converge?)")
})

test('a mistyped option exits 64 and names the nearest', async () => {
  const { code, stderr } = await runSite(['plan', '--jsn'])
  assert.is(code, 64)
  assert.match(stderr, '(Did you mean --json?)')
})

test('no command at all exits 64 and shows what there is', async () => {
  const { code, stderr } = await runSite([])
  assert.is(code, 64)
  assert.match(stderr, 'Commands:')
})

test('a mistyped host exits 64 and names the nearest', async () => {
  const { code, stderr } = await runSite(['plan', '--host', 'wbe-1'])
  assert.is(code, 64)
  assert.is(stderr, 'no host is called "wbe-1"; did you mean web-1?\n  next       hosts: web-1, db-1\n')
})

test('an --only that fits nothing exits 64 before any host is contacted', async () => {
  const { code, stderr } = await runSite(['plan', '--only', 'note:frist'])
  assert.is(code, 64)
  assert.match(stderr, '--only note:frist fits no resource; did you mean note:first?')
})

for (const command of ['plan', 'converge', 'runs', 'undo']) {
  test(`${command} takes how many hosts it goes over at a time`, async () => {
    const flags = command === 'converge' || command === 'undo' ? ['--yes'] : []
    const { code, stderr } = await runSite([command, ...flags, '--forks', '0'])
    assert.is(code, 64)
    assert.match(stderr, '--forks takes a whole number from 1 on, not "0"')
  })
}

test('one machine cannot stand in for two hosts', async () => {
  const { code, stderr } = await runSite(['plan', '--at', 'root@192.0.2.9'])
  assert.is(code, 64)
  assert.match(stderr, 'one machine cannot stand in for 2 hosts')
})

test('--sandbox and --at exclude each other', async () => {
  const { code, stderr } = await runSite(['plan', '--host', 'web-1', '--sandbox', 'x', '--at', 'root@192.0.2.9'])
  assert.is(code, 64)
  assert.match(stderr, '--sandbox and --at exclude each other')
})

test('an option that takes a number says so when it gets none', async () => {
  const { code, stderr } = await runSite(['plan', '--forks', 'many'])
  assert.is(code, 64)
  assert.match(stderr, '--forks takes a whole number from 1 on, not "many"')
})

test('converge without a terminal and without --yes exits 64 and says why', async () => {
  const { code, stderr } = await runSite(['converge'])
  assert.is(code, 64)
  assert.match(stderr, 'there is no terminal to ask on')
  assert.match(stderr, 'run converge --yes')
})

test('a mistake under --json still leaves a report as the last line', async () => {
  const ended = await runSite(['plan', '--json', '--host', 'nobody'])
  assert.is(ended.code, 64)
  assert.equal(reportIn(ended), { format: '1.0', command: 'plan', hosts: [], exit: { code: 64, name: 'usage' } })
})

test('a graph shows what needs what, with recipe lines', async () => {
  const { code, stdout } = await runSite(['graph', '--host', 'web-*'])
  assert.is(code, 0)
  assert.is(
    stdout,
    `web-1  debian-12  3 resources

note third  site.ts:18
└─ note second  site.ts:17
   └─ note first  site.ts:16
`,
  )
})

test('a graph shows a part with what it needs, or what needs it', async () => {
  const titles = async (...args: string[]): Promise<string[]> =>
    (await runSite(['graph', '--host', 'web-1', ...args])).stdout.split('\n').slice(2, -1)
  assert.equal(await titles('--only', 'note:second'), ['note second  site.ts:17', '└─ note first  site.ts:16'])
  assert.equal(await titles('--only', 'note:second', '--reverse'), [
    'note second  site.ts:17',
    '└─ note third  site.ts:18',
  ])
  assert.equal(await titles('--only', 'note:first'), ['1 on its own:', '  note first  site.ts:16'])
})

test('a graph in DOT has a box for each recipe, and no arrow beside a longer way', async () => {
  const { stdout } = await runSite(['graph', '--format', 'dot', '--host', 'web-1'])
  assert.match(stdout, /^digraph "web-1" \{\n/)
  assert.match(stdout, /^ {2}subgraph "cluster_site\.ts" \{\n {4}label="site\.ts"\n {4}"note:first" \[/m)
  assert.is(stdout.match(/ -> /g)?.length, 2)
})

test('options of a command stand in groups, and every help ends with the exit codes', async () => {
  const { stdout } = await runSite(['converge', '--help'])
  const headings = [...stdout.matchAll(/^([A-Z][a-z ]+):$/gm)].map(([, heading]) => heading)
  assert.equal(headings, ['Targets', 'Safety', 'Output', 'Options', 'Examples', 'Exit codes'])
  assert.match(stdout, /^ {4}7 {2}applied in part$/m)
  assert.match((await runSite(['help', 'plan'])).stdout, /^Usage: npx tsx site\.ts plan /)
  assert.match((await runSite(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

test('--json may stand before the command, and every line says its format', async () => {
  const ended = await runSite(['--json', 'graph'])
  assert.is(ended.code, 0, ended.stderr)
  assert.is(Reflect.get(reportIn(ended), 'format'), '1.0')
  assert.is(firstProblem(REPORT_SCHEMA, reportIn(ended)), undefined)
})

test('a failure says the name of its exit code', async () => {
  const { code, stderr } = await runSite(['plan', '--host', 'web-1', '--at', 'root@127.0.0.1:1'])
  assert.is(code, 5)
  assert.match(stderr, /^exit 5 \(unreachable or wrong host key\)\n$/m)
})

test('a pipe gets no colours, FORCE_COLOR brings them, and NO_COLOR outdoes it', async () => {
  assert.not.match((await runSite(['graph'], { env: { CI: '1' } })).stdout, '\x1b')
  assert.match((await runSite(['graph'], { env: { FORCE_COLOR: '1' } })).stdout, '\x1b[1m')
  assert.not.match((await runSite(['graph'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout, '\x1b')
  assert.not.match((await runSite(['graph', '--no-color'], { env: { FORCE_COLOR: '1' } })).stdout, '\x1b')
})

test('a mistake in a recipe is told with its line, and no host is contacted', async () => {
  const { code, stderr } = await runSite(['plan'], { env: { TITLE: 'No Good' } })
  assert.is(code, 1)
  assert.match(stderr, /^site\.ts:\d+: note No Good: .*\n$/)
})

test('a site that is imported runs nothing', async () => {
  const { hosts } = await import('./site/site.ts')
  assert.equal(
    hosts.hosts.map(({ name }) => name),
    ['web-1', 'db-1'],
  )
})

/** Packages of which some file was loaded by a command line. */
async function packagesLoaded(args: readonly string[]): Promise<Set<string>> {
  const preload = new URL('./site/loaded.mjs', import.meta.url).href
  const { stdout } = await runSite(args, { env: { NODE_OPTIONS: `--import=${preload}` } })
  return new Set(/^LOADED (.+)$/m.exec(stdout)?.[1]?.split(' '))
}

test('packages that were loaded are seen', async () => {
  const loaded = await packagesLoaded(['plan', '--host', 'web-1', '--at', 'root@127.0.0.1:1'])
  for (const name of ['commander', 'ajv', 'ssh2']) assert.ok(loaded.has(name), name)
})

test('help and graph load nothing that opens connections or watches files', async () => {
  for (const args of [['--help'], ['plan', '--help'], ['graph']]) {
    const loaded = await packagesLoaded(args)
    for (const name of ['ssh2', 'zx', 'chokidar', 'nanotar', 'age-encryption', 'diff']) {
      assert.not.ok(loaded.has(name), `${name} with ${args.join(' ')}`)
    }
  }
})

test.run()
