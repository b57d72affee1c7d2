/**
 * Units, drop-ins, timers and services on real hosts.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { file } from '../../lib/index.ts'
import { resource } from '../../lib/dsl/declare.ts'
import { Refused } from '../../lib/engine/errors.ts'
import { command as commandType } from '../../lib/resources/commands/command.ts'
import { dropIn as dropInType } from '../../lib/resources/systemd/dropIn.ts'
import { service as serviceType } from '../../lib/resources/systemd/service.ts'
import { timer as timerType } from '../../lib/resources/systemd/timer.ts'
import { unit as unitType } from '../../lib/resources/systemd/unit.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const unit = resource(unitType)
const dropIn = resource(dropInType)
const timer = resource(timerType)
const service = resource(serviceType)
const command = resource(commandType)
const test = suite('systemd on hosts')

type World = { nice: number; listens: number[]; watch: string[]; up: boolean }
const WORLD: World = { nice: 5, listens: [], watch: [], up: true }

/** Everything there is to be: what is no longer declared is taken away. */
const world =
  (changes: Partial<World> = {}, more: () => void = () => {}) =>
  (): void => {
    const { nice, listens, watch, up } = { ...WORLD, ...changes }
    unit({
      name: 'api.service',
      service: { ExecStart: { argv: ['/bin/sleep', '1000000'] } },
      install: { WantedBy: 'multi-user.target' },
    })
    dropIn({
      unit: 'api.service',
      name: 'env',
      service: { Nice: nice, Environment: { words: ['A=100% "b" c', 'B=$HOME'] } },
    })
    unit({ name: 'tick.service', service: { Type: 'oneshot', ExecStart: '/bin/true' } })
    timer({ name: 'tick', onCalendar: '*-*-* 03:00:00' })
    service({ name: 'api', enabled: up, running: up, settleMs: 200, timeoutMs: 500, listens, restartOn: watch })
    more()
  }

for (const os of ['debian-12', 'debian-13'] as const) {
  const host = await freshHost(os)
  const said = async (declare: () => void): Promise<string> =>
    (await convergeOn(host, declare)).changes.map(({ failure }) => failure?.said ?? '').join('\n')
  const invocation = (): Promise<string> => sshOk(host, 'systemctl show -p InvocationID --value api')
  const fragment = '/etc/systemd/system/api.service'

  test(`${os}: a unit, its drop-in, its timer and its service are made at once`, async () => {
    await convergeAsPlanned(host, world())
    const environment = await sshOk(host, 'tr "\\0" "\\n" < /proc/$(systemctl show -p MainPID --value api)/environ')
    assert.match(environment, 'A=100% "b" c\n')
    assert.match(environment, 'B=$HOME\n')
    assert.is(await sshOk(host, 'systemctl is-enabled api tick.timer'), 'enabled\nenabled\n')
    assert.match(await sshOk(host, 'systemctl list-timers --no-legend tick.timer'), 'tick.service')
  })

  test(`${os}: a changed drop-in is written, and the service restarted for it`, async () => {
    const before = await invocation()
    const { plan } = await convergeAsPlanned(host, world({ nice: 7 }))
    const followUp = changeOf(plan, 'service:api.service').fields[0]?.followUp
    assert.is(followUp?.action, 'restart')
    assert.match(followUp?.because ?? '', 'drop in')
    assert.is.not(await invocation(), before)
    assert.is((await sshOk(host, 'ps -o ni= -p $(systemctl show -p MainPID --value api)')).trim(), '7')
  })

  test(`${os}: a unit edited on the host is repaired, and so are its mode and owner`, async () => {
    await sshOk(host, `echo Nice=9 >> ${fragment}; chmod 666 ${fragment}; chown daemon ${fragment}`)
    const { plan } = await convergeAsPlanned(host, world())
    const fields = changeOf(plan, 'unit:api.service').fields.map(({ field }) => field)
    assert.equal(fields, ['content', 'mode', 'owner', 'loaded'])
  })

  test(`${os}: a daemon-reload that was lost is seen, without the file differing`, async () => {
    await sshOk(host, `touch ${fragment}`)
    const { plan } = await convergeAsPlanned(host, world())
    assert.equal(
      changeOf(plan, 'unit:api.service').fields.map(({ field }) => field),
      ['loaded'],
    )
  })

  test(`${os}: an unknown key is refused and nothing is written`, async () => {
    const bad = world({}, () => {
      unit({ name: 'bad.service', service: { ExecStart: '/bin/true', ExecStrat: 'x' } })
    })
    assert.match(await said(bad), 'Unknown key')
    assert.is((await ssh(host, 'test -e /etc/systemd/system/bad.service')).exit, 1)
  })

  test(`${os}: a calendar expression systemd does not know is refused`, async () => {
    const bad = world({}, () => {
      timer({ name: 'never', onCalendar: 'frog' })
    })
    assert.match(await said(bad), 'Failed to parse calendar specification')
    assert.is((await ssh(host, 'test -e /etc/systemd/system/never.timer')).exit, 1)
  })

  test(`${os}: a watched file is loaded once, also when it is taken away again`, async () => {
    const declare = world({ watch: ['/etc/api'] })
    await convergeOn(host, declare)
    for (const edit of ['mkdir /etc/api; echo 1 > /etc/api/conf', 'rm /etc/api/conf']) {
      await sshOk(host, edit)
      const { plan } = await convergeAsPlanned(host, declare)
      assert.match(changeOf(plan, 'service:api.service').fields[0]?.followUp?.because ?? '', '/etc/api')
    }
    await sshOk(host, 'touch /etc/api/passing; rm /etc/api/passing')
    assert.equal((await planOn(host, declare)).changes, [])
  })

  test(`${os}: a service that dies after a second has failed, in its own words`, async () => {
    const dies = world({}, () => {
      unit({
        name: 'dies.service',
        service: { Type: 'exec', ExecStart: '/bin/sh -c "echo no database; sleep 1; exit 3"' },
      })
      service({ name: 'dies', running: true })
    })
    assert.match(await said(dies), 'no database')
  })

  test(`${os}: a service that comes up by itself meanwhile is started once more, for what there is now`, async () => {
    const slow = world({}, () => {
      unit({ name: 'slow.service', text: '[Service]\nExecStartPre=/bin/sleep 4\nExecStart=/bin/sleep 1000000\n' })
      service({ name: 'slow', running: true, settleMs: 0 })
    })
    await convergeOn(host, slow)
    await sshOk(host, 'systemctl stop slow; systemctl start --no-block slow')
    const report = await convergeOn(host, slow)
    const { outcome, failure } = changeOf(report, 'service:slow.service')
    assert.is(outcome, 'changed', failure?.said)
    assert.equal((await planOn(host, slow)).changes, [])
  })

  test(`${os}: a start whose port never answers is not forgotten by the next converge`, async () => {
    await sshOk(host, 'systemctl stop api')
    assert.match(await said(world({ listens: [8077] })), 'nothing listens on 8077')
    const { plan } = await convergeAsPlanned(host, world())
    assert.is(changeOf(plan, 'service:api.service').fields[0]?.followUp?.action, 'restart')
  })

  test(`${os}: a service of a package is masked and unmasked`, async () => {
    const masked = (yes: boolean): (() => void) =>
      world({}, () => {
        service({ name: 'systemd-pstore', masked: yes })
      })
    await convergeAsPlanned(host, masked(true))
    assert.is(await sshOk(host, 'systemctl show -p LoadState --value systemd-pstore'), 'masked\n')
    await convergeAsPlanned(host, masked(false))
    assert.is(await sshOk(host, 'systemctl show -p LoadState --value systemd-pstore'), 'loaded\n')
  })

  test(`${os}: a mask until the next boot is taken away, and is none that is to stay`, async () => {
    const masked = (yes: boolean) => world({}, () => service({ name: 'systemd-pstore', masked: yes }))
    await sshOk(host, 'systemctl mask --runtime systemd-pstore')
    await convergeAsPlanned(host, masked(false))
    assert.is(await sshOk(host, 'systemctl show -p LoadState --value systemd-pstore'), 'loaded\n')
    await sshOk(host, 'systemctl mask --runtime systemd-pstore')
    await convergeAsPlanned(host, masked(true))
    assert.is((await ssh(host, 'systemctl is-enabled systemd-pstore')).stdout, 'masked\n')
    await sshOk(host, 'systemctl mask --runtime systemd-pstore')
    await convergeAsPlanned(host, masked(false))
    assert.is(await sshOk(host, 'systemctl show -p LoadState --value systemd-pstore'), 'loaded\n')
  })

  test(`${os}: units with an escaped path in their names are enabled, started and loaded`, async () => {
    const escaped = world({}, () => {
      unit({ name: 'scrub@.service', text: '[Service]\nType=oneshot\nExecStart=/bin/true\n' })
      timer({ name: 'scrub@srv-data\\x2dstore', onCalendar: 'weekly' })
      unit({
        name: 'keep-a\\x2db.service',
        text: '[Service]\nExecStart=/bin/sleep 1000000\n[Install]\nWantedBy=multi-user.target\n',
      })
      dropIn({ unit: 'keep-a\\x2db.service', name: 'nice', service: { Nice: 3 } })
      service({ name: 'keep-a\\x2db', enabled: true, running: true, settleMs: 100 })
    })
    await convergeAsPlanned(host, escaped)
    assert.match(await sshOk(host, 'systemctl list-timers --no-legend'), 'scrub@srv-data\\x2dstore.timer')
    await sshOk(
      host,
      "touch '/etc/systemd/system/keep-a\\x2db.service'; systemctl disable --now 'scrub@srv-data\\x2dstore.timer'",
    )
    await convergeAsPlanned(host, escaped)
    await convergeAsPlanned(host, world())
  })

  test(`${os}: a service by a name that it has only while it is enabled is enabled again`, async () => {
    const text =
      '[Service]\\nExecStart=/bin/sleep 1000000\\n[Install]\\nWantedBy=multi-user.target\\nAlias=called.service\\n'
    await sshOk(host, `printf '${text}' > /usr/lib/systemd/system/real.service; systemctl daemon-reload`)
    const called = (enabled?: true) =>
      world({}, () => service({ name: 'called', running: true, settleMs: 100, ...(enabled ? { enabled } : {}) }))
    assert.match(await said(called()), 'real.service')
    await convergeAsPlanned(host, called(true))
    assert.is(await sshOk(host, 'systemctl is-enabled real; systemctl is-active real'), 'enabled\nactive\n')
    await sshOk(host, 'systemctl disable --now real')
    await convergeAsPlanned(host, called(true))
    await sshOk(host, 'systemctl stop called')
    await convergeAsPlanned(host, called(true))
    await sshOk(host, 'systemctl disable --now real')
    const off = world({}, () => service({ name: 'called', enabled: false, running: false }))
    await convergeAsPlanned(host, off)
    await sshOk(host, 'systemctl start real')
    assert.is(changeOf(await planOn(host, off), 'service:called.service').fields[0]?.field, 'running')
    await sshOk(host, 'systemctl stop real')
    await sshOk(host, 'systemctl disable --now real; rm /usr/lib/systemd/system/real.service; systemctl daemon-reload')
  })

  test(`${os}: an sshd that a socket starts is restarted where a reload would end it`, async () => {
    const sshd = (sessions: number) =>
      world({}, () => {
        file({ path: '/etc/ssh/sshd_config.d/sessions.conf', content: `MaxSessions ${sessions}\n` })
        service({ name: 'ssh', running: true, reloadOn: ['/etc/ssh'], settleMs: 500 })
      })
    await convergeAsPlanned(host, sshd(11))
    await sshOk(host, 'systemctl stop ssh.service; systemctl start ssh.socket')
    for (const sessions of [12, 13]) {
      await convergeAsPlanned(host, sshd(sessions))
      assert.is(await sshOk(host, 'systemctl is-active ssh.service ssh.socket'), 'active\nactive\n')
    }
    await sshOk(host, 'systemctl stop ssh.socket; systemctl restart ssh.service')
    await convergeAsPlanned(host, world())
  })

  test(`${os}: a service is stopped and disabled`, async () => {
    await convergeAsPlanned(host, world({ up: false }))
    assert.is((await ssh(host, 'systemctl is-active api')).stdout, 'inactive\n')
    assert.is((await ssh(host, 'systemctl is-enabled api')).stdout, 'disabled\n')
  })

  test(`${os}: what is absent is stopped, disabled and gone`, async () => {
    await convergeAsPlanned(host, world())
    await convergeAsPlanned(host, () => {
      timer({ name: 'tick', ensure: 'absent' })
      unit({ name: 'tick.service', ensure: 'absent' })
      dropIn({ unit: 'api.service', name: 'env', ensure: 'absent' })
      unit({ name: 'api.service', ensure: 'absent' })
    })
    assert.is((await ssh(host, 'pgrep -x -f "/bin/sleep 1000000"')).exit, 1)
    assert.is((await ssh(host, 'ls /etc/systemd/system/*.wants/ | grep -E "api|tick"')).exit, 1)
    assert.is(await sshOk(host, 'systemctl show -p LoadState --value api tick.timer'), 'not-found\n\nnot-found\n')
  })

  /** What other tests declared stays. */
  const SCOPED = { only: (): boolean => true }
  const states = (units: string): Promise<string> => sshOk(host, `systemctl is-enabled ${units} | cat`)

  test(`${os}: what is enabled until the next boot only is not enabled, and can be disabled`, async () => {
    const unitText = '[Service]\\nExecStart=/bin/sleep 9\\n[Install]\\nWantedBy=multi-user.target\\n'
    await sshOk(
      host,
      `for name in up down; do printf '${unitText}' > /etc/systemd/system/rt-$name.service; done
       systemctl daemon-reload; systemctl enable --quiet --runtime rt-up rt-down`,
    )
    assert.is(await states('rt-up rt-down'), 'enabled-runtime\nenabled-runtime\n')
    const declare = (): void => {
      service({ name: 'rt-up', enabled: true })
      service({ name: 'rt-down', enabled: false })
    }
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.equal(
      plan.changes.map(({ ref, fields }) => [ref, fields.map(({ field, before }) => [field, before])]),
      [
        ['service:rt-up.service', [['enabled', false]]],
        ['service:rt-down.service', [['enabled', true]]],
      ],
    )
    assert.is(await states('rt-up rt-down'), 'enabled\ndisabled\n')
  })

  test(`${os}: a unit that only names others to enable is enabled when they are`, async () => {
    await sshOk(
      host,
      `cd /etc/systemd/system
       printf '[Service]\\nExecStart=/bin/sleep 9\\n[Install]\\nAlso=ind.socket ind.timer\\n' > ind.service
       printf '[Socket]\\nListenStream=/run/ind\\n[Install]\\nWantedBy=sockets.target\\n' > ind.socket
       printf '[Timer]\\nOnCalendar=*-*-* 03:00:00\\n[Install]\\nWantedBy=timers.target\\n' > ind.timer
       systemctl daemon-reload`,
    )
    assert.is(await states('ind.service'), 'indirect\n')
    const declare = (enabled: boolean) => (): void => void service({ name: 'ind', enabled })
    await convergeAsPlanned(host, declare(true), SCOPED)
    assert.is(await states('ind.service ind.socket ind.timer'), 'indirect\nenabled\nenabled\n')
    await sshOk(host, 'systemctl disable --quiet ind.timer')
    const { plan } = await convergeAsPlanned(host, declare(true), SCOPED)
    assert.equal(changeOf(plan, 'service:ind.service').drift?.what, ['disabled'])
    await convergeAsPlanned(host, declare(false), SCOPED)
    assert.is(await states('ind.socket ind.timer'), 'disabled\ndisabled\n')
  })

  test(`${os}: a unit that nothing brings, and a mask where a unit file is, are refused by the plan`, async () => {
    const refused = async (declare: () => void): Promise<string> => {
      const plan = await planOn(host, declare, SCOPED)
      assert.equal(
        (plan.impossible ?? []).filter((words) => !plan.warnings.includes(words)),
        [],
      )
      const report = await convergeOn(host, declare, SCOPED).catch((error: unknown) => {
        assert.instance(error, Refused)
        return undefined
      })
      assert.is(report, undefined)
      return (plan.impossible ?? []).join('\n')
    }
    assert.is(
      await refused(() => void service({ name: 'rt-upp', running: true })),
      'service rt-upp.service: the host has no unit rt-upp.service, and nothing before it brings one; correct the name, or declare its package or unit and pass the handle',
    )
    assert.match(
      await refused(() => void service({ name: 'rt-up', masked: true })),
      '/etc/systemd/system/rt-up.service',
    )
    // Until the plan is applied, nobody knows what a command brings.
    const brought = (): void => {
      const bring = command({
        name: 'bring late.service',
        check: 'test -e /etc/systemd/system/late.service',
        apply: 'cp /etc/systemd/system/rt-up.service /etc/systemd/system/late.service',
      })
      service({ name: 'late', enabled: true, after: bring })
      unit({ name: 'later.service', service: { ExecStart: '/bin/sleep 9' } })
      service({ name: 'later', running: true, settleMs: 100 })
    }
    await convergeAsPlanned(host, brought, SCOPED)
  })
}

test.run()
