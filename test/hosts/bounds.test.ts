/**
 * What an account without rights can make large, deep, slow or odd on a host: it costs the one resource that has to do
 * with it, by name, and all else converges.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Ref } from '../../lib/kit/ref.ts'
import { authorizedKeys, command, directory, edit, file, service, sysctl, unit, user } from '../../lib/index.ts'
import { changeOf, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrSp5wqE/QGEgyAnFzUEE+VeU2O4qoUinJCx626Z3FX'

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
for (const host of hosts) await sshOk(host, 'useradd -m eve; useradd -m ada; mkdir -p /srv/eve && chown eve: /srv/eve')

for (const host of hosts) {
  const test = suite(`bounds on ${host.os}`)
  let round = 0

  /** Declares the odd one with ordinary ones of its kind, and converges: only the odd one may be unknown or fail. */
  async function costsOnly(ref: Ref, words: RegExp, declare: () => void): Promise<void> {
    const ordinary = `/srv/ordinary${(round += 1)}`
    const all = (): void => {
      declare()
      file({ path: ordinary, content: 'ordinary\n' })
      edit({ path: '/etc/hosts', line: `192.0.2.${round} ordinary${round}` })
      authorizedKeys({ user: 'ada', keys: [KEY] })
      command({ name: 'ordinary', check: `test -e ${ordinary}.done`, apply: `touch ${ordinary}.done` })
    }
    const plan = await planOn(host, all, SCOPED)
    const unknown = plan.changes.filter(({ certainty }) => certainty === 'unknown')
    assert.equal(
      unknown.map((change) => change.ref),
      [ref],
    )
    assert.match(unknown[0]?.because ?? '', words)
    const report = await convergeOn(host, all, SCOPED)
    assert.is(report.error, undefined)
    const bad = report.changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
    assert.ok(
      bad.every((change) => change.ref === ref),
      JSON.stringify(bad),
    )
    assert.is(
      await sshOk(host, `cat ${ordinary}; ls ${ordinary}.done; grep -c ordinary${round}$ /etc/hosts`),
      `ordinary\n${ordinary}.done\n1\n`,
    )
  }

  const keysOfEve = (): void => void authorizedKeys({ user: 'eve', keys: [KEY] })
  const asEve = (text: string): Promise<string> => sshOk(host, `runuser -u eve -- sh -c '${text}'`)

  test('an authorized_keys of 100 MB, and a sparse one of 10 GB', async () => {
    for (const fill of ['yes | head -c 100M >', 'truncate -s 10G']) {
      await asEve(`mkdir -p ~eve/.ssh; ${fill} ~eve/.ssh/authorized_keys`)
      await costsOnly('authorized-keys:eve', /authorized_keys has \d+ bytes, more than/, keysOfEve)
    }
    await asEve('rm ~eve/.ssh/authorized_keys')
  })

  test('a sparse file of 10 GB in her folder, where a declared one is to be', async () => {
    await asEve('truncate -s 10G /srv/eve/large')
    await costsOnly('file:/srv/eve/large', /large of eve has 10737418240 bytes/, () => {
      file({ path: '/srv/eve/large', content: 'x', owner: 'eve' })
    })
    await sshOk(host, 'rm /srv/eve/large')
  })

  test('a file of hers that is edited has 10 GB', async () => {
    await asEve('truncate -s 10G /srv/eve/edited')
    await costsOnly('edit:/srv/eve/edited x', /not a file, or one too long/, () => {
      edit({ path: '/srv/eve/edited', line: 'x' })
    })
    await sshOk(host, 'rm /srv/eve/edited')
  })

  test('forty files of hers of 1 MB, each of which is edited', async () => {
    await asEve('for i in $(seq 40); do yes y | head -c 1000000 > /srv/eve/long$i; done')
    await sshOk(host, 'echo y > /srv/zone')
    const declare = (line: string) => (): void => {
      for (let number = 1; number <= 40; number += 1) edit({ path: `/srv/eve/long${number}`, line })
      edit({ path: '/etc/hosts', line: `192.0.2.99 ${line}` })
      edit({ path: '/srv/zone', line })
    }
    // Once where the plan is made of it, once where it is what a run comes to.
    for (const line of ['first', 'second']) {
      const report = await convergeOn(host, declare(line), SCOPED)
      assert.is(report.error, undefined)
      for (const ref of [`edit:/etc/hosts 192.0.2.99 ${line}`, `edit:/srv/zone ${line}`] as const)
        assert.is(changeOf(report, ref).outcome, 'changed')
      const failed = report.changes.filter(({ outcome }) => outcome === 'failed')
      assert.ok(failed.length > 0 && failed.length < 40, String(failed.length))
      assert.ok(
        failed.every(
          ({ ref, failure }) => ref.includes('/srv/eve/') && /while it is read, or/.test(failure?.said ?? ''),
        ),
      )
    }
    await sshOk(host, 'rm /srv/eve/long*')
  })

  test('a folder of hers with 100,000 names, of which only one may be there', async () => {
    await asEve('mkdir /srv/eve/full; cd /srv/eve/full && seq 100000 | xargs touch')
    await costsOnly('directory:/srv/eve/full', /full holds \d+ names or more/, () => {
      directory({ path: '/srv/eve/full', owner: 'eve', only: ['1'] })
    })
    await sshOk(host, 'rm -r /srv/eve/full')
  })

  test('a name that is no text, in a folder of hers of which only one may be there', async () => {
    await sshOk(host, `runuser -u eve -- sh -c 'mkdir /srv/eve/odd; touch "/srv/eve/odd/$(printf "\\\\377")"'`)
    await costsOnly('directory:/srv/eve/odd', /is not UTF-8/, () => {
      directory({ path: '/srv/eve/odd', owner: 'eve', only: ['1'] })
    })
    await sshOk(host, 'rm -r /srv/eve/odd')
  })

  test('names with newlines and escapes are removed like any other', async () => {
    await sshOk(
      host,
      `runuser -u eve -- sh -c 'mkdir /srv/eve/names; cd /srv/eve/names; touch "$(printf "a\\\\nb")" "$(printf "\\\\033[2J")" -- -rf " "'`,
    )
    const declare = (): void => void directory({ path: '/srv/eve/names', owner: 'eve', only: ['1'] })
    await convergeOn(host, declare, SCOPED)
    assert.equal((await planOn(host, declare, SCOPED)).changes, [])
    assert.is(await sshOk(host, 'ls -A /srv/eve/names'), '')
  })

  /** A service that watches a folder of hers. */
  const watching = (): void => {
    unit({ name: 'idle.service', text: '[Service]\nExecStart=sleep infinity\n' })
    service({ name: 'idle', running: true, restartOn: ['/srv/eve/watched'], settleMs: 0 })
  }

  test('a watched folder of hers with 200,000 files, and one 1,500 deep', async () => {
    await asEve('mkdir /srv/eve/watched')
    await convergeOn(host, watching, SCOPED)
    for (const [fill, words] of [
      ['cd /srv/eve/watched && seq 200000 | xargs touch', /watched holds \d+ files/],
      ['cd /srv/eve/watched && for i in $(seq 1500); do mkdir d && cd d || exit 1; done', /folders \d+ deep/],
    ] as const) {
      await asEve(fill)
      await costsOnly('service:idle.service', words, watching)
      await sshOk(host, 'rm -rf /srv/eve/watched/..?* /srv/eve/watched; runuser -u eve -- mkdir /srv/eve/watched')
    }
  })

  test('ten checks of hers that hang take two minutes at most, and no time of others', async () => {
    const hangs = (): void => {
      for (let index = 0; index < 10; index += 1)
        command({ name: `hang${index}`, check: 'sleep 3600', apply: 'true', user: 'eve' })
      command({ name: 'of ada', check: 'true', apply: 'false', user: 'ada' })
    }
    const plan = await planOn(host, hangs, SCOPED)
    const refs = Array.from({ length: 10 }, (_, index) => `command:hang${index}`)
    assert.equal(
      plan.changes.filter(({ kind }) => kind !== 'adopt').map(({ ref }) => ref),
      refs,
    )
    for (const ref of refs) assert.match(changeOf(plan, ref).because ?? '', 'check did not end within 60 s')
  })

  test('a pipe in the place of a file, of an edited one and of keys', async () => {
    await asEve(
      'mkfifo /srv/eve/pipe; mkdir -p ~eve/.ssh; rm -f ~eve/.ssh/authorized_keys; mkfifo ~eve/.ssh/authorized_keys',
    )
    const plan = await planOn(
      host,
      () => {
        file({ path: '/srv/eve/pipe', content: 'x', owner: 'eve' })
        edit({ path: '/srv/eve/pipe', line: 'x' })
        keysOfEve()
        file({ path: '/srv/besides', content: 'x' })
      },
      SCOPED,
    )
    assert.is(changeOf(plan, 'file:/srv/besides').certainty, 'exact')
    await sshOk(host, 'rm /srv/eve/pipe ~eve/.ssh/authorized_keys')
  })

  test('a pipe swapped in and out while it is read, at every instant', async () => {
    await asEve('mkfifo /srv/eve/fifo; echo text > /srv/eve/swap; echo text > /srv/eve/swap2')
    await sshOk(
      host,
      `systemd-run --quiet --unit=swap --uid=eve sh -c 'cd /srv/eve; while :; do mv swap kept; mv fifo swap; mv swap fifo; mv kept swap; done'`,
    )
    const declare = (): void => {
      file({ path: '/srv/eve/swap', content: 'text\n', owner: 'eve' })
      edit({ path: '/srv/eve/swap', line: 'text' })
      file({ path: '/srv/steady', content: 'x' })
    }
    await sshOk(host, 'echo x | tr -d "\\n" > /srv/steady')
    for (let time = 0; time < 5; time += 1) {
      const { changes } = await planOn(host, declare, SCOPED)
      assert.is(changes.find(({ ref }) => ref === 'file:/srv/steady')?.kind, 'adopt')
    }
    await sshOk(host, 'systemctl stop swap; rm -rf /srv/eve/*')
  })

  test('pipes and files without an end among what sshd, sudo and sysctl read, when the folders were given away', async () => {
    await sshOk(host, 'cd /etc && mkdir -p sudoers.d sysctl.d && chown eve sudoers.d sysctl.d ssh/sshd_config.d')
    await asEve(
      'cd /etc; for at in sudoers.d sysctl.d ssh/sshd_config.d; do mkfifo $at/pipe.conf; ln -s /dev/zero $at/zero.conf; done',
    )
    try {
      const started = performance.now()
      const plan = await planOn(
        host,
        () => {
          file({ path: '/etc/ordinary', content: 'x' })
          file({ path: '/etc/ssh/sshd_config.d/00-tries.conf', content: 'MaxAuthTries 4\n' })
          sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 7000 })
        },
        SCOPED,
      )
      assert.equal([...new Set(plan.changes.map(({ certainty }) => certainty))], ['exact'])
      // What never ends is given up after three minutes.
      assert.ok(performance.now() - started < 60_000)
    } finally {
      await sshOk(
        host,
        'cd /etc; rm -f {sudoers.d,sysctl.d,ssh/sshd_config.d}/{pipe,zero}.conf; chown root sudoers.d sysctl.d ssh/sshd_config.d',
      )
    }
  })

  test('a user with 300 processes is refused with the first ten', async () => {
    await sshOk(
      host,
      `systemd-run --quiet --unit=many --uid=eve sh -c 'for i in $(seq 300); do sleep 600 & done; wait'`,
    )
    await sshOk(host, `timeout 20 sh -c 'until [ "$(pgrep -c -u eve sleep)" -eq 300 ]; do sleep 0.1; done'`)
    const report = await convergeOn(host, () => void user({ name: 'eve', ensure: 'absent' }), {
      ...SCOPED,
      allowLockout: true,
    })
    assert.match(changeOf(report, 'user:eve').failure?.said ?? '', / and 29\d more/)
    await sshOk(host, 'systemctl stop many')
  })

  test('a full name of odd bytes', async () => {
    await sshOk(host, `sed -i "s/^\\(eve:x:[0-9]*:[0-9]*:\\)[^:]*/\\1$(printf 'a\\377\\033[2J\\t')/" /etc/passwd`)
    const declare = (): void => void user({ name: 'eve', comment: 'Eve' })
    await convergeOn(host, declare, { ...SCOPED, allowLockout: true })
    assert.equal((await planOn(host, declare, SCOPED)).changes, [])
  })

  test.run()
}
