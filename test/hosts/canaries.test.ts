/**
 * Secrets that can be recognised in any form, sent through every type that takes one, on a real host: they are where they
 * belong and nowhere else, however a run ends.
 */
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshArguments, sshOk } from '../support/host.ts'
import { type Ended, startSite, writeSite } from '../support/siteFile.ts'

const test = suite('canaries')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `apt-get -q update >/dev/null
   DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends postgresql redis-server nginx-light >/dev/null
   cd / && runuser -u postgres -- psql -qc "alter system set log_statement = 'all'" -c 'select pg_reload_conf()' >/dev/null
   install -d /etc/app && printf 'a\\nb\\n' > /etc/app/theirs && chmod 600 /etc/app/theirs`,
)

/** What each secret is for, where it may stand on the host, and its value made of two random parts. */
const USES: { readonly [name: string]: { places: string[]; value: (a: string, b: string) => string } } = {
  'in-file': { places: ['/etc/app/key'], value: (a, b) => `${a}'"$HOME\\&/ü% ${b}` },
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

type Canary = { name: string; value: string; places: string[]; parts: string[] }

/** New values for all of them. */
function canaries(): Canary[] {
  return Object.entries(USES).map(([name, { places, value }]) => {
    const parts = [12, 12].map((bytes) => randomBytes(bytes).toString('hex'))
    return { name, places, parts, value: value(parts[0]!, parts[1]!) }
  })
}

/** A part stays what it is in quotes of any kind; the other forms are those of bytes. */
const FORMS: { readonly [form: string]: (part: string) => string[] } = {
  plain: (part) => [part],
  'upper case': (part) => [part.toUpperCase()],
  hex: (part) => [Buffer.from(part).toString('hex'), Buffer.from(part).toString('hex').toUpperCase()],
  // Wherever it begins in the text that was encoded; what depends on its neighbours is left out.
  base64: (part) =>
    [0, 1, 2].map((before) => {
      const encoded = Buffer.from('x'.repeat(before) + part).toString('base64')
      return encoded.slice(before === 0 ? 0 : 4, -4)
    }),
  'half of it': (part) => [part.slice(0, 12), part.slice(12)],
}

const env = (all: readonly Canary[]): { [variable: string]: string } =>
  Object.fromEntries(all.map(({ name, value }) => [`KEELSON_SECRET_${name.toUpperCase().replace('-', '_')}`, value]))

/** How the step that is last of all ends. */
const ENDS = {
  ok: 'true',
  // Says all it was given.
  fail: 'cat /etc/app/given >&2; exit 3',
  wait: 'touch /run/gate; timeout 60 sh -c "until [ -e /run/go ]; do sleep 0.05; done"',
}

function role(end: string, judge = 'test -s %'): string {
  return `
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

/** Runs the command line, and says what it showed. */
function run(all: readonly Canary[], args: readonly string[], site: string): ReturnType<typeof startSite> {
  return startSite(writeSite({ here: host }, site), [...args], env(all))
}

const shown = ({ stdout, stderr }: Ended): string => stdout + stderr

/** Watchers that print each line they see once: one looks at all processes, one, as nobody, at files. */
await sshOk(
  host,
  `cat > /usr/local/bin/watch-processes <<'END'
while :; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; done | tr '\\0' '\\n' | awk '!seen[$0]++ { print; fflush() }'
END
   cat > /usr/local/bin/watch-files <<'END'
cd /etc
while :; do
  cat app/* app/.keelson* nginx/sites-*/* nginx/sites-*/.keelson* redis/* redis/.keelson* .keelson* shadow* 2>/dev/null
  cat /run/keelson/*/* /run/keelson/*/*/*/* /var/lib/keelson/* /tmp/.keelson* 2>/dev/null
done | awk '!seen[$0]++ { print; fflush() }'
END`,
)

/** Looks at all processes and at all files a stranger can read, all the time, until `stopWatching`. */
async function startWatching(): Promise<void> {
  await sshOk(
    host,
    `rm -f /run/ended /run/gate /run/go; systemctl stop watch-processes watch-files 2>/dev/null
     systemd-run -q --collect --unit=watch-processes -p StandardOutput=truncate:/dev/shm/processes sh /usr/local/bin/watch-processes
     systemd-run -q --collect --unit=watch-files --uid=nobody -p StandardOutput=truncate:/tmp/stranger sh /usr/local/bin/watch-files`,
  )
}

async function stopWatching(): Promise<void> {
  await sshOk(host, 'systemctl stop watch-processes watch-files')
  // Both have seen something, or they could find nothing.
  assert.is(await sshOk(host, 'test -s /dev/shm/processes && test -s /tmp/stranger && echo both'), 'both\n')
}

let looked = 0
/** @param besides Folders in which a run that did not end may leave its programs. */
async function assertNowhere(
  all: readonly Canary[],
  texts: { [sink: string]: string },
  besides: string[] = [],
): Promise<void> {
  const patterns = all.flatMap((canary) =>
    Object.entries(FORMS).flatMap(([form, of]) =>
      canary.parts.flatMap((part) => of(part).map((pattern) => ({ canary, form, pattern }))),
    ),
  )
  const journal = await sshOk(host, 'journalctl --sync; journalctl -a -o export')
  for (const [sink, content] of Object.entries({ ...texts, journal })) {
    assert.ok(content.length > 0, `nothing to look at in ${sink}`)
    for (const { canary, form, pattern } of patterns) {
      assert.not.ok(content.includes(pattern), `${canary.name} is in ${sink}, ${form}`)
      looked += 1
    }
  }
  const found = await search(patterns.map(({ pattern }) => pattern))
  for (const { file, word } of found) {
    const { canary, form } = patterns.find(({ pattern }) => pattern === word)!
    const allowed = canary.places.includes(file) || (canary.name === 'in-file' && file === '/etc/app/judged')
    const isBeside = besides.some((folder) => file.startsWith(folder))
    assert.ok(allowed || isBeside, `${canary.name} is in ${file}, ${form}`)
  }
  looked += patterns.length
}

/** Every file of the host that holds one of the words. */
async function search(words: readonly string[]): Promise<{ file: string; word: string }[]> {
  const command = `grep -raoFf - --exclude-dir=proc --exclude-dir=sys --exclude-dir=journal / 2>/dev/null; [ $? -le 2 ]`
  const child = spawn('ssh', [...sshArguments(host), command], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(words.join('\n'))
  const [out] = await Promise.all([text(child.stdout), once(child, 'close')])
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ file: line.slice(0, line.lastIndexOf(':')), word: line.slice(line.lastIndexOf(':') + 1) }))
}

test('the search finds what is there, in each form', async () => {
  const [canary] = canaries()
  const [part] = canary!.parts
  for (const of of Object.values(FORMS)) {
    for (const word of of(part!)) {
      await sshOk(host, `printf %s 'before ${word} after' > /srv/found`)
      assert.ok(
        (await search([word])).some(({ file }) => file === '/srv/found'),
        word,
      )
    }
  }
  await sshOk(host, 'rm /srv/found')
})

let known = canaries()

test('in plans, and in a converge that goes well', async () => {
  const planned = await run(known, ['plan', '--verbose'], role(ENDS.ok)).ended
  await startWatching()
  const { code, ...ended } = await run(known, ['converge', '--yes', '--verbose'], role(ENDS.ok)).ended
  await stopWatching()
  assert.is(code, 0, shown({ code, ...ended }))
  assert.match(await sshOk(host, 'cat /etc/app/key'), known[0]!.value)
  await assertNowhere(known, { plan: shown(planned), converge: shown({ code, ...ended }) })
})

test('in a converge that changes each of them, and in its report', async () => {
  const before = known
  known = canaries()
  await sshOk(host, 'rm /etc/app/given')
  await startWatching()
  const ended = await run(known, ['converge', '--yes', '--json'], role(ENDS.ok)).ended
  await stopWatching()
  assert.is(ended.code, 0, shown(ended))
  await assertNowhere([...before, ...known], { converge: shown(ended) })
})

test('in a converge that fails, whose steps say what they were given', async () => {
  const before = known
  known = canaries()
  await sshOk(host, 'rm /etc/app/given')
  await startWatching()
  const ended = await run(known, ['converge', '--yes', '--verbose'], role(ENDS.fail, 'cat % >&2; exit 1')).ended
  await stopWatching()
  assert.is(ended.code, 7, shown(ended))
  assert.match(shown(ended), '(secret)')
  await assertNowhere([...before, ...known], { converge: shown(ended) })
})

for (const [what, kill] of [
  ['the worker is killed', "systemctl kill --signal=KILL 'keelson-[0-9]*.service'"],
  ['the client is killed', undefined],
] as const) {
  test(`in a converge in which ${what}`, async () => {
    const before = known
    known = canaries()
    await sshOk(host, 'rm -f /etc/app/given')
    await startWatching()
    const { child, ended } = run(known, ['converge', '--yes', '--verbose'], role(ENDS.wait))
    await sshOk(host, 'timeout 60 sh -c "until [ -e /run/gate ]; do sleep 0.05; done"')
    if (kill === undefined) child.kill('SIGKILL')
    else await sshOk(host, kill)
    const cut = await ended
    await assertNowhere([...before, ...known], { converge: `-${shown(cut)}` }, ['/run/keelson/'])
    await sshOk(host, 'touch /run/go')
    const again = await run(known, ['converge', '--yes', '--wait'], role(ENDS.ok)).ended
    await stopWatching()
    assert.is(again.code, 0, shown(again))
    await assertNowhere([...before, ...known], { converge: shown(again) })
  })
}

test('all that was looked at was enough', () => {
  assert.ok(looked >= 500, String(looked))
})

test.run()
