/**
 * The first hour, as its page tells it: every file is written, and every command run, in the order of the page, with the
 * package and a throw-away host in the place of the server.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Block, blocksOf, fileOf } from '../support/docBlocks.ts'
import { freshHost, sshArguments, sshOk } from '../support/host.ts'
import { BIN, newFolder } from '../support/packed.ts'

const test = suite('first hour')

const PAGE = 'docs/first-hour.md'
/** What follows needs no server, and takes away every throw-away host of the machine. */
const END = lineOf('## Without a server')
const ADDRESS = '192.0.2.1'

function lineOf(text: string): number {
  return readFileSync(PAGE, 'utf8').split('\n').indexOf(text) + 1
}

const host = await freshHost('debian-13')
const folder = newFolder()
const home = mkdtempSync(join(tmpdir(), 'keelson-home-'))
process.once('exit', () => rmSync(home, { recursive: true }))

/** npm has nothing to do: the package is there. Without a terminal nobody can be asked. */
const TOOLS = `set -e
npm() { :; }
npx() {
  shift
  case $1 in converge | undo) set -- "$@" --yes ;; esac
  '${process.execPath}' '${BIN}' "$@"
}
ssh() { shift; command ssh ${sshArguments(host).map(quoted).join(' ')} "$@"; }
`

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

type Ended = { exit: number; said: string }

function run(text: string, cwd: string): Promise<Ended> {
  const person = { GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@shop.example' }
  const committer = { GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@shop.example' }
  const env = { ...process.env, ...person, ...committer, HOME: home }
  return new Promise((resolve) => {
    const child = execFile('bash', ['-c', TOOLS + text], { cwd, env }, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code ?? 1), said: stdout + stderr }),
    )
    child.stdin?.end('a value that is typed\n')
  })
}

/** The file of a block, for the host that stands for the server. */
function fileText({ text }: Block): string {
  const own = text.slice(text.indexOf('\n') + 1).replace('ssh-ed25519 AAAA…', host.hostKey)
  const { address, port, identityFile } = host
  return `${own.replace(`'${ADDRESS}'`, `${quoted(address)}, port: ${port}, identityFile: ${quoted(identityFile)}`)}\n`
}

/** A file as init has written it, without the comment on top. */
function initialText(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/^\/\*\*[^]*?\*\/\n/, '')
    .trimEnd()
}

test('every step of the page does what it says', async () => {
  const site = join(folder, 'my-servers')
  const steps = [...blocksOf(PAGE, 'ts'), ...blocksOf(PAGE, 'sh')].sort((a, b) => a.line - b.line)
  const shown = new Set<string>()
  let isKnown = false
  let made = false
  for (const step of steps.filter(({ line }) => line < END)) {
    const name = fileOf(step)
    if (name !== undefined) {
      const text = fileText(step)
      if (!shown.has(name)) assert.is(step.text.replace(/^.*\n/, ''), initialText(join(site, name)))
      shown.add(name)
      isKnown ||= text.includes('hostKey')
      writeFileSync(join(site, name), text)
      continue
    }
    if (/^import /m.test(step.text)) continue
    const { exit, said } = await run(step.text, made ? site : folder)
    made = true
    const expected = step.text.includes('keelson plan') && !isKnown ? 5 : 0
    assert.is(exit, expected, `${PAGE}:${step.line}: ${step.text}\n${said}`)
    if (expected === 5) assert.match(said, `hostKey: '${host.hostKey}'`)
    if (process.env['SHOW'] !== undefined) console.log(`$ ${step.text}\n${said}`)
  }
  // The undo took the mistake away, and what the page declared before it is what the server has.
  assert.is(await sshOk(host, 'cat /srv/shop/index.html; systemctl is-active nginx'), '<h1>Open soon</h1>\nactive\n')
})

test.run()
