/**
 * Swap files and mounts on real hosts. A container may not turn swap on: where that matters, programs in the place of
 * swapon and swapoff write down what the kernel would have, and lock a file as the kernel locks one that is in use.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { directory, file, mount, swapFile } from '../../lib/index.ts'
import { unitOf } from '../../lib/resources/mounts/mount.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, undoOn } from '../support/converge.ts'
import { freshHost, onEach, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('swap files and mounts')
const on = (title: string, work: (host: SandboxHost) => Promise<void>): void => test(title, () => onEach(hosts, work))

const SWAP = 'swap-file:/swapfile'
const swap =
  (props: Partial<Parameters<typeof swapFile>[0]> = {}): (() => void) =>
  () =>
    void swapFile({ path: '/swapfile', sizeMiB: 8, ...props })
const made = (host: SandboxHost): Promise<string> =>
  sshOk(
    host,
    "stat -c '%s %a %U' /swapfile; blkid -p -s TYPE -o value /swapfile; grep swapfile /etc/fstab; ls -A / | grep keelson || :",
  )

on('where the kernel does not let swap be turned on, that is told, and nothing is left', async (host) => {
  const before = await sshOk(host, 'cat /etc/fstab')
  const report = await convergeOn(host, swap(), SCOPED)
  assert.match(
    changeOf(report, SWAP).failure?.said ?? '',
    /Operation not permitted[^]*\/swapfile cannot be used on this host.*say now: false/,
  )
  assert.is(await sshOk(host, 'ls -A / | grep -E "swapfile|keelson" || :'), '')
  assert.is(await sshOk(host, 'cat /etc/fstab'), before)
})

on('a swap file for the next boot is made, and is in /etc/fstab', async (host) => {
  await convergeAsPlanned(host, swap({ now: false }), SCOPED)
  assert.is(await made(host), `${8 * 2 ** 20} 600 root\nswap\n/swapfile none swap sw,nofail 0 0\n`)
})

on('its size, its rights and its line are taken back', async (host) => {
  for (const [by, field] of [
    ['truncate -s 9M /swapfile', 'size'],
    ['chmod 644 /swapfile', 'rights'],
    ["sed -i 's/sw,nofail/sw,pri=9/' /etc/fstab", 'atBoot'],
  ] as const) {
    await sshOk(host, by)
    const { plan } = await convergeAsPlanned(host, swap({ now: false }), SCOPED)
    const { cause, fields } = changeOf(plan, SWAP)
    assert.equal([cause, fields.map((each) => each.field)], ['drift', [field]])
    assert.is(await made(host), `${8 * 2 ** 20} 600 root\nswap\n/swapfile none swap sw,nofail 0 0\n`)
  }
})

on('what is no swap file is not touched, neither made into one nor removed', async (host) => {
  await sshOk(host, 'echo precious > /srv/precious; install -d -o nobody /srv/theirs; ln -sf /srv/precious /srv/link')
  for (const path of ['/srv/precious', '/srv/link', '/srv/theirs/swap']) {
    const report = await convergeOn(host, () => void swapFile({ path, sizeMiB: 1, now: false }), SCOPED)
    assert.match(changeOf(report, `swap-file:${path}`).failure?.said ?? '', /is no swap file|in a folder of root's/)
  }
  const absent = await convergeOn(
    host,
    () => void swapFile({ path: '/srv/precious', sizeMiB: 1, ensure: 'absent' }),
    SCOPED,
  )
  assert.match(changeOf(absent, 'swap-file:/srv/precious').failure?.said ?? '', 'is no swap file')
  assert.is(await sshOk(host, 'cat /srv/precious; ls -A /srv/theirs'), 'precious\n')
})

on('a file larger than the disk is refused, and 256 MiB stay free', async (host) => {
  const report = await convergeOn(
    host,
    () => void swapFile({ path: '/srv/large', sizeMiB: 2 ** 24, now: false }),
    SCOPED,
  )
  assert.match(changeOf(report, 'swap-file:/srv/large').failure?.said ?? '', '256 have to stay free')
})

/** The last argument is the path. */
const STAND_IN = String.raw`cat /proc/swaps > /root/swaps; mount --bind /root/swaps /proc/swaps
cat > /usr/local/sbin/swapon <<'END'
#!/bin/sh
priority=-2
[ "$1" != -p ] || { priority=$2; shift 2; }
[ "$(blkid -p -s TYPE -o value -- "$2")" = swap ] && [ "$(stat -c '%a %u' -- "$2")" = '600 0' ] || { echo "swapon: $2: read swap header failed" >&2; exit 255; }
printf '%s file 1 0 %s\n' "$2" "$priority" >> /root/swaps
mount --bind "$2" "$2"
END
cat > /usr/local/sbin/swapoff <<'END'
#!/bin/sh
awk -v path="$2" '$1 != path' /root/swaps > /root/left
cmp -s /root/left /root/swaps && exit 1
cat /root/left > /root/swaps
umount "$2"
END
chmod +x /usr/local/sbin/swap*`
const inUse = (host: SandboxHost): Promise<string> => sshOk(host, "awk 'NR > 1 { print $1, $5 }' /proc/swaps")

on('it is turned on, made anew with another size, and has the priority that is declared', async (host) => {
  await sshOk(host, STAND_IN)
  await convergeAsPlanned(host, swap(), SCOPED)
  assert.is(await inUse(host), '/swapfile -2\n')
  await convergeAsPlanned(host, swap({ sizeMiB: 12, priority: 5 }), SCOPED)
  assert.is(await inUse(host), '/swapfile 5\n')
  assert.is(await made(host), `${12 * 2 ** 20} 600 root\nswap\n/swapfile none swap sw,nofail,pri=5 0 0\n`)
  await sshOk(host, 'swapoff -- /swapfile')
  const { plan } = await convergeAsPlanned(host, swap({ sizeMiB: 12, priority: 5 }), SCOPED)
  assert.is(changeOf(plan, SWAP).drift?.what[0], 'turned off')
  assert.is(await inUse(host), '/swapfile 5\n')
})

on('undo gives it its previous size, and absent turns it off and takes it away', async (host) => {
  await convergeAsPlanned(host, swap({ sizeMiB: 16, priority: 5 }), SCOPED)
  const { summary, changes } = await undoOn(host, swap({ sizeMiB: 16, priority: 5 }), SCOPED)
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.match(await made(host), `${12 * 2 ** 20} 600 root\n`)
  await convergeAsPlanned(host, swap({ ensure: 'absent' }), SCOPED)
  assert.is(await sshOk(host, 'ls -A / | grep -E "swapfile|keelson" || :; grep swap /etc/fstab || :'), '')
  assert.is(await inUse(host), '')
})

const DATA = 'mount:/srv/my data'
const mounted =
  (props: Partial<Parameters<typeof mount>[0]> = {}): (() => void) =>
  () => {
    const there = mount({
      path: '/srv/my data',
      source: 'tmpfs',
      fsType: 'tmpfs',
      options: ['size=1m', 'noexec'],
      ...props,
    })
    directory({ path: '/srv/my data', mode: '0750', after: there })
    file({ path: '/srv/my data/note', content: 'on it\n' })
  }
const there = (host: SandboxHost): Promise<string> =>
  sshOk(
    host,
    "findmnt -no FSTYPE,OPTIONS '/srv/my data' | grep -oE '^tmpfs|^overlay|noexec|size=[0-9]*k' | tr '\\n' ' '; grep 'my.*data' /etc/fstab || :",
  )
const LINE = 'tmpfs /srv/my\\040data tmpfs size=1m,noexec 0 0\n'

on('a file system is mounted now and at boot, before what is declared on it', async (host) => {
  await convergeAsPlanned(host, mounted(), SCOPED)
  assert.is(await there(host), `tmpfs noexec size=1024k ${LINE}`)
  assert.is(await sshOk(host, "stat -c '%a' '/srv/my data'; umount '/srv/my data'; ls -A '/srv/my data'"), '750\n')
})

on('its unit is what systemd calls it', async (host) => {
  for (const path of ['/srv/my data', '/srv/a-b/.c', '/.x', '/srv/ä"b\\c', '/a:b_c.d'])
    assert.is(unitOf(path), await sshOk(host, `systemd-escape --path --suffix=mount '${path}' | tr -d '\\n'`))
  assert.is(await sshOk(host, `systemctl show -p LoadState --value -- '${unitOf('/srv/my data')}'`), 'loaded\n')
})

on('unmounted by hand, or another line, is drift', async (host) => {
  const first = await convergeAsPlanned(host, mounted(), SCOPED)
  assert.is(changeOf(first.plan, DATA).drift?.what[0], 'unmounted')
  await sshOk(host, "sed -i 's/size=1m/size=9m/' /etc/fstab")
  const second = await convergeAsPlanned(host, mounted(), SCOPED)
  assert.equal(
    changeOf(second.plan, DATA).fields.map(({ field, before }) => [field, before]),
    [['options', 'size=9m,noexec']],
  )
  assert.is(await there(host), `tmpfs noexec size=1024k ${LINE}`)
})

on('other options are in force at once, and what is on it stays', async (host) => {
  await convergeAsPlanned(host, mounted({ options: ['size=2m'] }), SCOPED)
  assert.is(await there(host), 'tmpfs size=2048k tmpfs /srv/my\\040data tmpfs size=2m 0 0\n')
  assert.is(await sshOk(host, "cat '/srv/my data/note'"), 'on it\n')
})

on('another source is mounted in its place, and undo gives back the first', async (host) => {
  await sshOk(host, 'mkdir -p /srv/source')
  const other = mounted({ source: '/srv/source', fsType: 'none', options: ['bind'] })
  const plan = await planOn(host, other, SCOPED)
  assert.is(changeOf(plan, DATA).consequence, 'disruptive')
  // What is on the one says nothing of what will be on the other.
  assert.equal(
    plan.changes.map(({ kind }) => kind),
    ['change', 'recheck', 'recheck'],
  )
  const report = await convergeOn(host, other, SCOPED)
  assert.is(report.summary.failed, 0)
  assert.equal((await planOn(host, other, SCOPED)).changes, [])
  assert.is(await sshOk(host, "cat '/srv/my data/note'"), 'on it\n')
  assert.match(await there(host), /^overlay .*\/srv\/source \/srv\/my\\040data none bind 0 0\n/)
  // What lies on the one is not there to be undone any more once the other is back.
  await sshOk(host, "umount '/srv/my data'")
  await convergeOn(host, mounted(), SCOPED)
  const bound = (): void =>
    void mount({ path: '/srv/my data', source: '/srv/source', fsType: 'none', options: ['bind'] })
  await convergeOn(host, bound, SCOPED)
  assert.match(await there(host), /^overlay /)
  const { summary, changes } = await undoOn(host, bound, SCOPED)
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.is(await there(host), `tmpfs noexec size=1024k ${LINE}`)
})

on('what is in use is not unmounted, and what is not empty is not hidden', async (host) => {
  await sshOk(host, "systemd-run -q --unit busy --working-directory='/srv/my data' sleep infinity")
  const busy = await convergeOn(
    host,
    () => void mount({ path: '/srv/my data', source: 'x', fsType: 'tmpfs', ensure: 'absent' }),
    SCOPED,
  )
  assert.match(changeOf(busy, DATA).failure?.said ?? '', /busy[^]*cannot be unmounted: something uses it/)
  await sshOk(
    host,
    'systemctl stop busy; mkdir -p /srv/full; echo x > /srv/full/x; install -d -o nobody /srv/open; ln -sfn /etc /srv/open/etc',
  )
  const full = await convergeOn(
    host,
    () => {
      mount({ path: '/srv/full', source: 'tmpfs', fsType: 'tmpfs' })
      mount({ path: '/srv/open/deep', source: 'tmpfs', fsType: 'tmpfs' })
    },
    SCOPED,
  )
  assert.match(changeOf(full, 'mount:/srv/full').failure?.said ?? '', '/srv/full is not empty')
  assert.match(changeOf(full, 'mount:/srv/open/deep').failure?.said ?? '', "mount it in a folder of root's")
  assert.is(await sshOk(host, 'cat /srv/full/x; findmnt -no TARGET /srv/full /srv/open/deep || :'), 'x\n')
})

on('absent unmounts it, takes it out of /etc/fstab, and leaves the lines of others', async (host) => {
  await sshOk(host, "printf '# ours\\ntmpfs /srv/other tmpfs noauto 0 0\\n' >> /etc/fstab")
  await convergeAsPlanned(
    host,
    () => void mount({ path: '/srv/my data', source: 'x', fsType: 'tmpfs', ensure: 'absent' }),
    SCOPED,
  )
  assert.is(await there(host), '')
  assert.match(await sshOk(host, 'cat /etc/fstab'), '# ours\ntmpfs /srv/other tmpfs noauto 0 0\n')
})

on('a file system that is not there is told, also where nofail is said', async (host) => {
  const report = await convergeOn(
    host,
    () => void mount({ path: '/srv/none', source: 'UUID=0a3407de-014b-458b-b5c1-848e92a327a3', fsType: 'ext4' }),
    SCOPED,
  )
  const { failure } = changeOf(report, 'mount:/srv/none')
  assert.match(`${failure?.said}`, '/srv/none cannot be mounted: there is no UUID=0a3407de')
})

const REFUSED: readonly [declare: () => void, said: string][] = [
  [() => void swapFile({ path: 'swapfile', sizeMiB: 1 }), 'such as "/swapfile"'],
  [() => void swapFile({ path: '/swapfile', sizeMiB: 0 }), 'sizeMiB: must be at least 1'],
  [() => void mount({ path: '/srv/x', source: 'tmpfs', fsType: 'a b' }), 'such as "ext4"'],
  [() => void mount({ path: '/srv/x', source: 'tmpfs', fsType: 'tmpfs', options: ['a,b'] }), 'such as "noatime"'],
  [() => void mount({ path: '/srv/x', source: 'a\nb', fsType: 'tmpfs' }), 'such as "UUID=…"'],
  [() => void mount({ path: '/srv/x', source: '/srv/y', fsType: 'none' }), 'option bind'],
  [() => void mount({ path: '/srv/x', source: '/x', fsType: 'swap' }), 'swapFile'],
]
for (const [declare, said] of REFUSED) {
  test(`refused by the recipe's line: ${String(declare).slice(11)}`, async () => {
    const error = await rejects(planOn(hosts[0], declare), RecipeError)
    assert.match(String(error), said)
    assert.match(String(error), /test\/hosts\/storage\.test\.ts:\d+: (swap file|mount)/)
  })
}

test.run()
