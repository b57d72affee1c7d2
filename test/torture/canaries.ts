/**
 * Secrets that can be recognised in any form, sent through every type that takes one, on a real host: they are where they
 * belong and nowhere else, however a run ends.
 *
 * A case is one of their values, in all its forms, looked for in one sink after one way of ending.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { sshArguments, sshOk } from '../support/host.ts'
import { type Ended, startSite, writeSite } from '../support/siteFile.ts'
import { Random } from './random.ts'

/** What each secret is for, where it may stand on the host, and its value made of two random parts. */
const USES: { readonly [name: string]: { places: string[]; value: (a: string, b: string) => string } } = {
  'in-file': { places: ['/etc/app/key', '/etc/app/judged'], value: (a, b) => `${a}'"$HOME\\&/ü% ${b}` },
  'in-block': { places: ['/etc/app/theirs'], value: (a, b) => `${a} "$(id)" ${b}` },
  'in-vhost': { places: ['/etc/nginx/sites-available/site'], value: (a, b) => `${a}-${b}` },
  'in-redis': { places: ['/etc/redis/redis.conf'], value: (a, b) => `${a}'"$x\\${b}` },
  'in-role': { places: [], value: (a, b) => `${a}'"$x\\ü${b}` },
  'in-input': { places: ['/etc/app/given'], value: (a, b) => `${a}'"$x\\${b}` },
  'in-shadow': {
    places: ['/etc/shadow', '/etc/shadow-'],
    value: (a, b) => `$6$${a.slice(0, 16)}$${b}${'x'.repeat(62)}`,
  },
}

export type Canary = { name: string; value: string; places: string[]; parts: string[] }

/** New values for all of them. */
export function canaries(random: Random): Canary[] {
  const part = (): string => Array.from({ length: 24 }, () => random.below(16).toString(16)).join('')
  return Object.entries(USES).map(([name, { places, value }]) => {
    const [a, b] = [part(), part()]
    return { name, places, parts: [a, b], value: value(a, b) }
  })
}

const bytesOf = (part: string, form: (byte: string) => string): string =>
  Array.from(Buffer.from(part), (byte) => form(byte.toString(16).padStart(2, '0'))).join('')

/** A part stays what it is in URLs, in JSON and in quotes of any kind; the other forms are those of its bytes. */
export const FORMS: { readonly [form: string]: (part: string) => string[] } = {
  plain: (part) => [part],
  'upper case': (part) => [part.toUpperCase()],
  hex: (part) => [bytesOf(part, (byte) => byte), bytesOf(part, (byte) => byte.toUpperCase())],
  'hex, byte by byte': (part) => [bytesOf(part, (byte) => ` ${byte}`), bytesOf(part, (byte) => `:${byte}`).slice(1)],
  // Wherever it begins in the text that was encoded; what depends on its neighbours is left out.
  base64: (part) =>
    [0, 1, 2].map((before) => {
      const encoded = Buffer.from('x'.repeat(before) + part).toString('base64')
      return encoded.slice(before === 0 ? 0 : 4, -4)
    }),
  'URL, each byte of it': (part) => [
    bytesOf(part, (byte) => `%${byte}`),
    bytesOf(part, (byte) => `%${byte.toUpperCase()}`),
  ],
  'JSON, each character of it': (part) => [bytesOf(part, (byte) => `\\u00${byte}`)],
  'shell, each byte of it': (part) => [
    bytesOf(part, (byte) => `\\x${byte}`),
    bytesOf(part, (byte) => `\\${Number.parseInt(byte, 16).toString(8).padStart(3, '0')}`),
  ],
  // A text that was cut anywhere still has one of them whole, or too little to matter.
  'half of it': (part) => [part.slice(0, 12), part.slice(12)],
}

type Pattern = { canary: Canary; form: string; word: string }

const patternsOf = (all: readonly Canary[]): Pattern[] =>
  all.flatMap((canary) =>
    Object.entries(FORMS).flatMap(([form, of]) =>
      canary.parts.flatMap((part) => of(part).map((word) => ({ canary, form, word }))),
    ),
  )

/** Older than all that is searched: no secret was there yet. */
const PREPARED = '/root/prepared'
/** What is searched; one call of grep, because the words come on its standard input. */
const LIST = '/run/searched'

/** Every file that holds one of the words, of all that the host has written since it was prepared. */
export async function search(host: SandboxHost, words: readonly string[]): Promise<{ file: string; word: string }[]> {
  const command = `find / \\( -path /proc -o -path /sys -o -name journal \\) -prune -o -type f -cnewer ${PREPARED} -print0 > ${LIST} 2>/dev/null
xargs -0 -x -n 100000 -s 1500000 -a ${LIST} grep -aoHFsf - || [ $? = 123 ]`
  const child = spawn('ssh', [...sshArguments(host), command], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(words.join('\n'))
  const [out, [exit]] = await Promise.all([text(child.stdout), once(child, 'close')])
  assert.is(exit, 0, 'the host was not searched')
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ file: line.slice(0, line.indexOf(':')), word: line.slice(line.indexOf(':') + 1) }))
}

/** Sinks that are files of the host; the first that fits a path has it. */
const FILES: { readonly [sink: string]: RegExp } = {
  '/proc/*/cmdline': /^\/run\/watch\/cmdline$/,
  '/proc/*/environ': /^\/run\/watch\/environ$/,
  'what nobody can read': /^\/run\/watch\/stranger$/,
  'temp files while it ran': /^\/run\/watch\/temp$/,
  'the PostgreSQL log': /^\/var\/log\/postgresql\/./,
  'the ledger': /^\/var\/lib\/keelson\/ledger/,
  'what runs keep for undo': /^\/var\/lib\/keelson\/runs\/[^/]*\.kept\//,
  'the records of runs': /^\/var\/lib\/keelson\/runs\/./,
  'temp files': /^\/(tmp|var\/tmp|dev\/shm|run)\//,
  'the disk': /^\//,
}

const sinkOf = (file: string): string | undefined => Object.keys(FILES).find((sink) => FILES[sink]!.test(file))

/** Says what of all this is missing: there nothing could be found. */
const THERE = `for file in /run/watch/cmdline /run/watch/environ /run/watch/stranger /run/watch/temp \\
  /var/log/postgresql/*.log /var/lib/keelson/ledger.json /var/lib/keelson/runs/*.kept/states; do
  [ -s "$file" ] || echo "$file"
done
[ -n "$(find /var/lib/keelson/runs -name '*.json')" ] || echo records`

/**
 * Watchers that print each line they see once: two look at all processes, one, as nobody, at files, and one at what lies
 * where temporary files do. The two that read files begin with a line of their own. Each is a session of its own, which
 * the kernel would give as much time as everything else together that works in one.
 */
const WATCHERS = `install -d -m 700 /run/watch
cat > /usr/local/bin/yield <<'END'
[ ! -e /proc/self/autogroup ] || until echo 10 > /proc/self/autogroup; do sleep 0.1; done
exec sh "$@"
END
cat > /usr/local/bin/watch-proc <<'END'
while :; do cat /proc/[0-9]*/"$1" 2>/dev/null; done | tr '\\0' '\\n' | awk '!seen[$0]++ { print; fflush() }'
END
cat > /usr/local/bin/watch-stranger <<'END'
cd /etc
while :; do
  echo looks
  cat app/* app/.keelson* nginx/sites-*/* nginx/sites-*/.keelson* redis/* redis/.keelson* .keelson* shadow* 2>/dev/null
  cat /run/keelson/* /run/keelson/*/* /run/keelson/*/*/*/* /tmp/* /tmp/.keelson* 2>/dev/null
  cat /var/lib/keelson/* /var/lib/keelson/runs/* /var/lib/keelson/runs/*/* /var/lib/keelson/runs/*/*/* 2>/dev/null
done | awk '!seen[$0]++ { print; fflush() }'
END
cat > /usr/local/bin/watch-temp <<'END'
while :; do
  echo looks
  find /tmp /var/tmp /dev/shm -type f -exec cat {} + 2>/dev/null
done | awk '!seen[$0]++ { print; fflush() }'
END`

/** Makes a host ready for all that follows. */
export async function prepareCanaries(host: SandboxHost): Promise<void> {
  await sshOk(
    host,
    `apt-get -q update >/dev/null
     DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends postgresql redis-server nginx-light >/dev/null
     cd / && runuser -u postgres -- psql -qc "alter system set log_statement = 'all'" -c 'select pg_reload_conf()' >/dev/null
     install -d /etc/app && printf 'a\\nb\\n' > /etc/app/theirs && chmod 600 /etc/app/theirs`,
  )
  await sshOk(host, `${WATCHERS}\ntouch ${PREPARED}`)
}

const UNITS = 'watch-cmdline watch-environ watch-stranger watch-temp'

/** Looks at all processes, and at all files a stranger can read or that are temporary, whenever nobody else has work. */
async function startWatching(host: SandboxHost): Promise<void> {
  const start = ([name, program, more = '']: string[]): string =>
    `systemd-run -q --collect --unit=watch-${name} ${more} -p StandardOutput=truncate:/run/watch/${name} -p Nice=19 sh /usr/local/bin/yield /usr/local/bin/${program}`
  await sshOk(
    host,
    [
      `rm -f /run/ended /run/gate /run/go; systemctl stop ${UNITS} 2>/dev/null || :`,
      ...[
        ['cmdline', 'watch-proc cmdline'],
        ['environ', 'watch-proc environ'],
        ['stranger', 'watch-stranger', '--uid=nobody'],
        ['temp', 'watch-temp'],
      ].map(start),
    ].join('\n'),
  )
}

async function stopWatching(host: SandboxHost): Promise<void> {
  await sshOk(host, `systemctl stop ${UNITS}`)
}

/** How the step that is last of all ends. */
const ENDS = {
  well: 'true',
  // Says all it was given, in several forms, and so often that it is cut off, with 40 of its 53 bytes left there.
  badly: `cat /etc/app/given; base64 -w0 /etc/app/given; od -An -v -tx1 /etc/app/given | tr -d ' \\n'; echo
    for time in $(seq 500); do cat /etc/app/given; done >&2; printf %20s . >&2; exit 3`,
  late: 'touch /run/gate; timeout 60 sh -c "until [ -e /run/go ]; do sleep 0.05; done"',
}

/** A client that gets this signal dies by an error that nobody catches and that says all it knows. */
const CRASH = `process.once('SIGUSR2', () => {
  throw new Error('crashed, with ' + Object.entries(process.env).filter(([name]) => name.startsWith('KEELSON_SECRET_')).map(([, value]) => value).join(' and '))
})`

function role(end: string, judge = 'test -s %'): string {
  return `
${CRASH}
const folder = directory({ path: '/etc/app' })
const key = file({ path: '/etc/app/key', content: conf\`key=\${secret('in-file')}\\n\`, after: folder })
edit({ path: '/etc/app/theirs', block: { name: 'key', content: conf\`\${secret('in-block')}\\n\` }, after: folder })
const vhost = nginxVhost({ name: 'site', serverNames: ['a.example'], raw: conf\`set $key "\${secret('in-vhost')}";\`, locations: [{ path: '/', return: { code: 204 } }] })
service({ name: 'nginx.service', running: true, reloadOn: [vhost], settleMs: 100 })
redisSetting({ name: 'requirepass', value: secret('in-redis') })
postgresRole({ name: 'canary', login: true, password: secret('in-role') })
user({ name: 'canary', passwordHash: secret('in-shadow') })
const given = command({ name: 'give', check: 'test -e /etc/app/given', apply: 'umask 077; cat > /etc/app/given; echo it has; cat /etc/app/given', input: secret('in-input'), after: folder })
file({ path: '/etc/app/judged', content: conf\`key=\${secret('in-file')}\\n\`, validate: ${JSON.stringify(judge)}, after: key })
command({ name: 'end', check: 'test -e /run/ended', apply: ${JSON.stringify(end)} + '; touch /run/ended', after: given })`
}

/** The same things, in which nothing is secret any more: what they replace still is. */
const PLAIN = `
file({ path: '/etc/app/key', content: 'key=none\\n' })
edit({ path: '/etc/app/theirs', block: { name: 'key', content: 'none\\n' } })
nginxVhost({ name: 'site', serverNames: ['a.example'], raw: 'set $key "none";', locations: [{ path: '/', return: { code: 204 } }] })
redisSetting({ name: 'requirepass', value: 'none' })`

export const ENDINGS = ['ok', 'change', 'fail', 'crash', 'worker killed', 'client killed'] as const
type Ending = (typeof ENDINGS)[number]

/** How a run comes out by itself, or what is done to it at its gate. */
const ENDINGS_OF: { readonly [ending in Ending]: { code: number } | { kill: string } | { signal: NodeJS.Signals } } = {
  ok: { code: 0 },
  change: { code: 0 },
  fail: { code: 7 },
  crash: { signal: 'SIGUSR2' },
  'worker killed': { kill: "systemctl kill --signal=KILL 'keelson-[0-9]*.service'" },
  'client killed': { signal: 'SIGKILL' },
}

type Texts = { [sink: string]: string }

/** Runs on one host that end in one way after another. */
export class Canaries {
  readonly #host: SandboxHost
  readonly #random: Random
  /** The values that the host has, and those it had before. */
  #known: Canary[] = []
  #before: Canary[] = []
  /** Where its client may put temporary files. */
  #temp = ''
  readonly #cases = new Set<string>()

  constructor(host: SandboxHost, seed: number) {
    this.#host = host
    this.#random = new Random(seed)
  }

  /** How many so far. */
  get cases(): number {
    return this.#cases.size
  }

  /** A run with new values ends so, is taken back, and done again; every sink is looked at, meanwhile and afterwards. */
  async end(ending: Ending): Promise<void> {
    this.#before = this.#known
    this.#known = canaries(this.#random)
    this.#temp = await mkdtemp(join(tmpdir(), 'keelson-canaries-'))
    try {
      await sshOk(this.#host, 'rm -f /etc/app/given')
      await startWatching(this.#host)
      await this.#endAndComeBack(ending)
      await stopWatching(this.#host)
      await this.#lookAtHost(ending, [])
      this.#look(ending, { 'temp files of the client': await textsIn(this.#temp) })
    } finally {
      await rm(this.#temp, { recursive: true })
    }
  }

  async #endAndComeBack(ending: Ending): Promise<void> {
    const how = ENDINGS_OF[ending]
    const declared = role(ENDS.well)
    const planned = await this.#run(['plan', '--verbose'], declared).ended
    this.#look(ending, { plan: shown(planned) })
    const { stdout, stderr } = await this.#runUntil(ending)
    // A client that was cut off may have said nothing.
    this.#look(ending, { stdout: `-${stdout}`, [ending === 'crash' ? 'crash output' : 'stderr']: `-${stderr}` })
    // What was cut off leaves its programs until they, or the next run, end.
    if (!('code' in how)) await this.#lookAtHost(ending, ['/run/keelson/'])
    await sshOk(this.#host, 'touch /run/go')
    if ('signal' in how) await this.#again(ending)
    const undone = await this.#run(['undo', '--yes', '--verbose'], declared).ended
    this.#look(ending, { undo: shown(undone) })
    await this.#again(ending)
    this.#look(ending, await this.#tellings())
  }

  /** Comes back to where all is as declared. */
  async #again(ending: Ending): Promise<void> {
    const again = await this.#run(['converge', '--yes', '--wait', '--json'], role(ENDS.well)).ended
    assert.is(again.code, 0, `after ${ending}: ${shown(again)}`)
    assert.match(await sshOk(this.#host, 'cat /etc/app/key'), this.#known[0]!.value)
    this.#look(ending, { report: again.stdout })
  }

  /** What is told of a host and its runs. */
  async #tellings(): Promise<Texts> {
    const declared = role(ENDS.well)
    const run = (await sshOk(this.#host, 'ls /var/lib/keelson/runs')).match(/(\d+)\.json/)![1]!
    const commands: { readonly [sink: string]: string[] } = {
      runs: ['runs'],
      'one run': ['runs', run],
      'runs as JSON': ['runs', '--json'],
      graph: ['graph'],
      'graph as JSON': ['graph', '--json'],
    }
    const texts: Texts = {}
    for (const [sink, args] of Object.entries(commands)) texts[sink] = shown(await this.#run(args, declared).ended)
    // Nobody tells this client what the values were.
    const site = writeSite({ here: this.#host }, PLAIN)
    texts['a plan without secrets'] = shown(await startSite(site, ['plan', '--verbose']).ended)
    texts['that plan as JSON'] = shown(await startSite(site, ['plan', '--json']).ended)
    return texts
  }

  async #runUntil(ending: Ending): Promise<Ended> {
    const how = ENDINGS_OF[ending]
    const declared =
      ending === 'fail' ? role(ENDS.badly, 'cat % >&2; exit 1') : role('code' in how ? ENDS.well : ENDS.late)
    const { child, ended } = this.#run(['converge', '--yes', '--verbose'], declared)
    if (!('code' in how)) {
      await sshOk(this.#host, 'timeout 60 sh -c "until [ -e /run/gate ]; do sleep 0.05; done"')
      if ('kill' in how) await sshOk(this.#host, how.kill)
      else child.kill(how.signal)
    }
    const result = await ended
    if ('code' in how) assert.is(result.code, how.code, shown(result))
    if (ending === 'fail') assert.match(shown(result), '(secret)')
    if (ending === 'crash') assert.match(result.stderr, 'crashed, with')
    return result
  }

  /** @param besides Folders in which a run that did not end may leave its programs. */
  async #lookAtHost(ending: Ending, besides: readonly string[]): Promise<void> {
    assert.is(await sshOk(this.#host, THERE), '', 'there is nothing to look at in these')
    this.#look(ending, { 'the journal': await sshOk(this.#host, 'journalctl --sync; journalctl -a -o export') })
    const patterns = patternsOf(this.#all)
    for (const { file, word } of await search(
      this.#host,
      patterns.map((pattern) => pattern.word),
    )) {
      const { canary, form } = patterns.find((pattern) => pattern.word === word)!
      const isThere = canary.places.includes(file) || besides.some((folder) => file.startsWith(folder))
      assert.ok(isThere, `after ${ending}: ${canary.name} is in ${sinkOf(file)}, ${form}: ${file}`)
    }
    for (const sink of Object.keys(FILES)) this.#count(ending, sink)
  }

  #look(ending: Ending, texts: Texts): void {
    const patterns = patternsOf(this.#all)
    for (const [sink, content] of Object.entries(texts)) {
      assert.ok(content.length > 0, `nothing to look at in ${sink}`)
      for (const { canary, form, word } of patterns) {
        const at = content.indexOf(word)
        const around = content.slice(Math.max(0, at - 60), at + 60)
        assert.is(at, -1, `after ${ending}: ${canary.name} is in ${sink}, ${form}: ${around}`)
      }
      this.#count(ending, sink)
    }
  }

  get #all(): Canary[] {
    return [...this.#before, ...this.#known]
  }

  #count(ending: Ending, sink: string): void {
    for (const { value } of this.#all) this.#cases.add(`${ending}\0${sink}\0${value}`)
  }

  /** Runs the command line. */
  #run(args: readonly string[], declared: string): ReturnType<typeof startSite> {
    const values = this.#known.map(({ name, value }) => [
      `KEELSON_SECRET_${name.toUpperCase().replace('-', '_')}`,
      value,
    ])
    const more = { ...Object.fromEntries(values), TMPDIR: this.#temp }
    return startSite(writeSite({ here: this.#host }, declared), args, more)
  }
}

const shown = ({ stdout, stderr }: Ended): string => stdout + stderr

/** Names and contents of all files below a folder. */
async function textsIn(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  const contents = await Promise.all(files.map((file) => readFile(file, 'latin1')))
  return files.map((file, index) => `${file}\n${contents[index]}`).join('\n')
}

/** All ways of ending, one after another. */
export async function endEveryWay(host: SandboxHost, seed: number): Promise<number> {
  const round = new Canaries(host, seed)
  for (const ending of ENDINGS) await round.end(ending)
  return round.cases
}
