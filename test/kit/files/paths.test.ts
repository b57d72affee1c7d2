/**
 * Files, directories and links: what is read, compared and written, in a folder on this machine.
 */
import fc from 'fast-check'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { conf } from '../../../lib/dsl/conf.ts'
import { secret } from '../../../lib/kit/secret.ts'
import { schemaProblems } from '../../../lib/dsl/validate.ts'
import { differences } from '../../../lib/kit/byField.ts'
import {
  type Change,
  desiredOf,
  mistakesIn,
  type Output,
  type ResourceType,
  type Step,
} from '../../../lib/kit/resourceType.ts'
import { directory } from '../../../lib/resources/files/directory.ts'
import { file } from '../../../lib/resources/files/file.ts'
import { pathNeeds } from '../../../lib/kit/files/paths.ts'
import { symlink } from '../../../lib/resources/files/symlink.ts'
import { comparing, context, dash, runSteps, scratchFolder } from '../../resources/dash.ts'

const test = suite('files, directories and links')
const folder = scratchFolder()
let count = 0

/** A path nothing stands at, with a name that a shell would take apart. */
function newPath(): string {
  count += 1
  return join(folder, `-n it's "$(${count})" \`ü\` *`)
}

function read<Props extends object, State extends object, Key extends keyof Props, Going extends keyof Props>(
  type: ResourceType<Props, State, Key, Going>,
  props: Props,
): State | null {
  const wanted = [{ name: type.name(props), desired: desiredOf(type, props) }]
  const reading = type.read.parse(dash(type.read.command(wanted)), wanted)
  if (!(reading instanceof Map)) throw new Error('unknown')
  return reading.get(type.name(props)) ?? null
}

function changeOf<Props extends object, State extends object, Key extends keyof Props, Going extends keyof Props>(
  type: ResourceType<Props, State, Key, Going>,
  props: Props,
): Change<State> | undefined {
  const name = type.name(props)
  const before = read(type, props)
  const after = desiredOf(type, props)
  if (after === null) return before === null ? undefined : { kind: 'remove', name, before, after, fields: [] }
  if (before === null) return { kind: 'create', name, before, after, fields: [] }
  const fields = differences(type, after, before, comparing)
  return fields.length === 0 ? undefined : { kind: 'change', name, before, after, fields }
}

function stepsOf<Props extends object, State extends object, Key extends keyof Props, Going extends keyof Props>(
  type: ResourceType<Props, State, Key, Going>,
  props: Props,
): Step[] {
  const change = changeOf(type, props)
  if (change === undefined) return []
  return change.kind === 'remove' ? type.remove(change, context) : type.steps(change, context)
}

function apply<Props extends object, State extends object, Key extends keyof Props, Going extends keyof Props>(
  type: ResourceType<Props, State, Key, Going>,
  props: Props,
): Output {
  return runSteps(stepsOf(type, props))
}

/** Applied, it is in order, and applying the same once more changes nothing. */
function converge<Props extends object, State extends object, Key extends keyof Props, Going extends keyof Props>(
  type: ResourceType<Props, State, Key, Going>,
  props: Props,
): void {
  const steps = stepsOf(type, props)
  for (const round of [1, 2]) {
    const { exit, stderr } = runSteps(steps)
    assert.is(exit, 0, `round ${round}: ${stderr}`)
  }
  assert.is(changeOf(type, props), undefined)
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8).padStart(4, '0')

test('a file is made with content, owner, group and mode', () => {
  const path = newPath()
  converge(file, { path, content: 'a\n', owner: 'nobody', group: 'daemon', mode: '640' })
  assert.is(readFileSync(path, 'utf8'), 'a\n')
  assert.equal([modeOf(path), statSync(path).uid, statSync(path).gid], ['0640', 65534, 1])
})

test('another mode is set without writing the file anew', () => {
  const path = newPath()
  converge(file, { path, content: 'a\n', mode: '0644' })
  const { ino } = statSync(path)
  converge(file, { path, content: 'a\n', mode: '4711' })
  assert.equal([modeOf(path), statSync(path).ino], ['4711', ino])
})

test('with another owner, or after others could write it, a file is written anew: they may have it open', () => {
  const path = newPath()
  for (const rights of [{ mode: '0666' }, { mode: '0644' }, { owner: 'nobody', group: 'nogroup', mode: '4711' }]) {
    const before = existsSync(path) ? statSync(path).ino : 0
    converge(file, { path, content: 'a\n', ...rights })
    assert.is(modeOf(path), rights.mode)
    assert.is.not(statSync(path).ino, before, rights.mode)
  }
})

test('rights are never wider on the way than before or after', () => {
  const path = newPath()
  writeFileSync(path, '')
  chmodSync(path, 0o666)
  const [step] = stepsOf(file, { path, owner: 'nobody', group: 'nogroup', mode: '0604' })
  const words = step!.run.match(/^ch\w+ .*-- \S+/gm)
  assert.equal(words, ['chmod -- 00604', 'chown -h -- nobody:nogroup', 'chmod -- 00604'])
})

test('content is compared, and what differs is written', () => {
  const path = newPath()
  writeFileSync(path, 'other\n')
  const change = changeOf(file, { path, content: 'a\n' })
  assert.equal(change?.fields, [{ field: 'content', form: 'text', after: 'a\n' }])
  converge(file, { path, content: 'a\n' })
})

test('present text is fetched, and what is no text or too long is told by its size', () => {
  const paths = [newPath(), newPath(), newPath(), newPath()] as const
  writeFileSync(paths[0], 'gr\u00fcn\n')
  writeFileSync(paths[1], Buffer.from([0xff, 0, 1]))
  writeFileSync(paths[2], 'x'.repeat(1_048_577))
  writeFileSync(paths[3], 'last')
  const texts = file.fetch!.parse(dash(file.fetch!.command([...paths, '/nosuch', folder])))
  assert.equal(
    [...texts].map(([path, { text }]) => [path, text]),
    [
      [paths[0], 'gr\u00fcn\n'],
      [paths[1], '(not text, 3 bytes)'],
      [paths[2], '(1048577 bytes, too long to show)'],
      [paths[3], 'last'],
    ],
  )
})

test('text below a folder that others cannot enter is told to be private', () => {
  const inner = newPath()
  mkdirSync(inner)
  writeFileSync(`${inner}/a`, 'a')
  const isPrivate = (mode: number): boolean | undefined => {
    chmodSync(inner, mode)
    return file.fetch!.parse(dash(file.fetch!.command([`${inner}/a`]))).get(`${inner}/a`)?.isPrivate
  }
  // The tests' own folder is closed, as mkdtemp makes it.
  const around = [folder, dirname(folder)]
  around.forEach((each) => chmodSync(each, 0o755))
  assert.equal([0o700, 0o710, 0o711, 0o755].map(isPrivate), [true, true, false, false])
  around.forEach((each) => chmodSync(each, 0o700))
})

test('a file without content keeps what is in it', () => {
  const path = newPath()
  writeFileSync(path, 'kept')
  chmodSync(path, 0o600)
  converge(file, { path, mode: '0644' })
  assert.is(readFileSync(path, 'utf8'), 'kept')
})

test('a file with a secret is 0600 unless said, and the secret is in no program and no field', () => {
  const path = newPath()
  const props = { path, content: conf`key=${secret('token')}` }
  const change = changeOf(file, props)!
  const steps = stepsOf(file, props)
  assert.not.match(JSON.stringify([change, steps.map(({ run, title }) => [run, title])]), 'S3CRET')
  converge(file, props)
  assert.is(modeOf(path), '0600')
  assert.match(readFileSync(path, 'utf8'), 'key=S3CRET')
  writeFileSync(path, 'key=other')
  assert.equal(changeOf(file, props)?.fields, [{ field: 'content', form: 'secret' }])
})

test('a link is replaced by the file and what it leads to is left alone', () => {
  const path = newPath()
  const target = newPath()
  writeFileSync(target, 'theirs')
  symlinkSync(target, path)
  converge(file, { path, content: 'ours' })
  assert.ok(lstatSync(path).isFile())
  assert.is(readFileSync(target, 'utf8'), 'theirs')
})

test('a link is not given rights in place of what it leads to', () => {
  const path = newPath()
  const target = newPath()
  writeFileSync(target, 'theirs')
  chmodSync(target, 0o600)
  symlinkSync(target, path)
  assert.match(apply(file, { path, mode: '0666' }).stderr, 'is a link; give its content')
  assert.is(modeOf(target), '0600')
})

test('a directory where a file should be is an error and stays', () => {
  const path = newPath()
  mkdirSync(path)
  assert.match(apply(file, { path, content: 'x' }).stderr, 'is a directory')
  assert.match(runSteps(stepsOf(file, { path, ensure: 'absent' })).stderr, 'is a directory')
  assert.ok(statSync(path).isDirectory())
})

test('a judge sees the candidate with its final rights, and a refused one leaves the old file', () => {
  const path = newPath()
  converge(file, { path, content: 'good\n', mode: '0640' })
  const validate = '[ "$(stat -c %%a %)" = 640 ]\ngrep -qx good %'
  converge(file, { path, content: 'good\n', mode: '0640', validate })
  const { exit, stderr } = apply(file, { path, content: 'bad\n', mode: '0640', validate })
  assert.is(exit, 1)
  assert.match(stderr, 'the old file is still in place')
  assert.is(readFileSync(path, 'utf8'), 'good\n')
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith('.keelson')),
    [],
  )
})

test('a source is read where Keelson runs, small text into the catalog and the rest by its digest', () => {
  const source = newPath()
  const path = newPath()
  writeFileSync(source, Buffer.from([0, 0xff, 10]))
  assert.is(file.desired({ path, source })!.content, undefined)
  converge(file, { path, source })
  assert.equal([...readFileSync(path)], [0, 0xff, 10])
  writeFileSync(source, 'text')
  assert.is(file.desired({ path, source })!.content, 'text')
  writeFileSync(source, Buffer.alloc(300_000, 120))
  assert.ok(JSON.stringify(file.desired({ path, source })).length < 500)
})

test('a source that cannot be read, and content beside a source, are mistakes', () => {
  assert.match(file.check!({ path: '/x', source: '/nosuch' })[0]!, 'ENOENT')
  assert.match(file.check!({ path: '/x', source: '/tmp' })[0]!, 'EISDIR')
  assert.is(file.check!({ path: '/x', source: '/etc/hostname', content: 'x' }).length, 1)
})

test('a name too long for the file that is written first is a mistake', () => {
  const path = (bytes: number): string => `/srv/${'é'.repeat(bytes / 2)}`
  assert.equal([file.check!({ path: path(246) }), symlink.check!({ path: path(246), target: 'x' })], [[], []])
  assert.match(file.check!({ path: path(248) })[0] ?? '', 'longer than 246 bytes')
  assert.match(symlink.check!({ path: path(248), target: 'x' })[0] ?? '', 'longer than 246 bytes')
})

test('a removed file is gone, also when it is a link', () => {
  const path = newPath()
  symlinkSync('/etc/hostname', path)
  converge(file, { path, ensure: 'absent' })
  assert.ok(existsSync('/etc/hostname'))
})

test('many files are read by the same number of processes as one', () => {
  const commands = (paths: string[]): number =>
    (file.read.command(paths.map((name) => ({ name, desired: null }))).match(/\b(find|sha256sum|stat|cat)\b/g) ?? [])
      .length
  assert.is(commands(['/a']), commands(Array.from({ length: 50 }, (_, index) => `/${index}`)))
})

test('a directory is made with those above it, and its rights follow the recipe', () => {
  const path = `${newPath()}/a/b`
  converge(directory, { path, owner: 'nobody', group: 'daemon', mode: '2750' })
  assert.equal([modeOf(path), statSync(path).uid, statSync(path).gid], ['2750', 65534, 1])
  converge(directory, { path, mode: '0755' })
  assert.equal([modeOf(path), statSync(path).uid], ['0755', 0])
})

test('a link or a file where a directory should be is an error and stays', () => {
  const [target, link, plain] = [newPath(), newPath(), newPath()]
  mkdirSync(target, { mode: 0o700 })
  symlinkSync(target, link)
  writeFileSync(plain, '')
  assert.match(apply(directory, { path: link, mode: '0777' }).stderr, 'is a link')
  assert.is(modeOf(target), '0700')
  assert.match(apply(directory, { path: plain }).stderr, 'is not a directory')
})

test('an exclusive directory loses what is not named, as planned', () => {
  const path = newPath()
  mkdirSync(join(path, 'old/deep'), { recursive: true })
  for (const name of ['keep', '-rf', 'a b', '$(id)\n']) writeFileSync(join(path, name), '')
  const change = changeOf(directory, { path, only: ['keep', 'later'] })!
  assert.equal(change.fields, [{ field: 'others', form: 'list', before: ['$(id)\n', '-rf', 'a b', 'old'], after: [] }])
  assert.is(directory.consequence!(change, { reveal: String }), 'destructive')
  converge(directory, { path, only: ['keep', 'later'] })
  assert.equal(readdirSync(path), ['keep'])
})

test('what came into an exclusive directory after the plan is not removed', () => {
  const path = newPath()
  mkdirSync(path)
  writeFileSync(join(path, 'old'), '')
  const steps = stepsOf(directory, { path, only: [] })
  writeFileSync(join(path, 'new'), '')
  runSteps(steps)
  assert.equal(readdirSync(path), ['new'])
})

test('two exclusive directories are told apart', () => {
  const [one, two] = [newPath(), newPath()]
  for (const [path, name] of [
    [one, 'z'],
    [two, 'a'],
  ] as const) {
    mkdirSync(path)
    writeFileSync(join(path, name), '')
  }
  const wanted = [one, two].map((path) => ({ name: path, desired: directory.desired({ path, only: [] }) }))
  const reading = directory.read.parse(dash(directory.read.command(wanted)), wanted)
  if (!(reading instanceof Map)) throw new Error('unknown')
  assert.equal([reading.get(one).others, reading.get(two).others], [['z'], ['a']])
})

test('an empty directory is removed, one with something in it only when that is said', () => {
  const path = newPath()
  mkdirSync(path)
  writeFileSync(join(path, 'data'), '')
  assert.match(apply(directory, { path, ensure: 'absent' }).stderr, 'say recursive: true')
  const recursive = { path, ensure: 'absent', recursive: true } as const
  assert.is(directory.consequence!(changeOf(directory, recursive)!, { reveal: String }), 'destructive')
  converge(directory, recursive)
  assert.not(existsSync(path))
  mkdirSync(path)
  converge(directory, { path, ensure: 'absent' })
})

test('folders of the system are not removed with all that is in them', () => {
  for (const path of ['/', '/etc', '/home', '/var/lib', '/usr/bin'])
    assert.is(mistakesIn(directory, { path, ensure: 'absent', recursive: true }).length, 1, path)
  assert.equal(mistakesIn(directory, { path: '/var/lib/thing', ensure: 'absent', recursive: true }), [])
})

test('a link is made, pointed elsewhere, and taken away', () => {
  const path = newPath()
  converge(symlink, { path, target: '../some where' })
  const fields = changeOf(symlink, { path, target: '-n' })?.fields
  assert.equal(fields, [{ field: 'target', form: 'value', before: '../some where', after: '-n' }])
  converge(symlink, { path, target: '-n' })
  assert.is(readlinkSync(path), '-n')
  converge(symlink, { path, ensure: 'absent' })
  assert.not(existsSync(path))
})

test('a link to a folder is replaced, not filled', () => {
  const [path, target] = [newPath(), newPath()]
  mkdirSync(target)
  symlinkSync(target, path)
  converge(symlink, { path, target: '/nosuch' })
  assert.equal([readlinkSync(path), readdirSync(target)], ['/nosuch', []])
})

test('a link takes the place of a file only by force, and never of a directory', () => {
  const [path, full] = [newPath(), newPath()]
  writeFileSync(path, 'data')
  mkdirSync(full)
  assert.match(apply(symlink, { path, target: '/x' }).stderr, 'or say force: true')
  assert.is(readFileSync(path, 'utf8'), 'data')
  converge(symlink, { path, target: '/x', force: true })
  assert.is(apply(symlink, { path: full, target: '/x', force: true }).exit, 1)
  assert.ok(statSync(full).isDirectory())
})

test('only a link is removed as one', () => {
  const path = newPath()
  writeFileSync(path, '')
  assert.match(apply(symlink, { path, ensure: 'absent' }).stderr, 'is not a link')
  assert.ok(existsSync(path))
})

test('a path needs the folders above it, its owner and its group', () => {
  assert.equal(pathNeeds('/a/b/c', { owner: 'ada', group: 'crew' }), [
    'directory:/a',
    'symlink:/a',
    'directory:/a/b',
    'symlink:/a/b',
    'user:ada',
    'group:crew',
    'user:crew',
  ])
})

test('paths, accounts and modes that are none are refused', () => {
  for (const path of ['x', '-rf', '/a/../b', '/a//b', '/a/', '/a\nb', '/a\u0007', '/./a', `/${'a'.repeat(256)}`])
    for (const { schema } of [file, directory, symlink]) assert.ok(schemaProblems(schema, { path }).length > 0, path)
  for (const more of [
    { owner: '-R' },
    { group: 'a:b' },
    { owner: 'a b' },
    { mode: '999' },
    { mode: 'u+s' },
    { mode: '' },
  ])
    for (const { schema } of [file, directory])
      assert.ok(schemaProblems(schema, { path: '/x', ...more }).length > 0, JSON.stringify(more))
  assert.ok(schemaProblems(symlink.schema, { path: '/x', target: 'a\nb' }).length > 0)
  for (const name of ['..', '.', 'a/b', ''])
    assert.ok(schemaProblems(directory.schema, { path: '/x', only: [name] }).length > 0, name)
})

test('any path the schema takes, any content and any target come back as they were', () => {
  const word = fc.oneof(
    fc.constantFrom("'", '$(id)', '`', '\\', '%p', '-n', '*', '~', ' ', '#'),
    fc.string({ unit: 'binary' }),
  )
  const whole = word.filter((each) => Buffer.from(each).toString() === each && !each.includes('\0'))
  const name = whole.filter(
    (each) => !each.includes('/') && each.length < 60 && schemaProblems(file.schema, { path: `/${each}` }).length === 0,
  )
  const target = whole.filter((each) => schemaProblems(symlink.schema, { path: '/x', target: each }).length === 0)
  fc.assert(
    fc.property(name, whole, target, (leaf, content, leadsTo) => {
      fc.pre(symlink.check?.({ path: `/d/${leaf}`, target: leadsTo })?.length === 0)
      const at = join(scratchFolder(), 'd')
      assert.is(apply(directory, { path: at }).exit, 0)
      assert.is(apply(file, { path: `${at}/${leaf}`, content }).exit, 0)
      assert.is(changeOf(file, { path: `${at}/${leaf}`, content }), undefined)
      assert.is(apply(symlink, { path: `${at}/${leaf}`, target: leadsTo, force: true }).exit, 0)
      assert.is(changeOf(symlink, { path: `${at}/${leaf}`, target: leadsTo }), undefined)
      assert.equal(readdirSync(at), [leaf])
    }),
    { numRuns: 20 },
  )
})

test('ownership of a file that root did not make is taken over', () => {
  const path = newPath()
  writeFileSync(path, 'a')
  chownSync(path, 65534, 65534)
  converge(file, { path, content: 'a' })
  assert.is(statSync(path).uid, 0)
})

test.run()
