import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/dsl/declare.ts'
import { secret } from '../../lib/kit/secret.ts'
import { quote } from '../../lib/kit/shell.ts'
import { edit, file } from '../../lib/index.ts'
import { type RedisSetting, redisSetting } from '../../lib/resources/redis/redisSetting.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'
import { installRedis } from '../support/postgres.ts'

const test = suite('redis-setting')
const setting = resource(redisSetting)

const secrets = { redis: `pa ss"wo\\rd $(id) ü` }
const CONF = '/etc/redis/redis.conf'

type Values = { [name: string]: NonNullable<RedisSetting['value']> }

const base: Values = {
  bind: '127.0.0.1 -::1',
  maxmemory: '64mb',
  'maxmemory-policy': 'allkeys-lru',
  'lazyfree-lazy-eviction': true,
  save: ['900 1', '300 10'],
  'client-output-buffer-limit': ['replica 128mb 64mb 60'],
  databases: 4,
  requirepass: secret('redis'),
}

function all(more: Values = {}): () => void {
  return () => {
    for (const [name, value] of Object.entries({ ...base, ...more })) setting({ name, value })
  }
}

const [twelve, thirteen] = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const bare = await planOn(twelve, all())
await Promise.all([twelve, thirteen].map(installRedis))

test('on a bare host everything is unknown, because Redis is not installed', () => {
  assert.equal([...new Set(bare.changes.map(({ because }) => because))], ['Redis is not installed'])
})

for (const host of [twelve, thirteen]) onEach(host)

async function redis(host: SandboxHost, command: string, password = secrets.redis): Promise<string> {
  const quoted = `'${password.replaceAll("'", `'\\''`)}'`
  return (await sshOk(host, `REDISCLI_AUTH=${quoted} redis-cli --no-auth-warning ${command}`)).trim()
}

function onEach(host: SandboxHost): void {
  test(`${host.os}: a file that never ends keeps nothing else from being read`, async () => {
    await sshOk(host, `mv ${CONF} ${CONF}.away; ln -s /dev/zero ${CONF}`)
    const started = performance.now()
    const plan = await planOn(host, all())
    await sshOk(host, `mv -f ${CONF}.away ${CONF}`)
    assert.ok(plan.changes.length > 0)
    assert.ok(performance.now() - started < 60_000)
  })

  test(`${host.os}: nor does one of 40 MB`, async () => {
    await sshOk(
      host,
      `cp -a ${CONF} ${CONF}.away; runuser -u redis -- sh -c "yes 'maxclients 100' | head -c 40M >> ${CONF}"`,
    )
    const plan = await planOn(host, () => {
      all()()
      file({ path: '/srv/besides', content: 'x' })
    })
    await sshOk(host, `mv -f ${CONF}.away ${CONF}`)
    assert.is(changeOf(plan, 'file:/srv/besides').certainty, 'exact')
    assert.match(
      changeOf(plan, 'redis-setting:maxmemory').because ?? '',
      '/etc/redis/redis.conf has more than the 1048576 bytes that are read of it',
    )
  })

  test(`${host.os}: names the file that is not there, and not the package`, async () => {
    await sshOk(host, `mv ${CONF} ${CONF}.away`)
    const plan = await planOn(host, all())
    await sshOk(host, `mv ${CONF}.away ${CONF}`)
    assert.equal([...new Set(plan.changes.map(({ because }) => because))], [`${CONF} is not there`])
  })

  test(`${host.os}: sets what a running server takes, and restarts it once for the rest`, async () => {
    const before = await sshOk(host, 'systemctl show -P InvocationID redis-server')
    const { plan } = await convergeAsPlanned(host, all(), { secrets })
    assert.is(changeOf(plan, 'redis-setting:databases').consequence, 'restart')
    assert.is(changeOf(plan, 'redis-setting:maxmemory').consequence, 'safe')
    assert.is.not(await sshOk(host, 'systemctl show -P InvocationID redis-server'), before)
    assert.is(await redis(host, 'config get maxmemory'), 'maxmemory\n67108864')
    assert.is(await redis(host, 'config get databases'), 'databases\n4')
    assert.is(await sshOk(host, `stat -c '%U %G %a' ${CONF}`), 'redis redis 640\n')
  })

  test(`${host.os}: a live setting needs no restart, and the next start has it too`, async () => {
    const before = await sshOk(host, 'systemctl show -P InvocationID redis-server')
    await convergeAsPlanned(host, all({ maxmemory: '65mb' }), { secrets })
    assert.is(await sshOk(host, 'systemctl show -P InvocationID redis-server'), before)
    await sshOk(host, 'systemctl restart redis-server')
    assert.is(await redis(host, 'config get maxmemory'), 'maxmemory\n68157440')
  })

  test(`${host.os}: what only the running server has otherwise is drift, and repaired`, async () => {
    await redis(host, 'config set maxmemory 1mb')
    const { plan } = await convergeAsPlanned(host, all({ maxmemory: '65mb' }), { secrets })
    assert.equal(
      plan.changes.map(({ ref }) => ref),
      ['redis-setting:maxmemory'],
    )
    assert.is(await redis(host, 'config get maxmemory'), 'maxmemory\n68157440')
  })

  test(`${host.os}: the password changes, and the server takes no other one`, async () => {
    await convergeAsPlanned(host, all(), { secrets: { redis: 'new one' } })
    assert.match((await ssh(host, 'redis-cli ping')).stdout, 'NOAUTH')
    assert.is(await redis(host, 'ping', 'new one'), 'PONG')
  })

  test(`${host.os}: a password that only the running server has is put right by a restart`, async () => {
    await redis(host, 'config set requirepass stranger', 'new one')
    const { plan } = await convergeAsPlanned(host, all(), { secrets: { redis: 'new one' } })
    assert.equal(
      plan.followUps.map(({ action, unit }) => [action, unit]),
      [['restart', 'redis-server']],
    )
    assert.is(await redis(host, 'ping', 'new one'), 'PONG')
  })

  test(`${host.os}: a bad value is refused in Redis's words, and the file stays`, async () => {
    const before = await sshOk(host, `sha256sum ${CONF}`)
    const report = await convergeOn(host, all({ maxmemory: 'abc' }), { secrets: { redis: 'new one' } })
    assert.match(changeOf(report, 'redis-setting:maxmemory').failure?.said ?? '', 'argument must be a memory value')
    assert.is(await sshOk(host, `sha256sum ${CONF}`), before)
  })

  test(`${host.os}: when Redis does not start with a setting, it comes back with the old file`, async () => {
    const before = await sshOk(host, `sha256sum ${CONF}`)
    const report = await convergeOn(host, all({ unixsocket: '/nosuch/socket' }), { secrets: { redis: 'new one' } })
    assert.match(changeOf(report, 'redis-setting:unixsocket').failure?.said ?? '', 'it runs again with the one it had')
    assert.is(await sshOk(host, `sha256sum ${CONF}`), before)
    assert.is(await redis(host, 'ping', 'new one'), 'PONG')
  })

  test(`${host.os}: lines of redis.conf by edit and by setting come in one run`, async () => {
    const both = (order: 'edit first' | 'edit last', memory: string, hz: string) => (): void => {
      const line = () => edit({ path: CONF, line: `hz ${hz}`, replaces: 'hz ' })
      if (order === 'edit first') line()
      all({ maxmemory: memory })()
      if (order === 'edit last') line()
    }
    const values = { secrets: { redis: 'new one' } }
    await convergeAsPlanned(host, both('edit first', '71mb', '11'), values)
    await convergeAsPlanned(host, both('edit last', '72mb', '12'), values)
    assert.is(await sshOk(host, `grep -xE 'hz 12|maxmemory 72mb' ${CONF} | sort`), 'hz 12\nmaxmemory 72mb\n')
    await convergeAsPlanned(host, all(), { ...values, allowRemove: 2 })
  })

  test(`${host.os}: an absent directive has no line, and the server has its default`, async () => {
    await convergeAsPlanned(host, () => setting({ name: 'maxmemory', ensure: 'absent' }), {
      only: ({ name }) => name === 'maxmemory',
    })
    assert.is((await ssh(host, `grep -c '^maxmemory ' ${CONF}`)).stdout, '0\n')
    assert.is(await redis(host, 'config get maxmemory', 'new one'), 'maxmemory\n0')
  })

  test(`${host.os}: a restart that a directive's going calls for is due until it is done, whoever was cut off`, async () => {
    const values = { secrets: { redis: 'new one' } }
    await convergeAsPlanned(host, all({ maxclients: 4321 }), values)
    const before = await sshOk(host, 'systemctl show -P InvocationID redis-server')
    // Kills the run where it would restart Redis.
    await sshOk(
      host,
      `printf '%s\\n' '#!/bin/sh' 'case "$*" in "restart -- redis-server") systemctl kill --signal=KILL "keelson-[0-9]*.service" ;; esac' \\
         'exec /usr/bin/systemctl "$@"' > /usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl`,
    )
    try {
      const cut = await convergeOn(host, all(), values)
      assert.is(cut.error?.exit, 'partial')
      assert.match(cut.error?.message ?? '', 'ended before its stage did')
      assert.equal(
        cut.changes.map(({ ref, outcome, failure }) => [ref, outcome, failure?.step]),
        [['redis-setting:maxclients', 'failed', 'set maxclients']],
      )
    } finally {
      await sshOk(host, 'rm /usr/local/sbin/systemctl')
    }
    assert.is((await ssh(host, `grep -c '^maxclients ' ${CONF}`)).stdout, '0\n')
    assert.is(await sshOk(host, 'systemctl show -P InvocationID redis-server'), before)
    const { plan } = await convergeAsPlanned(host, all(), values)
    assert.equal(
      plan.changes.map(({ kind, ref, consequence }) => [kind, ref, consequence]),
      [['remove', 'redis-setting:maxclients', 'restart']],
    )
    assert.is.not(await sshOk(host, 'systemctl show -P InvocationID redis-server'), before)
    assert.not.match(await redis(host, 'config get maxclients', 'new one'), '4321')
  })

  test(`${host.os}: a line that the account of redis writes is no command of root`, async () => {
    const line = "printf 'port\\014;touch${IFS}/root/taken;:\\n'"
    await sshOk(
      host,
      `cp -a ${CONF} ${CONF}.kept; runuser -u redis -- sh -c ${quote(`${line} >> ${CONF}; ${line} > /etc/redis/more.conf; echo 'include "/etc/redis/more.conf"' >> ${CONF}`)}`,
    )
    await planOn(host, () => void setting({ name: 'maxmemory', value: '72mb' }), {
      only: ({ name }) => name === 'maxmemory',
    })
    await sshOk(host, `mv -f ${CONF}.kept ${CONF}; rm /etc/redis/more.conf; [ ! -e /root/taken ]`)
  })

  test(`${host.os}: a password and a name for CONFIG in an included file are known`, async () => {
    const more = '/etc/redis/more.conf'
    // systemd starts a unit five times in ten seconds and no more (systemd.unit(5), StartLimitBurst).
    const restart = 'systemctl reset-failed redis-server; systemctl restart redis-server'
    const included = (lines: string): Promise<string> =>
      sshOk(host, `printf '${lines}' > ${more}; chown redis ${more}; ${restart}`)
    const memory = (value: string, databases: number) => (): void => {
      setting({ name: 'maxmemory', value })
      setting({ name: 'databases', value: databases })
    }
    const only = { only: ({ name }: { name: string }) => name === 'maxmemory' || name === 'databases' }
    await sshOk(
      host,
      `cp -a ${CONF} ${CONF}.kept; sed -i '/^requirepass/d' ${CONF}; echo 'include "${more}"' >> ${CONF}`,
    )
    await included('requirepass "in one"\nrename-command CONFIG other\n')
    const started = performance.now()
    await convergeAsPlanned(host, memory('73mb', 6), only)
    await convergeAsPlanned(host, memory('74mb', 6), only)
    assert.ok(performance.now() - started < 60_000)
    assert.is(await redis(host, 'other get maxmemory', 'in one'), 'maxmemory\n77594624')
    await included('requirepass "in one"\nrename-command CONFIG ""\n')
    await convergeAsPlanned(host, memory('75mb', 6), only)
    assert.match(await redis(host, 'info memory', 'in one'), 'maxmemory:78643200')
    await sshOk(host, `mv -f ${CONF}.kept ${CONF}; rm ${more}; ${restart}`)
  })
}

test('a pipe that redis.conf includes holds a change up for a minute', async () => {
  await sshOk(
    thirteen,
    `cp -a ${CONF} ${CONF}.away; runuser -u redis -- sh -c 'mkfifo /etc/redis/pipe; echo include /etc/redis/pipe >> ${CONF}'`,
  )
  const started = performance.now()
  const report = await convergeOn(thirteen, all({ maxmemory: '65mb' }), { secrets: { redis: 'new one' } })
  assert.match(changeOf(report, 'redis-setting:maxmemory').failure?.said ?? '', 'no end within 60 s')
  assert.ok(performance.now() - started < 120_000)
  await sshOk(thirteen, `mv -f ${CONF}.away ${CONF}; rm /etc/redis/pipe`)
})

test.run()
