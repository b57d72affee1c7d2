/**
 * Hostile text through the string fields of the resource types: what is declared is kept as it is, or refused by name;
 * it is never executed. What was kept is asked of the host's own tools. Fields of which there are thousands of strings in
 * test/torture/hostile are left to those.
 *
 * KEELSON_SEED chooses other random values; the seed in use is in the name of the suite.
 */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import {
  aptPackage,
  authorizedKeys,
  command,
  cronJob,
  directory,
  dropIn,
  edit,
  file,
  group,
  type Handle,
  nginxSnippet,
  postgresDatabase,
  postgresHba,
  postgresRole,
  redisSetting,
  service,
  sysctl,
  timer,
  ufwRule,
  unit,
  user,
} from '../../lib/index.ts'
import { catalogOf, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const seed = Number(process.env['KEELSON_SEED'] ?? 20_261_123)
const test = suite(`hostile text, seed ${seed}`)
const host = await freshHost('debian-13')

/** What runs in a shell, in psql or anywhere else makes a file here. */
const CANARY = '/srv/canary'
const TOUCH = `touch ${CANARY}/hit`
await sshOk(
  host,
  `mkdir -m 1777 ${CANARY}; mkdir /srv/h; apt-get -q update >/dev/null
   DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends cron nginx postgresql redis-server sudo ufw >/dev/null`,
)

const KNOWN: readonly string[] = [
  `$(${TOUCH})`,
  `\`${TOUCH}\``,
  `'; ${TOUCH}; '`,
  `"; ${TOUCH}; "`,
  `\\'; ${TOUCH} #`,
  `'"'"'`,
  `| ${TOUCH}`,
  `& ${TOUCH} &`,
  `; ${TOUCH}`,
  `> ${CANARY}/hit`,
  `\n${TOUCH}\n`,
  `x\nEOF\n${TOUCH}`,
  `\\! ${TOUCH}`,
  `'); \\! ${TOUCH}\n--`,
  `'; copy (select 1) to program '${TOUCH}'; --`,
  `$$; select 1; $$`,
  "E'\\x27'",
  '-rf',
  '--help',
  '$HOME ${PATH} $1',
  '$host $request_uri',
  '%h %n %% %{x} 100%',
  '{{ x }} ${{ y }}',
  '<%= x %>',
  'é ü ß 日本',
  'é',
  '\u202Eabc',
  '👩‍👩‍👧',
  ' lead',
  'trail ',
  'two  blanks',
  'a\tb',
  'back\\slash\\',
  '\\n\\x41\\101',
  '*?[a]{b,c}',
  '~root',
  '# comment',
  '!x !!',
  'a=b',
  'a,b',
  'a:b',
  'a/b',
  '../..',
  '"',
  "'",
  '`',
  '$',
  '\\',
  'a\0b',
  '\u0007\u001b[31mred',
  'a\rb',
  'a\u2028b',
  'x'.repeat(300),
  '',
]
const values: readonly string[] = [
  ...KNOWN,
  ...fc.sample(fc.string({ unit: 'grapheme', maxLength: 40 }), { seed, numRuns: 20 }),
  ...fc.sample(fc.string({ unit: 'binary-ascii', maxLength: 40 }), { seed, numRuns: 20 }),
]

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrSp5wqE/QGEgyAnFzUEE+VeU2O4qoUinJCx626Z3FX'
/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }

type Field = {
  /** Declares a resource with the value; `n` keeps each apart from the others. */
  declare: (value: string, n: number) => Handle<never> | object
  /** Asks the host's own tools for it. */
  asked?: (value: string, n: number) => string
  /** What they must answer, where that is not the value itself. */
  kept?: (value: string, n: number) => string
}

/** Text that the root's shell prints for a witness: bytes as they are. */
const FIELDS: { readonly [field: string]: Field } = {
  'file path': {
    declare: (value) => file({ path: `/srv/h/path/${value}`, content: 'x', after: directory({ path: '/srv/h/path' }) }),
  },
  'file content': {
    declare: (value, n) => file({ path: `/srv/h/content-${n}`, content: value }),
    asked: (_, n) => `cat /srv/h/content-${n}`,
  },
  'file owner': { declare: (value, n) => file({ path: `/srv/h/owner-${n}`, content: '', owner: value }) },
  'edit line': {
    declare: (value, n) => edit({ path: `/srv/h/line-${n}`, line: value, create: true }),
    asked: (_, n) => `head -c -1 /srv/h/line-${n}`,
  },
  'edit block': {
    declare: (value, n) =>
      edit({ path: `/srv/h/block-${n}`, block: { name: 'b', content: `${value}\n` }, create: true }),
    asked: (_, n) => `sed '1d;$d' /srv/h/block-${n} | head -c -1`,
  },
  'edit block name': {
    declare: (value, n) => edit({ path: `/srv/h/name-${n}`, block: { name: value, content: 'x\n' }, create: true }),
  },
  'user name': { declare: (value) => user({ name: value }) },
  'user comment': {
    declare: (value, n) => user({ name: `u${n}`, comment: value, createHome: false }),
    asked: (_, n) => `getent passwd u${n} | cut -d: -f5 | head -c -1`,
  },
  'user home': { declare: (value, n) => user({ name: `v${n}`, home: `/srv/h/${value}`, createHome: false }) },
  'group name': { declare: (value) => group({ name: value }) },
  'authorized key comment': {
    declare: (value, n) => authorizedKeys({ user: `k${n}`, keys: [`${KEY} ${value}`], after: user({ name: `k${n}` }) }),
    asked: (_, n) => `cut -d' ' -f3- /home/k${n}/.ssh/authorized_keys | head -c -1`,
  },
  'cron schedule': { declare: (value, n) => cronJob({ name: `t${n}`, schedule: value, command: ':' }) },
  'sysctl key': { declare: (value) => sysctl({ key: `net.${value}`, value: 1 }) },
  'sysctl value': { declare: (value) => sysctl({ key: 'net.ipv4.tcp_fin_timeout', value }) },
  'ufw comment': {
    declare: (value, n) => ufwRule({ action: 'deny', port: 20_000 + n, protocol: 'tcp', comment: value }),
    asked: (_, n) => `sed -n 's/^### tuple ### deny tcp ${20_000 + n} .* comment=//p' /etc/ufw/user.rules |
       python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))'`,
  },
  'ufw source': { declare: (value) => ufwRule({ action: 'deny', from: value }) },
  'unit description': {
    declare: (value, n) =>
      unit({ name: `d${n}.service`, unit: { Description: value }, service: { ExecStart: '/bin/true' } }),
    asked: (_, n) => `systemctl show -P Description d${n}.service | head -c -1`,
    // systemd takes blanks at the ends away, and a unit without a description is called by its name.
    kept: (value, n) => value.trim() || `d${n}.service`,
  },
  'drop-in name': {
    declare: (value) => dropIn({ unit: 'cron.service', name: value, service: { Environment: 'A=b' } }),
  },
  'timer description': {
    declare: (value, n) =>
      timer({ name: `m${n}.timer`, onCalendar: 'yearly', starts: 'cron.service', description: value }),
  },
  'timer calendar': {
    declare: (value, n) => timer({ name: `o${n}.timer`, onCalendar: value, starts: 'cron.service' }),
  },
  'service name': { declare: (value) => service({ name: `${value}.service`, running: false }) },
  'nginx snippet path': { declare: (value) => nginxSnippet({ path: `snippets/${value}`, content: '# x\n' }) },
  'package name': { declare: (value) => aptPackage({ name: value, ensure: 'absent' }) },
  'command name': { declare: (value) => command({ name: value, check: 'true', apply: ':' }) },
  'command folder': {
    declare: (value, n) => command({ name: `folder ${n}`, check: 'true', apply: ':', directory: `/${value}` }),
  },
  'role validity': { declare: (value, n) => postgresRole({ name: `w${n}`, validUntil: value }) },
  'database owner': { declare: (value, n) => postgresDatabase({ name: `d${n}`, owner: value }) },
  'hba user': {
    declare: (value) => postgresHba({ type: 'local', database: 'all', user: value, method: 'reject' }),
  },
  'redis value': { declare: (value) => redisSetting({ name: 'requirepass', value }) },
}

/** The values that the recipe's checks take. Fails for one that is refused without the field's resource being named. */
function accepted(name: string, { declare }: Field): { value: string; n: number }[] {
  return values.flatMap((value, n) => {
    try {
      catalogOf(host, () => void declare(value, n))
      return [{ value, n }]
    } catch (error) {
      assert.instance(error, RecipeError, `${name} ${JSON.stringify(value)}: ${String(error)}`)
      assert.match(String(error), 'hostile.test.ts:', `${name} ${JSON.stringify(value)}`)
      return []
    }
  })
}

/** One resource for each name, as two values may be one to it. */
function declareAll(field: Field, taken: readonly { value: string; n: number }[]) {
  return (): void => {
    for (const { value, n } of taken) field.declare(value, n)
  }
}

let tried = 0

async function assertNothingRan(name: string): Promise<void> {
  assert.is(await sshOk(host, `ls ${CANARY}`), '', `${name} was executed`)
}

/** Where only one resource can have a value at a time. */
const ONE_BY_ONE = ['sysctl value', 'redis value']

for (const [name, field] of Object.entries(FIELDS)) {
  test(`${name}: kept as it is or refused, and never run`, async () => {
    const taken = accepted(name, field)
    tried += values.length
    const groups = ONE_BY_ONE.includes(name)
      ? taken.slice(0, 12).map((one) => [one])
      : taken.length === 0
        ? []
        : [taken]
    for (const some of groups) {
      const { changes } = await convergeOn(host, declareAll(field, some), SCOPED)
      const failed = changes.filter(({ outcome }) => outcome === 'failed')
      for (const { ref, failure } of failed) assert.ok(failure?.said, `${ref} was refused without a word`)
      await assertNothingRan(name)
      const bad = new Set(
        changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped').map(({ ref }) => ref),
      )
      const again = await planOn(host, declareAll(field, some), SCOPED)
      assert.equal(
        again.changes.filter(({ ref }) => !bad.has(ref)).map(({ ref, fields }) => ({ ref, fields })),
        [],
      )
      if (field.asked !== undefined) await assertKept(field.asked, field.kept ?? ((value) => value), some, bad.size)
    }
  })
}

/** Asks the host for each value, all in one trip; as many as the host refused may differ. */
async function assertKept(
  asked: NonNullable<Field['asked']>,
  kept: NonNullable<Field['kept']>,
  taken: readonly { value: string; n: number }[],
  refused: number,
): Promise<void> {
  const script = taken.map(({ value, n }) => `{ ${asked(value, n)}; } 2>/dev/null | base64 -w0; echo`).join('\n')
  const { stdout } = await ssh(host, script)
  const answers = stdout.split('\n').map((line) => Buffer.from(line, 'base64').toString())
  const differing = taken.filter(({ value, n }, index) => answers[index] !== kept(value, n))
  assert.ok(
    differing.length <= refused,
    differing
      .map(
        ({ value, n }) =>
          `${n}: ${JSON.stringify(value)} is ${JSON.stringify(answers[taken.findIndex((one) => one.n === n)])}`,
      )
      .join('\n'),
  )
}

test('file names are on the disk as they were declared', async () => {
  const names = accepted('file path', FIELDS['file path']!)
    .map(({ value }) => value)
    .filter((value) => !value.includes('/'))
  const there = (await sshOk(host, `find /srv/h/path -type f -printf '%P\\0'`))
    .split('\0')
    .filter((each) => each !== '')
  assert.equal(there.sort(), [...new Set(names)].sort())
})

test('thousands of values were tried', () => {
  assert.ok(tried > 2000, String(tried))
})

test.run()
