/**
 * Recipes that mean harm. Each tells what it has got hold of in a file that it declares, where it can.
 */

import { join } from 'node:path'

type Ending = 'plan' | RegExp
export type Attack = {
  before: string
  role: string
  ending: Ending
  ms?: number
  /** Only namespaces keep it from others: it must not be tried without. */
  isolated?: true
}

/** What there is to get hold of. */
export type Scene = {
  /** Folder of all of it, by which processes are told from others. */
  folder: string
  /** Folder of the operator's files. */
  foreign: string
  /** Path of a socket. */
  agent: string
  /** A port of this machine. */
  port: number
}

/** `tell(…)` declares what an attack has got hold of. */
export const TELL = `
const told: string[] = []
const tell = (what: unknown): void => void told.push(String(what))
const tryTo = (work: () => unknown): void => { try { tell(work()) } catch (error) { tell(error) } }
`
export const TOLD = "k.file({ path: '/etc/told', content: told.join('\\n') || 'nothing' })"

const ENDED = /ended before it had a catalog/
const LATE = /were not evaluated within/
/** Whichever limit it comes to first. */
const LARGE = /larger than|ended before|not evaluated within|Invalid string length|allocation/
const UNUSABLE = /cannot be used: it /

/** @returns Attacks by what they do. */
export function attacksOn({ folder, foreign, agent, port }: Scene): Map<string, Attack> {
  const attacks = new Map<string, Attack>()

  /** Code at the top of the site, and what comes of it. */
  function top(name: string, before: string, ending: Ending = 'plan', ms?: number): void {
    attacks.set(name, { before, role: TOLD, ending, ...(ms === undefined ? {} : { ms }) })
  }
  /** The same, where only namespaces help. */
  function isolated(name: string, before: string, ending: Ending = 'plan'): void {
    attacks.set(name, { before, role: TOLD, ending, isolated: true })
  }
  /** Code in the role. */
  function role(name: string, text: string, ending: Ending = 'plan', ms?: number): void {
    attacks.set(name, { before: '', role: `${text}\n${TOLD}`, ending, ...(ms === undefined ? {} : { ms }) })
  }

  const fs = "import * as fs from 'node:fs'\n"
  const read = (path: string): string => `${fs}tryTo(() => fs.readFileSync(${JSON.stringify(path)}, 'utf8'))`

  // Files.
  top('reads a file beside the repository', read(join(foreign, 'secret.txt')))
  top(
    'reads a key in the home',
    `${fs}import { homedir } from 'node:os'\ntryTo(() => fs.readFileSync(homedir() + '/.ssh/id_ed25519', 'utf8'))\n${read(join(foreign, '.ssh/id_ed25519')).slice(fs.length)}`,
  )
  top(
    'climbs out of its folder',
    `${fs}for (let up = '..', at = 0; at < 12; at += 1, up += '/..') tryTo(() => fs.readFileSync(new URL(up + '${foreign}/secret.txt', import.meta.url), 'utf8'))`,
  )
  top(
    'reads what a link of the revision leads to',
    `${fs}tryTo(() => fs.readFileSync(new URL('./link', import.meta.url), 'utf8'))`,
  )
  top(
    'makes a link, and reads through it',
    `${fs}import { tmpdir } from 'node:os'\ntryTo(() => fs.symlinkSync('${foreign}', tmpdir() + '/link'))\ntryTo(() => fs.readFileSync(tmpdir() + '/link/secret.txt', 'utf8'))`,
  )
  top(
    'imports a file beside the repository',
    `tryTo(() => 0)\ntry { tell((await import('${foreign}/secret.ts')).default) } catch (error) { tell(error) }`,
  )
  top(
    'requires a file beside the repository',
    `import { createRequire } from 'node:module'\ntryTo(() => createRequire(import.meta.url)('${foreign}/secret.json'))`,
  )
  top('reads what git ignores', `${fs}tryTo(() => fs.readFileSync(new URL('./.env', import.meta.url), 'utf8'))`)
  top(
    'reads the folder of git',
    `${fs}for (const path of ['./.git/config', './.git']) tryTo(() => fs.readFileSync(new URL(path, import.meta.url), 'utf8'))`,
  )
  top(
    'reads the files of processes',
    `${fs}for (const of of ['self', 'thread-self', '1', String(process.ppid)]) for (const file of ['environ', 'cmdline', 'mountinfo', 'root${foreign}/secret.txt']) tryTo(() => fs.readFileSync('/proc/' + of + '/' + file, 'utf8'))`,
  )
  top(
    'walks through all there is',
    `${fs}const walk = (at: string, depth: number): void => { if (depth > 5 || told.length > 2000) return; let names: string[] = []; try { names = fs.readdirSync(at) } catch { return } for (const name of names) { const path = at === '/' ? '/' + name : at + '/' + name; try { const there = fs.lstatSync(path); if (there.isDirectory()) { if (!/node_modules|^.lib|^.usr|^.dev/.test(path)) walk(path, depth + 1) } else if (there.size < 1000) tell(fs.readFileSync(path, 'utf8').slice(0, 200)) } catch { } } }\nwalk('/', 0)`,
  )
  top(
    'opens a folder, and reads by descriptor',
    `${fs}tryTo(() => fs.openSync('${foreign}', 'r'))\nfor (let fd = 0; fd < 64; fd += 1) if (fd !== 3) tryTo(() => { const bytes = Buffer.alloc(100); return fs.fstatSync(fd).isFile() && fs.readSync(fd, bytes, 0, 100, 0) > 0 ? bytes : '' })`,
    /./,
    20_000,
  )
  role(
    'declares a file of the operator as a source',
    `k.file({ path: '/etc/taken', source: '${foreign}/secret.txt' })`,
    /source cannot be read/,
  )
  top(
    'writes into the packages',
    `${fs}import { createRequire } from 'node:module'\ntryTo(() => fs.writeFileSync(createRequire(import.meta.url).resolve('keelson'), 'evil'))\ntryTo(() => fs.appendFileSync(process.argv[1], 'evil'))`,
  )
  top(
    'writes where the operator is',
    `${fs}for (const path of ['${foreign}/written', '/etc/written', '/usr/lib/written', new URL('./written', import.meta.url)]) tryTo(() => fs.writeFileSync(path, 'evil'))`,
  )
  top(
    'loads a file of the operator as a program',
    `tryTo(() => process.dlopen({ exports: {} } as never, '${foreign}/secret.txt'))`,
  )
  top('writes a report of itself', `tryTo(() => process.report.writeReport('${foreign}/report.json'))`)

  // Network.
  const connect = (to: string): string =>
    `import { connect } from 'node:net'\nawait new Promise((done) => { try { connect(${to}).on('data', (bytes) => tell(bytes)).on('close', done).on('error', (error) => { tell(error); done(0) }) } catch (error) { tell(error); done(0) } })`
  top('connects to a port of the machine', connect(`${port}, '127.0.0.1'`))
  top('connects to the agent', connect(`'${agent}'`))
  top(
    'fetches an address',
    `try { tell(await (await fetch('http://127.0.0.1:${port}/')).text()) } catch (error) { tell(error) }`,
  )
  top(
    'looks a name up',
    `import { promises } from 'node:dns'\ntry { tell(JSON.stringify(await promises.resolve4('localhost', { timeout: 500, tries: 1 } as never))) } catch (error) { tell(error) }`,
  )
  top(
    'sends a datagram',
    `import { createSocket } from 'node:dgram'\nawait new Promise((done) => { try { const socket = createSocket('udp4'); socket.send('x', ${port}, '127.0.0.1', (error) => { tell(error); socket.close(); done(0) }) } catch (error) { tell(error); done(0) } })`,
  )

  // Environment.
  top('tells its environment', 'tell(JSON.stringify(process.env))')
  top('tells how it was started', 'tell(JSON.stringify([process.argv, process.execArgv, process.title]))')
  top(
    'asks the system who it is',
    `import * as os from 'node:os'\nfor (const ask of [os.userInfo, os.homedir, os.hostname]) tryTo(() => JSON.stringify(ask()))`,
  )

  // Without an end.
  top('loops', 'while (true) {}', LATE, 4000)
  role('loops in a role', 'while (true) {}', LATE, 4000)
  top('waits for ever', 'setInterval(() => 0, 1000)\nawait new Promise(() => 0)', LATE, 4000)
  top('backtracks for ever', "/^(a+)+$/.test('a'.repeat(60) + 'b')", LATE, 4000)
  top('stops all of its threads', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)', LATE, 4000)

  // Large.
  role(
    'declares a gigabyte',
    "for (let at = 0; at < 1100; at += 1) k.file({ path: '/etc/f' + at, content: (at + 'x').repeat(2 ** 18) })",
    LARGE,
  )
  top('makes one text of a gigabyte', "tell('x'.repeat(2 ** 29 - 100) + 'y')\ntell('x'.repeat(2 ** 29 - 100))", LARGE)
  top('fills the memory', 'const all: unknown[] = []\nfor (;;) all.push(new Array(100_000).fill(all.length))', ENDED)
  top('fills buffers', 'const all: unknown[] = []\nfor (;;) all.push(Buffer.alloc(2 ** 26, 1))', LARGE)
  top('answers without an end', `${fs}for (;;) fs.writeSync(3, 'x'.repeat(65536))`, /larger than/)
  top('answers with a deep value', `${fs}fs.writeSync(3, '['.repeat(100_000))\nprocess.exit(0)`, UNUSABLE)
  top(
    'answers with many values',
    `${fs}const text = '[' + '1,'.repeat(3_000_000) + '1]'\nfor (let at = 0; at < text.length; ) at += fs.writeSync(3, text.slice(at, at + 65536))\nprocess.exit(0)`,
    UNUSABLE,
  )

  // Pollution.
  top(
    'pollutes prototypes',
    'Object.assign(Object.prototype, { toJSON() { return { catalogs: [] } }, catalogs: [1], mistakes: [2], source: 3 })',
    /./,
  )
  top('replaces JSON and arrays', 'JSON.stringify = () => \'{"catalogs":[null]}\'\nArray.prototype.map = () => []', /./)
  const forged = (catalog: string): string =>
    `${fs}const answer = ${catalog}\nfs.writeSync(3, typeof answer === 'string' ? answer : JSON.stringify(answer))\nprocess.exit(0)`
  const HOST = `{ name: 'web-1', address: '192.0.2.1', os: 'debian-13', server: 'CX22', cpus: 2, memoryMiB: 4096 }`
  const resourceText = (more: string): string =>
    `{ ref: 'file:/x', type: 'file', name: '/x', desired: {}, needs: [], claims: [], tags: [], protect: false, source: { file: 'a', line: 1, column: 1 }, also: [], ...${more} }`
  top(
    'makes up a prototype',
    forged(`'{"catalogs":[{"host":' + JSON.stringify(${HOST}) + ',"resources":[],"__proto__":{"polluted":1}}]}'`),
    /./,
  )
  top(
    'makes up a state with a prototype',
    forged(
      `JSON.stringify({ catalogs: [{ host: ${HOST}, resources: [${resourceText('{}')}] }] }).replace('"desired":{}', '"desired":{"__proto__":{"polluted":"x"},"constructor":{"prototype":{"polluted":1}}}')`,
    ),
  )
  top(
    'makes up states that no type has',
    forged(
      `{ catalogs: [{ host: ${HOST}, resources: [${["'service'", "'nginx-vhost'", "'ufw-rule'", "'edit'", "'user'", "'command'"].map((type) => resourceText(`{ type: ${type}, ref: ${type} + ':/x', desired: { how: { wishes: [], wish: null }, content: 7, load: {} } }`)).join(', ')}] }] }`,
    ),
  )
  top(
    'makes up a circle',
    forged(
      `{ catalogs: [{ host: ${HOST}, resources: [${resourceText("{ needs: ['file:/y'] }")}, ${resourceText("{ ref: 'file:/y', name: '/y', needs: ['file:/x'] }")}] }] }`,
    ),
    /dependency cycle/,
  )
  for (const [what, text] of [
    ['no JSON', "'{'"],
    ['null', 'null'],
    ['a catalog that is null', '{ catalogs: [null] }'],
    ['one host twice', `{ catalogs: [{ host: ${HOST}, resources: [] }, { host: ${HOST}, resources: [] }] }`],
    [
      'one resource twice',
      `{ catalogs: [{ host: ${HOST}, resources: [${resourceText('{}')}, ${resourceText('{}')}] }] }`,
    ],
    ['a ref of another', `{ catalogs: [{ host: ${HOST}, resources: [${resourceText("{ ref: 'file:/other' }")}] }] }`],
    [
      'a type that is a prototype',
      `{ catalogs: [{ host: ${HOST}, resources: [${resourceText("{ ref: '__proto__:/x', type: '__proto__' }")}] }] }`,
    ],
    ['a number that is none', `{ catalogs: [{ host: { ...${HOST}, cpus: 'many' }, resources: [] }] }`],
  ] as const)
    top(`answers with ${what}`, forged(text), UNUSABLE)

  // Its own end, or that of others.
  top('exits', 'process.exit(0)', ENDED)
  top('exits with an error', 'process.exit(7)', ENDED)
  top('aborts', 'process.abort()', ENDED)
  isolated(
    'kills itself and what started it',
    "for (const pid of [process.ppid, 0, process.pid]) tryTo(() => process.kill(pid, 'SIGKILL'))\nprocess.exit(3)",
    ENDED,
  )
  isolated('kills all there is', "tryTo(() => process.kill(-1, 'SIGKILL'))")
  top(
    'throws later',
    "setTimeout(() => { throw new Error('later') }, 1)\nawait new Promise((done) => setTimeout(done, 300))",
    ENDED,
  )
  top('closes the answer', `${fs}fs.closeSync(3)`, ENDED)

  // Output.
  top('prints', "for (let at = 0; at < 10_000; at += 1) { console.log('\\x1b[2J spam'); console.error('spam') }")
  top(
    'prints on every descriptor',
    `${fs}for (let fd = 4; fd < 40; fd += 1) tryTo(() => fs.writeSync(fd, 'spam'))`,
    /./,
    10_000,
  )

  // What it starts.
  const children = "import * as children from 'node:child_process'\n"
  top(
    'starts a shell',
    `${children}for (const shell of ['/bin/sh', 'sh', '/old/bin/sh', '/usr/bin/env']) tryTo(() => children.execFileSync(shell, ['-c', 'cat ${foreign}/secret.txt'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))`,
  )
  top(
    'starts Node, which stays',
    `${children}tryTo(() => children.spawn(process.execPath, ['-e', "setInterval(() => 0, 1000) /* ${folder} */"], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 3] }).unref())`,
  )
  top(
    'starts Node, which reads',
    `${children}tryTo(() => children.execFileSync(process.execPath, ['-p', "require('fs').readFileSync('${foreign}/secret.txt', 'utf8')"], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))`,
  )
  top(
    'works in threads',
    `import { Worker } from 'node:worker_threads'\ntryTo(() => new Worker('for (;;) {}', { eval: true }).unref())\ntryTo(() => new Worker("require('fs').readFileSync('${foreign}/secret.txt')", { eval: true }).on('error', tell))`,
  )
  top(
    'mounts what it may not',
    `${children}tryTo(() => children.execFileSync('/usr/tools/mount', ['-o', 'remount,bind,rw', '/'], { encoding: 'utf8', stdio: 'pipe' }))\ntryTo(() => children.execFileSync('/usr/tools/setpriv', ['--dump'], { encoding: 'utf8', stdio: 'pipe' }))`,
  )
  top('opens an inspector', "import * as inspector from 'node:inspector'\ntryTo(() => inspector.open(0, '127.0.0.1'))")

  // Names.
  const names: [string, string][] = [
    ['escapes of terminals', '\\x1b[2J\\x1b]52;c;eA\\x07\\x9b2J'],
    ['letters that turn a line around', '\\u202e/etc/evil\\u2066\\u200b'],
    ['lines that look like ours', '/x\\nPlan: nothing to do\\n  + file /etc/x'],
    ['markup', '/<script>alert(1)</script><img src=x onerror=y>|`@everyone #1'],
    ['half of a pair', '/\\ud800'],
  ]
  for (const [what, text] of names) {
    top(
      `names with ${what}`,
      forged(
        `{ catalogs: [{ host: ${HOST}, resources: [${resourceText(`{ ref: 'file:${text}', name: '${text}', desired: { content: '${text}', '${text}': 1 }, tags: ['${text}'], source: { file: '${text}', line: 1, column: 1 } }`)}] }] }`,
      ),
    )
    top(`errors with ${what}`, `throw new Error('${text}')`, /./)
  }
  top(
    'a name without an end',
    forged(
      `{ catalogs: [{ host: ${HOST}, resources: [${resourceText("{ ref: 'file:/' + 'x'.repeat(70_000), name: '/' + 'x'.repeat(70_000) }")}] }] }`,
    ),
    UNUSABLE,
  )
  return attacks
}
