/**
 * Hosts that are broken before Keelson comes: each is converged once, and is then as declared and at work, seen by the
 * tools of the host itself. What is broken and not declared is named.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Plan } from '../../lib/engine/report.ts'
import {
  absent,
  aptPackage,
  file,
  nginxVhost,
  postgresHba,
  postgresRole,
  redisSetting,
  service,
  sudoers,
  unit,
} from '../../lib/index.ts'
import { SudoRefused } from '../../lib/transport/connection.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { get } from '../support/web.ts'
import { rejects } from '../support/rejects.ts'
import { changeOf, convergeAsPlanned, convergeOn, planned, runOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const suited = suite('healing')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `systemctl stop '*.timer'; apt-get -q update >/dev/null
   DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends nginx-light sudo redis-server postgresql >/dev/null`,
)

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /var/lib/keelson')
    await body()
  })
}

const kinds = ({ changes }: Plan): string[] => changes.map(({ kind, ref }) => `${kind} ${ref}`)
const audit = () => sshOk(host, 'dpkg --audit; ls /var/lib/dpkg/updates')

/** Makes and installs a package whose postinst is this, as somebody would whose connection breaks. */
const installBroken = (name: string, postinst: string): string =>
  `mkdir -p /root/${name}/DEBIAN && cd /root/${name} &&
printf 'Package: ${name}\\nVersion: 1\\nArchitecture: all\\nMaintainer: Ada <ada@example.com>\\nDescription: x\\n' > DEBIAN/control &&
printf '#!/bin/sh\\n${postinst}\\n' > DEBIAN/postinst && chmod 755 DEBIAN/postinst &&
cd /root && dpkg-deb -b ${name} >/dev/null && ! dpkg -i ${name}.deb >/dev/null 2>&1`

const tree = (): void => void aptPackage({ name: 'tree' })

test('a package that nobody declares and that was not configured is finished, and the plan says so', async () => {
  await convergeAsPlanned(host, tree)
  await sshOk(host, `${installBroken('theirs', 'test -e /root/fine')}; touch /root/fine`)
  const { plan } = await convergeAsPlanned(host, tree)
  const change = changeOf(plan, 'package:tree')
  assert.equal([change.kind, change.consequence, change.cause], ['change', 'restart', 'drift'])
  assert.equal(change.fields, [
    { field: 'interrupted', form: 'value', before: 'theirs half-configured', after: 'nothing' },
  ])
  assert.is(await audit(), '')
})

test('what cannot be finished fails with the words of its script, and is named', async () => {
  await sshOk(
    host,
    `rm /root/fine; ${installBroken('theirs', 'test -e /root/fine || { echo no ink left >&2; exit 3; }')}`,
  )
  const { failure } = changeOf(await convergeOn(host, tree), 'package:tree')
  assert.match(failure?.said ?? '', 'no ink left')
  assert.match(failure?.said ?? '', 'dpkg could not be brought to the end of: theirs half-configured')
  await sshOk(host, 'touch /root/fine')
  await convergeAsPlanned(host, tree)
})

test('packages that were only unpacked, or wait for a trigger, are finished, the declared ones by name', async () => {
  await convergeAsPlanned(host, tree)
  await sshOk(
    host,
    `cd /root && mkdir -p debs && cd debs && apt-get -q download sl dos2unix >/dev/null 2>&1 && dpkg --unpack *.deb >/dev/null
     dpkg-trigger --no-await --by-package=libc6 ldconfig`,
  )
  const { plan } = await convergeAsPlanned(host, () => {
    tree()
    aptPackage({ name: 'sl' })
  })
  assert.equal(kinds(plan), ['change package:tree', 'change package:sl'])
  assert.match(String(changeOf(plan, 'package:tree').fields[0]?.before), /dos2unix unpacked, libc-bin triggers-pending/)
  assert.is(await audit(), '')
})

/** As a power cut in the middle of unpacking leaves it. */
const halfInstalled = (name: string): string =>
  `sed -i '/^Package: ${name}$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' /var/lib/dpkg/status`

test('a package that is half installed is installed again, declared or not', async () => {
  await convergeAsPlanned(host, tree)
  await sshOk(host, `${halfInstalled('dos2unix')}; ${halfInstalled('tree')}; rm -f /usr/bin/dos2unix /usr/bin/tree`)
  const { plan } = await convergeAsPlanned(host, tree)
  const before = new Map(changeOf(plan, 'package:tree').fields.map((field) => [field.field, field.before]))
  assert.equal([before.get('interrupted'), before.get('status')], ['dos2unix half-installed', 'half-installed'])
  assert.is(await audit(), '')
  await sshOk(host, 'test -x /usr/bin/dos2unix && test -x /usr/bin/tree')
})

test('a journal that dpkg left, without which apt refuses to work, is worked off', async () => {
  await convergeAsPlanned(host, tree)
  // What dpkg had noted of tree, and did not come to write into its list.
  await sshOk(host, `dpkg-query -s tree > /var/lib/dpkg/updates/0000`)
  assert.is.not((await ssh(host, 'apt-get -qy install cowsay')).exit, 0)
  const { plan } = await convergeAsPlanned(host, tree)
  assert.is(changeOf(plan, 'package:tree').fields[0]?.before, 'its journal')
  assert.is(await audit(), '')
})

test('what is to be installed is installed over what was interrupted, in one converge', async () => {
  await convergeAsPlanned(host, tree)
  await sshOk(
    host,
    `rm -f /root/fine; ${installBroken('theirs', 'test -e /root/fine')}; touch /root/fine; dpkg-query -s tree > /var/lib/dpkg/updates/0000`,
  )
  const { plan } = await convergeAsPlanned(host, () => {
    tree()
    aptPackage({ name: 'cowsay' })
  })
  assert.equal(kinds(plan), ['change package:tree', 'create package:cowsay'])
  assert.is(await audit(), '')
})

test('a broken package is taken away where it is declared absent, whatever its script says', async () => {
  await sshOk(host, `rm -f /root/fine; ${installBroken('theirs', 'exit 1')}`)
  await convergeAsPlanned(host, () => {
    tree()
    aptPackage({ name: 'theirs', ensure: 'absent' })
  })
  assert.is(await audit(), '')
})

const active = (name: string): Promise<string> =>
  ssh(host, `systemctl is-active ${name}`).then(({ stdout }) => stdout.trim())
const mainConf = await sshOk(host, 'rm -f /etc/nginx/sites-enabled/default; cat /etc/nginx/nginx.conf')

/** A vhost that answers with a word, in a tree whose main file is declared after it. */
const web = (word: string) => (): void => {
  const vhost = nginxVhost({
    name: 'shop',
    serverNames: ['shop.test'],
    locations: [{ path: '/', return: { code: 302, to: `/${word}` } }],
  })
  const main = file({ path: '/etc/nginx/nginx.conf', content: mainConf })
  service({ name: 'nginx', running: true, reloadOn: [vhost, main], listens: [80] })
}
const asked = async () => String((await get('http', host.address, 'shop.test')).headers['location']).replace(/.*\//, '')

test('a broken nginx.conf that is declared is put right before the vhost that is judged with it', async () => {
  await convergeAsPlanned(host, web('one'))
  await sshOk(host, "sed -i 's/^http {/htttp {/' /etc/nginx/nginx.conf; ! systemctl restart nginx 2>&1")
  assert.is(await active('nginx'), 'failed')
  await convergeAsPlanned(host, web('two'))
  assert.is(await asked(), 'two')
})

test('a broken nginx.conf is put right while the old configuration is being served', async () => {
  await convergeAsPlanned(host, web('two'))
  await sshOk(host, "sed -i 's/^http {/htttp {/' /etc/nginx/nginx.conf; ! systemctl reload nginx 2>&1")
  assert.is(await asked(), 'two')
  await convergeAsPlanned(host, web('three'))
  assert.is(await asked(), 'three')
})

test('a broken file of somebody else is named with its line, and the old vhost goes on being served', async () => {
  await convergeAsPlanned(host, web('three'))
  await sshOk(host, "printf 'server {\\n  proxy_passs x;\\n}\\n' > /etc/nginx/sites-enabled/theirs")
  const { failure } = changeOf(await convergeOn(host, web('four')), 'nginx-vhost:shop')
  assert.match(failure?.said ?? '', 'unknown directive "proxy_passs" in /etc/nginx/sites-enabled/theirs:2')
  assert.match(failure?.said ?? '', 'nothing was replaced')
  assert.is(await asked(), 'three')
  await sshOk(host, 'rm /etc/nginx/sites-enabled/theirs')
  await convergeAsPlanned(host, web('four'))
})

const rights = (): void => {
  sudoers({ name: 'ada', user: 'ada', commands: ['/usr/bin/id'], noPassword: true })
  sudoers({ name: 'bob', user: 'bob', commands: ['/usr/bin/id'], noPassword: true })
}

test('broken files of sudoers.d are put right, though each is judged while another is broken', async () => {
  await sshOk(host, 'useradd -m ada; useradd -m bob')
  await convergeAsPlanned(host, rights)
  await sshOk(
    host,
    "for each in ada bob theirs; do echo 'neither here nor there' > /etc/sudoers.d/$each; chmod 440 /etc/sudoers.d/$each; done; ! visudo -cq 2>/dev/null",
  )
  await convergeAsPlanned(host, rights)
  assert.match(await sshOk(host, 'runuser -u bob -- sudo -n /usr/bin/id'), 'uid=0')
  await sshOk(host, 'rm /etc/sudoers.d/theirs; visudo -cq')
})

test('an operator whose own sudo is broken is told so, at once', async () => {
  await convergeAsPlanned(host, rights)
  await sshOk(
    host,
    `install -d -m 700 -o ada /home/ada/.ssh; install -m 600 -o ada /root/.ssh/authorized_keys /home/ada/.ssh/authorized_keys
     echo 'ada ALL=(ALL) NOPASSWD ALL' > /etc/sudoers.d/ada`,
  )
  const error = await rejects(
    planned({ ...runOn(host, rights), connect: () => connectSsh({ ...host, user: 'ada' }, {}) }),
    SudoRefused,
  )
  assert.match(`${error.message} ${error.said} ${error.next}`, 'sudo')
  await convergeAsPlanned(host, rights)
})

const worker = (): void => {
  const own = unit({
    name: 'worker.service',
    service: { ExecStart: { argv: ['/usr/bin/sleep', 'infinity'] } },
    install: { WantedBy: 'multi-user.target' },
  })
  service({ name: 'worker', enabled: true, running: true, restartOn: [own] })
}

test('a unit of garbage and its failed service come back', async () => {
  await convergeAsPlanned(host, worker)
  await sshOk(
    host,
    "printf '[Service\\nExecStart=nowhere\\n' > /etc/systemd/system/worker.service; systemctl daemon-reload; systemctl stop worker; ! systemctl start worker 2>&1",
  )
  assert.is.not(await active('worker'), 'active')
  await convergeAsPlanned(host, worker)
  assert.is(await active('worker'), 'active')
})

test('a unit of garbage that is to be absent is ended and taken away', async () => {
  await convergeAsPlanned(host, worker)
  await sshOk(
    host,
    "printf '[Service\\nExecStart=nowhere\\n' > /etc/systemd/system/worker.service; systemctl daemon-reload",
  )
  await convergeAsPlanned(host, () => void absent(unit, { name: 'worker.service' }))
  assert.is(await active('worker'), 'inactive')
  assert.is(await sshOk(host, 'find /etc/systemd/system -name "*worker*"; pgrep -xc sleep || :'), '0\n')
})

const cache = (): void => {
  const memory = redisSetting({ name: 'maxmemory', value: '64mb' })
  service({ name: 'redis-server', running: true, logs: ['/var/log/redis/redis-server.log'], after: memory })
}

test('a redis.conf that keeps Redis from starting is put right where it is declared', async () => {
  await convergeAsPlanned(host, cache)
  await sshOk(
    host,
    "sed -i 's/^maxmemory .*/maxmemory lots/' /etc/redis/redis.conf; ! systemctl restart redis-server 2>&1",
  )
  assert.is.not(await active('redis-server'), 'active')
  await convergeAsPlanned(host, cache)
  assert.is(await sshOk(host, 'redis-cli config get maxmemory | tail -1'), '67108864\n')
})

test('a line of redis.conf that nobody declares and Redis does not know is named', async () => {
  await convergeAsPlanned(host, cache)
  await sshOk(
    host,
    "sed -i 's/^maxmemory .*/maxmemory lots/' /etc/redis/redis.conf; echo 'speed maximal' >> /etc/redis/redis.conf; ! systemctl restart redis-server 2>&1",
  )
  // Redis 8 finds out about it when it starts, and not when it reads the file.
  const { failure } = changeOf(await convergeOn(host, cache), 'service:redis-server.service')
  assert.match(failure?.said ?? '', "'speed maximal'")
  // systemd tries again by itself, and might succeed between the plan and the converge.
  await sshOk(host, "systemctl stop redis-server; sed -i '/^speed/d' /etc/redis/redis.conf")
  await convergeAsPlanned(host, cache)
})

const CLUSTER = 'postgresql@17-main'
const HBA = '/etc/postgresql/17/main/pg_hba.conf'
const database = (): void => {
  const line = postgresHba({
    type: 'host',
    database: 'all',
    user: 'ada',
    address: '10.0.0.0/8',
    method: 'scram-sha-256',
  })
  const server = service({ name: CLUSTER, running: true, after: line })
  postgresRole({ name: 'ada', login: true, after: server })
}

test('a pg_hba.conf with which PostgreSQL does not start is put right where it is declared, and all behind it is read', async () => {
  await convergeAsPlanned(host, database)
  await sshOk(
    host,
    `sed -i 's/^host all ada.*/hostt all ada 10.0.0.0\\/8 scramm/' ${HBA}; ! systemctl restart ${CLUSTER} 2>&1`,
  )
  assert.is.not(await active(CLUSTER), 'active')
  const { plan } = await convergeAsPlanned(host, database)
  assert.equal(kinds(plan), [
    'create postgres-hba:host all ada 10.0.0.0/8',
    `change service:${CLUSTER}.service`,
    'create postgres-role:ada',
  ])
  assert.match(changeOf(plan, 'postgres-role:ada').because ?? '', 'PostgreSQL does not answer')
  assert.is(
    await sshOk(
      host,
      "runuser -u postgres -- psql -Atc 'select count(*) from pg_hba_file_rules where error is not null'",
    ),
    '0\n',
  )
})

test('a pg_hba.conf that PostgreSQL refused to load is put right', async () => {
  await convergeAsPlanned(host, database)
  await sshOk(
    host,
    `sed -i 's/scram-sha-256$/scramm/; s/^host all ada.*/host all ada 10.0.0.0\\/8 scramm/' ${HBA}; systemctl reload ${CLUSTER}`,
  )
  const said = changeOf(await convergeOn(host, database), 'postgres-hba:host all ada 10.0.0.0/8').failure?.said
  assert.match(said ?? '', 'scramm')
  await sshOk(
    host,
    `sed -i 's/scramm$/scram-sha-256/; s/^host all ada.*/host all ada 10.0.0.0\\/8 scramm/' ${HBA}; systemctl reload ${CLUSTER}`,
  )
  await convergeAsPlanned(host, database)
})

test('a line of pg_hba.conf that is not declared and keeps PostgreSQL from starting is named', async () => {
  await convergeAsPlanned(host, database)
  await sshOk(host, `echo 'hostt all bob 10.0.0.0/8 md5' >> ${HBA}; ! systemctl restart ${CLUSTER} 2>&1`)
  const { failure } = changeOf(await convergeOn(host, database), `service:${CLUSTER}.service`)
  assert.match(failure?.said ?? '', 'hostt')
  await sshOk(host, `sed -i '/^hostt/d' ${HBA}`)
  await convergeAsPlanned(host, database)
})

suited.run()
