import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, realpath, rm, symlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureImage } from '../../lib/sandbox/image.ts'
import { openProxy } from '../../lib/sandbox/proxy.ts'
import {
  address6,
  boot,
  changedFiles,
  down,
  downAll,
  find,
  list,
  powerCut,
  restore,
  snapshot,
  up,
  upFrom,
} from '../../lib/sandbox/sandbox.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { openState } from '../../lib/sandbox/state.ts'
import { isMounted } from '../../lib/sandbox/mounts.ts'
import { waitFor } from '../../lib/sandbox/system.ts'
import { ssh, sshOk } from '../support/host.ts'

const test = suite('sandbox')
const execute = promisify(execFile)

// A state directory of its own, so that downAll ends nobody else's hosts; images and packages are the machine's.
const shared = await openState()
for (const os of ['debian-12', 'debian-13'] as const) await ensureImage(shared, os, () => undefined)
const dir = await realpath(await mkdtemp(`${shared.dir}-test-`))
for (const room of ['images', 'packages']) await symlink(join(shared.dir, room), join(dir, room))
process.env['KEELSON_SANDBOX_DIR'] = dir
const { id } = await openState()

const [twelve, thirteen] = await Promise.all([
  up('twelve', { os: 'debian-12' }),
  up('thirteen', { os: 'debian-13' }),
]).catch(async (error: unknown) => {
  await downAll()
  throw error
})

/** Everything on this machine that carries the state directory's mark. */
async function traces() {
  const [mounts, links, rules, processes] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    execute('ip', ['-oneline', 'link']),
    execute('iptables-save', []),
    execute('ps', ['-eo', 'pid,args']),
  ])
  return {
    mounts: linesWith(mounts, dir),
    links: linesWith(links.stdout, id),
    rules: linesWith(rules.stdout, id),
    processes: linesWith(processes.stdout, dir),
    cgroups: (await readdir('/sys/fs/cgroup', { recursive: true })).filter((path) => path.includes(`keelson-${id}`)),
    machines: await readdir(join(dir, 'machines')),
    snapshots: await readdir(join(dir, 'snapshots')),
  }
}

function linesWith(text: string, mark: string): string[] {
  return text.split('\n').filter((line) => line.includes(mark))
}

/** Whether a TCP connection comes about; silence counts as no. */
function isOpen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const answer = (yes: boolean): void => {
      socket.destroy()
      resolve(yes)
    }
    socket.setTimeout(700, () => answer(false))
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

/** The paths of `after` that are not as they were in `before`, and how they are now. */
function between(before: Map<string, unknown>, after: Map<string, unknown>): Record<string, unknown> {
  const paths = new Set([...before.keys(), ...after.keys()])
  const moved = [...paths].filter((path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)))
  return Object.fromEntries(moved.sort().map((path) => [path, after.get(path)]))
}

/** `twelve` as it is reached by way of a proxy. */
function through({ address, port }: { address: string; port: number }): SandboxHost {
  return { ...twelve, address, port }
}

const BOOT_ID = 'systemctl show --property=UserspaceTimestampMonotonic --value'

/** Differs from one boot of a host to the next; the kernel's own boot id is this machine's. */
async function bootId(host: SandboxHost): Promise<string> {
  return sshOk(host, BOOT_ID)
}

test('both releases boot whole, with the name and the key they were given', async () => {
  for (const [host, codename] of [
    [twelve, 'bookworm'],
    [thirteen, 'trixie'],
  ] as const) {
    const said = await sshOk(host, '. /etc/os-release; echo $VERSION_CODENAME; hostname; systemctl is-system-running')
    assert.is(said, `${codename}\n${host.name}\nrunning\n`)
  }
})

test('two hosts share neither address, host key nor machine id', async () => {
  const ids = await Promise.all([twelve, thirteen].map((host) => sshOk(host, 'cat /etc/machine-id')))
  assert.is.not(ids[0], ids[1])
  assert.is.not(twelve.hostKey, thirteen.hostKey)
  assert.is.not(twelve.address, thirteen.address)
})

test('another host key than the one given is refused', async () => {
  const answer = await ssh({ ...twelve, hostKey: thirteen.hostKey }, 'true')
  assert.is(answer.exit, 255)
  assert.match(answer.stderr, 'Host key verification failed')
})

test('up of a host that runs gives the same host', async () => {
  const before = await bootId(twelve)
  assert.equal(await up('twelve', { os: 'debian-12' }), twelve)
  assert.is(await bootId(twelve), before)
})

test('up of a name that another system has is an error', async () => {
  const error = await up('twelve', { os: 'debian-13' }).catch((reason: unknown) => reason)
  assert.match(String(error), 'twelve is a debian-12 host already')
})

test('list and find tell what is there', async () => {
  assert.equal(await list(), [thirteen, twelve])
  assert.equal(await find('thirteen'), thirteen)
  assert.is(await find('nobody'), undefined)
})

test('the list of changes has contents, modes, links and deletions, and nothing else', async () => {
  await sshOk(twelve, 'mkdir -p /opt/old/deep; echo 1 > /opt/old/deep/file; echo same > /opt/same')
  const before = await changedFiles('twelve')
  await sshOk(
    twelve,
    `echo text > /opt/new; ln -s /opt/new /opt/link; chmod 0600 /etc/issue; chown 7:8 /etc/issue.net;
     rm -r /etc/skel; mkdir /etc/skel; ln -s elsewhere /etc/skel/.profile;
     rm -r /opt/old; echo same > /opt/same; touch /etc/hosts; rm /etc/motd`,
  )
  const changes = between(before, await changedFiles('twelve'))
  assert.equal(Object.keys(changes), [
    '/etc/issue',
    '/etc/issue.net',
    '/etc/motd',
    '/etc/skel/.bash_logout',
    '/etc/skel/.bashrc',
    '/etc/skel/.profile',
    '/opt/link',
    '/opt/new',
    '/opt/old',
    '/opt/old/deep',
    '/opt/old/deep/file',
  ])
  assert.is(changes['/etc/motd'], 'deleted')
  assert.is(changes['/etc/skel/.bashrc'], 'deleted')
  assert.equal(changes['/etc/skel/.profile'], { kind: 'link', mode: '0777', uid: 0, gid: 0, content: 'elsewhere' })
  assert.is(changes['/opt/old'], undefined)
  assert.match(JSON.stringify(changes['/etc/issue']), '"mode":"0600"')
  assert.match(JSON.stringify(changes['/etc/issue.net']), '"uid":7,"gid":8')
})

test('a host left alone changes nothing, and logging in does not either', async () => {
  const before = await changedFiles('thirteen')
  await sshOk(thirteen, 'systemctl list-units >/dev/null; journalctl --sync')
  assert.equal(between(before, await changedFiles('thirteen')), {})
})

test('what is to be ignored is left out with all below it', async () => {
  await sshOk(thirteen, 'mkdir -p /srv/noise; echo 1 > /srv/noise/a')
  const paths = [...(await changedFiles('thirteen', { ignore: ['/srv/noise'] })).keys()]
  assert.equal(
    paths.filter((path) => path.startsWith('/srv')),
    [],
  )
})

/** Keeps the network of a program on some host in being, whatever becomes of that. */
async function holdNetworkOf(program: string): Promise<ReturnType<typeof spawn>> {
  const { stdout } = await execute('pgrep', ['-xf', program])
  const held = `exec 3< /proc/${stdout.trim()}/ns/net; echo holds; exec sleep 600`
  const holder = spawn('sh', ['-c', held], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  return holder
}

test('a host survives a power cut with what it had written, also when the kernel has not taken its network down yet', async () => {
  await sshOk(twelve, 'echo kept > /root/kept; echo lost > /run/lost; sleep 4711 >/dev/null 2>&1 &')
  const holder = await holdNetworkOf('sleep 4711')
  try {
    await powerCut('twelve')
    assert.not(await isOpen(twelve.address, twelve.port))
    assert.equal(await boot('twelve'), twelve)
    assert.is(await sshOk(twelve, 'cat /root/kept; ls /run/lost 2>/dev/null || echo gone'), 'kept\ngone\n')
  } finally {
    holder.kill()
  }
})

test('a host reboots by itself, at the same address and with the same key', async () => {
  const before = await bootId(thirteen)
  await ssh(thirteen, 'systemctl reboot')
  await waitFor('thirteen to come back', async () => {
    const { exit, stdout } = await ssh(thirteen, BOOT_ID)
    return exit === 0 && stdout !== before
  })
  assert.is(await sshOk(thirteen, 'systemctl is-system-running --wait'), 'running\n')
})

test('restore brings back contents, deletions and attributes of the snapshot, and drops what came later', async () => {
  await sshOk(thirteen, 'echo one > /root/state; rm -f /etc/motd; install -m 4711 /bin/true /opt/suid')
  await snapshot('thirteen', 'one')
  // Every boot is noted in wtmp.
  const ignore = ['/var/log/wtmp']
  const before = await changedFiles('thirteen', { ignore })
  await sshOk(
    thirteen,
    'echo two > /root/state; rm /opt/suid; echo back > /etc/motd; echo x > /root/later; rm /etc/issue',
  )
  assert.equal(await restore('thirteen', 'one'), thirteen)
  assert.equal(between(before, await changedFiles('thirteen', { ignore })), {})
  assert.is(await sshOk(thirteen, 'cat /root/state; stat -c %a /opt/suid; ls /etc/motd 2>&1 | wc -l'), 'one\n4711\n1\n')
})

test('a snapshot can be taken of a restored host, and each of them restored', async () => {
  await sshOk(thirteen, 'echo two > /root/state')
  await snapshot('thirteen', 'two')
  await restore('thirteen', 'one')
  assert.is(await sshOk(thirteen, 'cat /root/state'), 'one\n')
  await restore('thirteen', 'two')
  assert.is(await sshOk(thirteen, 'cat /root/state'), 'two\n')
})

test("a new host from another's snapshot has its disk, but a name, an address and a machine id of its own", async () => {
  const copy = await upFrom('thirteen', 'two', 'copy')
  assert.is.not(copy.address, thirteen.address)
  assert.is(await sshOk(copy, 'cat /root/state; hostname; getent hosts copy | cut -d" " -f1'), 'two\ncopy\n127.0.1.1\n')
  assert.is.not(await sshOk(copy, 'cat /etc/machine-id'), await sshOk(thirteen, 'cat /etc/machine-id'))
})

test('a snapshot outlives its host for as long as another lies on it', async () => {
  await snapshot('copy', 'three')
  await down('thirteen')
  assert.is(await sshOk((await find('copy')) ?? twelve, 'cat /root/state'), 'two\n')
  await down('copy')
  assert.equal(await readdir(join(dir, 'snapshots')), [])
})

test('the proxy carries a session, and a cut ends it', async () => {
  const whole = await openProxy(twelve, { latencyMs: 10 })
  assert.is(await sshOk(through(whole), 'seq 1 20000 | tail -n 1'), '20000\n')
  assert.ok(whole.bytes.toClient > 0)
  await whole.close()
  const broken = await openProxy(twelve, { cutAfterBytes: { direction: 'toClient', count: 20_000, how: 'reset' } })
  const answer = await ssh(through(broken), 'seq 1 20000')
  assert.is(answer.exit, 255)
  assert.is(broken.bytes.toClient, 20_000)
  await broken.close()
})

test('packages install, two hosts at once, and the next host has them at hand', async () => {
  const other = await up('other', { os: 'debian-12' })
  const install = 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ufw'
  await Promise.all([twelve, other].map((host) => sshOk(host, install)))
  await down('other')
  const next = await up('next', { os: 'debian-12' })
  assert.match(await sshOk(next, 'ls /var/cache/apt/archives'), /^ufw_.*\.deb$/m)
  assert.is(
    await sshOk(next, 'ls /etc/apt/apt.conf.d; ls /var/lib/apt/lists'),
    '01autoremove\n70debconf\nlock\npartial\n',
  )
  await down('next')
})

test('ufw filters what comes from outside, over IPv4 and IPv6', async () => {
  const both = [twelve.address, await address6('twelve')]
  assert.equal(await Promise.all(both.map((address) => isOpen(address, 22))), [true, true])
  await sshOk(
    twelve,
    `ufw allow from ${both[0]?.replace(/\.\d+$/, '.1') ?? ''} to any port 22 proto tcp && ufw --force enable`,
  )
  assert.equal(await Promise.all(both.map((address) => isOpen(address, 22))), [true, false])
})

/** Starts `up` in a process of its own and kills that as soon as something is the case. */
async function crashUp(name: string, when: () => Promise<boolean>): Promise<void> {
  const sandbox = new URL('../../lib/sandbox/sandbox.ts', import.meta.url).href
  const script = `const { up } = await import(${JSON.stringify(sandbox)}); await up('${name}', { os: 'debian-13' })`
  const client = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: 'ignore' })
  const ended = once(client, 'exit')
  await waitFor(`up of ${name} to be under way`, when)
  client.kill('SIGKILL')
  const [, signal]: unknown[] = await ended
  assert.is(signal, 'SIGKILL')
}

test('a client killed while it prepares a disk: the next up boots the host', async () => {
  await crashUp('crashed', () => isMounted(join(dir, 'machines/crashed/root')))
  const host = await up('crashed', { os: 'debian-13' })
  assert.is(await sshOk(host, 'hostname'), 'crashed\n')
})

test('a client killed while a host boots leaves nothing that downAll does not clear', async () => {
  await crashUp('booting', async () => (await traces()).processes.some((line) => line.includes('--machine=booting')))
  await downAll()
  const nothing = { mounts: [], links: [], rules: [], processes: [], cgroups: [], machines: [], snapshots: [] }
  assert.equal(await traces(), nothing)
})

test.after(async () => {
  await downAll()
  await rm(dir, { recursive: true })
})

test.run()
