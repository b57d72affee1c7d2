/**
 * Root's hands at the very instants at which another account may exchange something: a function in the place of a command
 * does it then.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PRELUDE } from '../../lib/kit/prelude.ts'
import type { Output } from '../../lib/kit/resourceType.ts'
import { dash, scratchFolder } from '../resources/dash.ts'

const test = suite("root's hands")
const [DAEMON, NOBODY] = [1, 65534]

/** A folder of nobody's, and beside it one of root's own with a file in it. */
function place(): { app: string; root: string } {
  const folder = scratchFolder()
  chmodSync(folder, 0o755)
  const [app, root] = [join(folder, 'app'), join(folder, 'root')]
  mkdirSync(app)
  mkdirSync(root, { mode: 0o700 })
  chownSync(app, NOBODY, NOBODY)
  writeFileSync(join(root, 'file'), 'of root\n', { mode: 0o600 })
  return { app, root }
}

/** @param hooks Shell functions in the place of commands. */
function run(text: string, hooks = ''): Output {
  const folder = scratchFolder()
  const [P, kept] = [join(folder, '1/2/3'), join(folder, 'kept')]
  mkdirSync(P, { recursive: true })
  mkdirSync(kept)
  writeFileSync(join(P, 'new'), 'new\n')
  return dash(`set -eu\n${PRELUDE}\n${hooks}\n${text}\n`, { P })
}

const WRITE = 'replace_file "$APP/a" nobody nogroup 0640 "$P/new"'
const at = ({ app, root }: { app: string; root: string }, text: string): string => `APP=${app} ROOT=${root}\n${text}`

test('a file comes to its place in the folder of another account, and nothing else is left there', () => {
  const both = place()
  assert.is(run(at(both, WRITE)).stderr, '')
  const { mode, uid } = statSync(join(both.app, 'a'))
  assert.equal([mode & 0o7777, uid, readdirSync(both.app)], [0o640, NOBODY, ['a']])
})

test('a link in the folder of another account is not followed', () => {
  const both = place()
  symlinkSync(both.root, join(both.app, 'conf'))
  for (const text of ['replace_file "$APP/conf/file" nobody nogroup 0644 "$P/new"', 'remove_file "$APP/conf/file"'])
    assert.match(run(at(both, text)).stderr, /app\/conf is a link, and lies in .*app, a folder of nobody/)
  assert.is(readFileSync(join(both.root, 'file'), 'utf8'), 'of root\n')
})

test('a folder that becomes a link while it is entered is noticed', () => {
  const both = place()
  mkdirSync(join(both.app, 'conf'))
  const hook = `cd() { case $2 in ./conf) mv "$APP/conf" "$APP/was"; ln -s "$ROOT" "$APP/conf" ;; esac; command cd "$@"; }`
  assert.match(run(at(both, 'remove_file "$APP/conf/file"'), hook).stderr, 'was exchanged while it was entered')
  assert.ok(existsSync(join(both.root, 'file')))
})

test('a folder that becomes another of root beside it, by a link, is noticed', () => {
  const both = place()
  mkdirSync(join(both.app, 'conf'))
  mkdirSync(join(both.app, 'other'), { mode: 0o700 })
  writeFileSync(join(both.app, 'other/file'), 'other')
  const hook = `cd() { case $2 in ./conf) mv "$APP/conf" "$APP/was"; ln -s other "$APP/conf" ;; esac; command cd "$@"; }`
  assert.match(run(at(both, 'remove_file "$APP/conf/file"'), hook).stderr, 'was exchanged while it was entered')
  assert.ok(existsSync(join(both.app, 'other/file')))
})

for (const [what, exchange] of [
  ['a link to a folder of root', 'ln -s "$ROOT" "$made"'],
  ['a folder of its own', 'mkdir -m 0700 "$made"; chown nobody "$made"'],
  ['a folder of root with something in it', 'mkdir -m 0700 "$made"; echo x > "$made/x"'],
] as const) {
  test(`where what is made ready lies is exchanged for ${what}: nothing is written there`, () => {
    const both = place()
    const hook = `mktemp() { made=$(command mktemp "$@"); mv "$made" ./was; ${exchange}; echo "$made"; }`
    assert.match(run(at(both, WRITE), hook).stderr, 'was exchanged by another account')
    assert.not(existsSync(join(both.app, 'a')))
    assert.equal(readdirSync(both.root), ['file'])
  })
}

test('where what is made ready lies gets another name: it comes to its place all the same, and nothing is left', () => {
  const both = place()
  const hook = `install() { mv "../$nest" ../renamed; ln -s "$ROOT" "../$nest"; command install "$@"; }`
  assert.is(run(at(both, WRITE), hook).exit, 0)
  assert.is(readFileSync(join(both.app, 'a'), 'utf8'), 'new\n')
  assert.equal(
    readdirSync(both.app).filter((name) => !name.startsWith('.keelson')),
    ['a'],
  )
  assert.equal(readdirSync(both.root), ['file'])
})

test('a file with a second name elsewhere is not read, written or given away', () => {
  const both = place()
  linkSync(join(both.root, 'file'), join(both.app, 'a'))
  for (const text of [
    'read_file "$APP/a" "$P/copy"',
    'rights() { chown nobody "$1"; }; change_file "$APP/a" rights root nobody',
  ])
    assert.match(run(at(both, text)).stderr, 'has other names')
  assert.is(statSync(join(both.root, 'file')).uid, 0)
})

test('rights are given to the file that was looked at, and not to what took its name', () => {
  const both = place()
  writeFileSync(join(both.app, 'a'), '')
  const hook = `rights() { ln -sfn "$ROOT/file" "$APP/a"; chmod 0666 "$1"; }`
  run(at(both, 'change_file "$APP/a" rights root'), hook)
  assert.is(statSync(join(both.root, 'file')).mode & 0o777, 0o600)
})

test('a file of another owner than was seen is not given away', () => {
  const both = place()
  writeFileSync(join(both.app, 'a'), '')
  chownSync(join(both.app, 'a'), DAEMON, DAEMON)
  const text = 'rights() { chown nobody "$1"; }; change_file "$APP/a" rights root nobody'
  assert.match(run(at(both, text)).stderr, 'belongs to daemon by now')
  assert.is(statSync(join(both.app, 'a')).uid, DAEMON)
})

test('what was in one file does not get the owner and mode of another', () => {
  const both = place()
  writeFileSync(join(both.app, 'a'), 'secret', { mode: 0o600 })
  const text = `read_file "$APP/a" "$P/copy"; mv "$APP/a" "$APP/was"; echo > "$APP/a"; chown nobody "$APP/a"
replace_text "$APP/a" "$P/copy" "$P/copy"`
  assert.match(run(at(both, text)).stderr, 'was exchanged meanwhile')
  assert.is(readFileSync(join(both.app, 'a'), 'utf8'), '\n')
})

test('a file that is replaced twice in a step is the same to the second', () => {
  const both = place()
  writeFileSync(join(both.app, 'a'), 'old\n')
  chownSync(join(both.app, 'a'), NOBODY, DAEMON)
  const text = `read_file "$APP/a" "$P/copy"; replace_text "$APP/a" "$P/copy" "$P/new"; replace_text "$APP/a" "$P/copy" "$P/copy"`
  assert.is(run(at(both, text)).stderr, '')
  assert.equal([readFileSync(join(both.app, 'a'), 'utf8'), statSync(join(both.app, 'a')).gid], ['old\n', DAEMON])
})

test('pipes and links are not read', () => {
  const both = place()
  dash(`mkfifo ${both.app}/pipe; ln -s ${both.root}/file ${both.app}/link`)
  assert.match(run(at(both, 'read_file "$APP/pipe" "$P/copy"')).stderr, 'is not a file')
  assert.match(run(at(both, 'read_file "$APP/link" "$P/copy"')).stderr, 'is a link')
})

test('a file that is longer than is read is refused, and what is very long is not kept', () => {
  const both = place()
  dash(`truncate -s 9M ${both.app}/a; truncate -s 65M ${both.app}/b`)
  assert.match(run(at(both, 'read_file "$APP/a" "$P/copy"')).stderr, 'is longer than')
  const { stderr, stdout } = run(
    at(both, 'replace_file "$APP/b" root root 0600 "$P/new"; ls "$kept"; put_back "$APP/b"'),
  )
  assert.equal([stdout, /was too long to be kept/.test(stderr)], ['log\nlong\nwas\n', true])
})

test('a folder of one account below that of another is refused, and one of root there is not', () => {
  const both = place()
  mkdirSync(join(both.app, 'theirs'))
  chownSync(join(both.app, 'theirs'), DAEMON, DAEMON)
  mkdirSync(join(both.app, 'ours'))
  const write = (name: string): Output => run(at(both, `replace_file "$APP/${name}/x" root root 0644 "$P/new"`))
  assert.match(write('theirs').stderr, /theirs belongs to daemon and lies in .*app, a folder of nobody/)
  assert.is(write('ours').stderr, '')
})

test('what a killed run left is cleared with its next file, and folders of others that look alike stay', () => {
  const both = place()
  for (const name of ['.keelson.old.x', '.keelson.mine', '.keelson.theirs']) mkdirSync(join(both.app, name), 0o700)
  writeFileSync(join(both.app, '.keelson.old.x/keelson.new'), 'secret')
  writeFileSync(join(both.app, '.keelson.mine/data'), 'x')
  chownSync(join(both.app, '.keelson.theirs'), NOBODY, NOBODY)
  run(at(both, WRITE))
  assert.equal(readdirSync(both.app).sort(), ['.keelson.mine', '.keelson.theirs', 'a'])
})

test('a folder is given to nobody but as it was seen', () => {
  const both = place()
  const text = 'rights() { chown nobody "$1"; }; make_directory "$APP/data" rights nobody'
  assert.is(run(at(both, text)).stderr, '')
  assert.is(statSync(join(both.app, 'data')).uid, NOBODY)
  renameSync(join(both.app, 'data'), join(both.app, 'was'))
  mkdirSync(join(both.app, 'data'))
  assert.match(run(at(both, text)).stderr, 'belongs to root by now')
})

test.run()
