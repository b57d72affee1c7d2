/**
 * What keeps a host going, on real hosts: kernel modules, files that systemd makes at boot, and the rotation of logs.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { aptPackage, directory, file, kernelModule, logrotate, tmpfiles, user } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, undoOn } from '../support/converge.ts'
import { freshHost, onEach, ssh, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
await onEach(hosts, (host) =>
  sshOk(
    host,
    'apt-get -q update >/dev/null; DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends kmod logrotate >/dev/null',
  ),
)
const test = suite('upkeep')
const on = (title: string, work: (host: SandboxHost) => Promise<void>): void => test(title, () => onEach(hosts, work))

const MODULE = 'kernel-module:br_netfilter'
const module =
  (props: Partial<Parameters<typeof kernelModule>[0]> = {}): (() => void) =>
  () =>
    void kernelModule({ name: 'br-netfilter', ...props, after: aptPackage({ name: 'kmod' }) })
const files = (host: SandboxHost): Promise<string> =>
  sshOk(
    host,
    'cd /etc; for f in modules-load.d/keelson-* modprobe.d/keelson-*; do [ ! -e $f ] || { echo $f; cat $f; }; done',
  )
const BOTH =
  'modules-load.d/keelson-br_netfilter.conf\nbr_netfilter\nmodprobe.d/keelson-br_netfilter.conf\noptions br_netfilter a=1 b=on\n'

on('a host that cannot load a module says so, and is not asked to at boot', async (host) => {
  const report = await convergeOn(host, module(), SCOPED)
  assert.match(changeOf(report, MODULE).failure?.said ?? '', /Module br_netfilter not found[^]*say now: false/)
  assert.is(await files(host), '')
})

on('a module is loaded at boot, with its options, and what another hand wrote is taken back', async (host) => {
  const declare = module({ options: { b: 'on', a: 1 }, now: false })
  await convergeAsPlanned(host, declare, SCOPED)
  assert.is(await files(host), BOTH)
  assert.is(await sshOk(host, 'modprobe --showconfig | grep "^options br"'), 'options br_netfilter a=1 b=on\n')
  for (const [by, field] of [
    ['echo other > /etc/modules-load.d/keelson-br_netfilter.conf', 'atBoot'],
    ['chmod 666 /etc/modules-load.d/keelson-br_netfilter.conf', 'atBoot'],
    ['echo options br_netfilter a=2 > /etc/modprobe.d/keelson-br_netfilter.conf', 'options'],
  ]) {
    await sshOk(host, by!)
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    const { cause, fields } = changeOf(plan, MODULE)
    assert.equal([cause, fields.map((each) => each.field)], ['drift', [field]])
    assert.is(await files(host), BOTH)
  }
})

/** The kernel's own list, and a program that adds to it: a container has neither modules nor the right to load one. */
const STAND_IN = String.raw`mkdir -p /lib/modules/$(uname -r)
cat > /usr/local/sbin/modprobe <<'END'
#!/bin/sh
[ "$2" != nosuch ] || { echo "modprobe: FATAL: Module nosuch not found" >&2; exit 1; }
echo "kernel/net/$2.ko" >> /lib/modules/$(uname -r)/modules.builtin
END
chmod +x /usr/local/sbin/modprobe`

on('a module is loaded now, and what loaded it stays so when it is no longer declared', async (host) => {
  await sshOk(host, STAND_IN)
  const { plan } = await convergeAsPlanned(host, module({ options: { a: 1 } }), SCOPED)
  assert.equal(
    changeOf(plan, MODULE).fields.map(({ field }) => field),
    ['loaded', 'options'],
  )
  const { summary, changes } = await undoOn(host, module({ options: { a: 1 } }), SCOPED)
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.is(await files(host), BOTH)
  await convergeAsPlanned(host, module({ ensure: 'absent' }), SCOPED)
  assert.is(await files(host), '')
  await sshOk(host, 'rm -r /usr/local/sbin/modprobe /lib/modules')
})

const MADE = 'tmpfiles:app'
const FILE = '/etc/tmpfiles.d/app.conf'
const ENTRIES: Parameters<typeof tmpfiles>[0]['entries'] = [
  { type: 'd', path: '/run/app', mode: '0750', user: 'nobody', group: 'nogroup', age: '10d' },
  { type: 'f', path: '/run/app/my note', mode: '0640', argument: 'on %b' },
  { type: 'L', path: '/run/app/link', argument: '/srv' },
]
const makes =
  (entries = ENTRIES): (() => void) =>
  () => {
    tmpfiles({ name: 'app', entries })
    file({ path: '/run/app/conf', content: 'x\n' })
  }

on('what systemd is to make at boot is made at once, before what lies in it', async (host) => {
  await convergeAsPlanned(host, makes(), SCOPED)
  assert.is(
    await sshOk(
      host,
      "stat -c '%A %U' /run/app; readlink /run/app/link; cat '/run/app/my note' | cut -c 1-3; cat /run/app/conf",
    ),
    'drwxr-x--- nobody\n/srv\non \nx\n',
  )
  assert.is(await sshOk(host, 'rm -r /run/app; systemd-tmpfiles --create; ls /run/app'), 'link\nmy note\n')
  await convergeAsPlanned(host, makes(), SCOPED)
})

on('another text, and a folder that was removed, are drift', async (host) => {
  await sshOk(host, `sed -i s/0750/0777/ ${FILE}; rm -r /run/app`)
  const { plan } = await convergeAsPlanned(host, makes(), SCOPED)
  const { cause, fields } = changeOf(plan, MADE)
  assert.equal([cause, fields.map(({ field }) => field)], ['drift', ['content', 'missing']])
  assert.is(await sshOk(host, "stat -c '%a' /run/app"), '750\n')
})

on(
  'an account that is not there, and a path that another account could redirect, are told; the file stays',
  async (host) => {
    const before = await sshOk(host, `cat ${FILE}`)
    const unknown = await convergeOn(
      host,
      () => void tmpfiles({ name: 'app', entries: [{ type: 'd', path: '/run/x', user: 'nosuch' }] }),
      SCOPED,
    )
    assert.match(changeOf(unknown, MADE).failure?.said ?? '', 'there is no user nosuch; declare it first')
    await sshOk(host, 'ln -sfn /etc /run/app/conf.d; chown -h nobody /run/app/conf.d')
    const led = await convergeOn(
      host,
      () =>
        void tmpfiles({
          name: 'app',
          entries: [...ENTRIES, { type: 'd', path: '/run/app/conf.d/led', user: 'nobody' }],
        }),
      SCOPED,
    )
    assert.match(changeOf(led, MADE).failure?.said ?? '', /unsafe path transition[^]*put back as it was/)
    assert.is(await sshOk(host, `cat ${FILE}; ls -d /etc/led 2>/dev/null || :`), before)
  },
)

on('undo and absence take the file away, and leave what was made', async (host) => {
  await convergeAsPlanned(host, makes([{ type: 'd', path: '/run/app' }]), SCOPED)
  const { summary } = await undoOn(host, makes([{ type: 'd', path: '/run/app' }]), SCOPED)
  assert.is(summary.failed, 0)
  assert.match(await sshOk(host, `cat ${FILE}`), 'd /run/app 0750 nobody nogroup 10d\n')
  await convergeAsPlanned(host, () => void tmpfiles({ name: 'app', entries: ENTRIES, ensure: 'absent' }), SCOPED)
  assert.is(await sshOk(host, `ls ${FILE} 2>/dev/null; ls -d /run/app`), '/run/app\n')
})

const LOGS = 'logrotate:app'
const rotates =
  (props: Partial<Parameters<typeof logrotate>[0]> = {}): (() => void) =>
  () => {
    const account = user({ name: 'app', system: true })
    const logs = directory({ path: '/var/log/app', owner: 'app' })
    logrotate({
      name: 'app',
      paths: ['/var/log/app/*.log', '/var/log/app-*/x.log'],
      frequency: 'daily',
      rotate: 3,
      su: { user: 'app', group: 'app' },
      postRotate: 'echo "it\'s" > /run/rotated\n',
      ...props,
      after: [account, logs],
    })
  }
const text = (host: SandboxHost): Promise<string> => sshOk(host, 'cat /etc/logrotate.d/app')

on('logs are rotated as declared', async (host) => {
  await convergeAsPlanned(host, rotates(), SCOPED)
  assert.is(
    await text(host),
    `/var/log/app/*.log
/var/log/app-*/x.log {
    daily
    rotate 3
    compress
    delaycompress
    missingok
    notifempty
    su app app
    sharedscripts
    postrotate
echo "it's" > /run/rotated
    endscript
}
`,
  )
  await sshOk(host, 'echo line > /var/log/app/a.log; chown app /var/log/app/a.log; logrotate -f /etc/logrotate.conf')
  assert.is(await sshOk(host, 'ls /var/log/app; cat /run/rotated'), "a.log\na.log.1\nit's\n")
})

for (const [field, props, said] of [
  ['frequency', { frequency: 'weekly' }, '    weekly\n'],
  ['sizes', { maxSize: '10M', minSize: '1k' }, '    maxsize 10M\n    minsize 1k\n'],
  ['age', { maxAge: 30, dateExt: true }, '    maxage 30\n'],
  ['create', { create: { mode: '640', owner: 'app', group: 'adm' } }, '    create 0640 app adm\n'],
  [
    'plain',
    { compress: false, missingOk: false, notIfEmpty: false, copyTruncate: true },
    '    nocompress\n    nomissingok\n    ifempty\n',
  ],
] as const)
  on(`${field} is changed`, async (host) => {
    await convergeAsPlanned(host, rotates(props), SCOPED)
    assert.match(await text(host), said)
    assert.is((await ssh(host, 'logrotate -d /etc/logrotate.d/app 2>&1 | grep -E ":[0-9]+ "')).exit, 1)
  })

on('what logrotate does not accept is told in its words, and the old file stays', async (host) => {
  await convergeAsPlanned(host, rotates(), SCOPED)
  const before = await text(host)
  for (const [props, said] of [
    [{ create: { mode: '0640', owner: 'nosuch', group: 'adm' } }, "unknown user 'nosuch'"],
    [{ paths: ['/var/log/app/*.log', '/var/log/dpkg.log'] }, 'duplicate log entry for /var/log/dpkg.log'],
  ] as const) {
    const report = await convergeOn(host, rotates(props), SCOPED)
    assert.match(changeOf(report, LOGS).failure?.said ?? '', said)
    assert.is(await text(host), before)
  }
  await sshOk(host, 'install -d -o app -m 0777 /var/log/open; echo x > /var/log/open/a.log')
  const open = await convergeOn(host, () => void logrotate({ name: 'open', paths: ['/var/log/open/*.log'] }), SCOPED)
  assert.match(changeOf(open, 'logrotate:open').failure?.said ?? '', /insecure permissions[^]*"su"/)
})

on('an edit by hand is drift; undo and absence work', async (host) => {
  await convergeOn(host, rotates(), SCOPED)
  await sshOk(host, 'sed -i s/daily/hourly/ /etc/logrotate.d/app')
  const { plan } = await convergeAsPlanned(host, rotates(), SCOPED)
  assert.is(changeOf(plan, LOGS).cause, 'drift')
  await convergeAsPlanned(host, rotates({ rotate: 9 }), SCOPED)
  const { summary } = await undoOn(host, rotates({ rotate: 9 }), SCOPED)
  assert.is(summary.failed, 0)
  assert.match(await text(host), '    rotate 3\n')
  await convergeAsPlanned(host, () => void logrotate({ name: 'app', paths: ['/x'], ensure: 'absent' }), SCOPED)
  assert.is((await ssh(host, 'ls /etc/logrotate.d/app')).exit, 2)
})

const REFUSED: readonly [declare: () => void, said: string][] = [
  [() => void kernelModule({ name: '../x' }), 'such as "br_netfilter"'],
  [() => void kernelModule({ name: 'x', options: { a: 'b c' } }), 'one word without blanks'],
  [() => void kernelModule({ name: 'x', options: { a: 'b\ninstall x /bin/sh' } }), 'one word without blanks'],
  [() => void tmpfiles({ name: '../x', entries: ENTRIES }), 'such as "app"'],
  [() => void tmpfiles({ name: 'x', entries: [{ type: 'dir', path: '/run/x' }] }), 'such as "d" for a directory'],
  [() => void tmpfiles({ name: 'x', entries: [{ type: 'd', path: '/run/x\nd /run/y' }] }), 'such as "/run/app"'],
  [() => void tmpfiles({ name: 'x', entries: [{ type: 'd', path: '/run/../x' }] }), 'without "." and ".."'],
  [() => void tmpfiles({ name: 'x', entries: [{ type: 'd', path: '/run/x', age: 'soon' }] }), 'such as "10d"'],
  [() => void tmpfiles({ name: 'x', entries: [{ type: 'L', path: '/run/x' }] }), 'needs its target'],
  [() => void logrotate({ name: 'x.dpkg-old', paths: ['/x'] }), 'such as "app"'],
  [() => void logrotate({ name: 'x', paths: ['/x {\n}'] }), 'such as "/var/log/app/*.log"'],
  [() => void logrotate({ name: 'x', paths: ['/x'], maxSize: '1 GB' }), 'such as "100M"'],
  [() => void logrotate({ name: 'x', paths: ['/x'], postRotate: 'true\n endscript\n}' }), 'endscript'],
]
for (const [declare, said] of REFUSED) {
  test(`refused by the recipe's line: ${String(declare).slice(11)}`, async () => {
    const error = await rejects(planOn(hosts[0], declare), RecipeError)
    assert.match(String(error), said)
    assert.match(String(error), /test\/hosts\/upkeep\.test\.ts:\d+: (kernel module|tmpfiles|logrotate)/)
  })
}

test.run()
