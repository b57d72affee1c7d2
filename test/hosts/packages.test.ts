/**
 * Packages on real hosts. Small ones without dependencies: `tree`, `dos2unix`, `hello`; `cron` for its configuration.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import type { Progress } from '../../lib/engine/report.ts'
import { resource } from '../../lib/dsl/declare.ts'
import { aptPackage as aptPackageType } from '../../lib/resources/apt/aptPackage.ts'
import { file as fileType } from '../../lib/resources/files/file.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const aptPackage = resource(aptPackageType)
const file = resource(fileType)

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('packages on real hosts')

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)
  const status = (name: string): Promise<string> =>
    sshOk(host, `dpkg-query -W -f='\${db:Status-Want} \${db:Status-Status}\\n' ${name} 2>/dev/null || echo none`)
  const said = async (declare: () => void, ref: string): Promise<string> =>
    changeOf(await convergeOn(host, declare, SCOPED), ref).failure?.said ?? ''

  on('packages are installed in one transaction on a host without package lists', async () => {
    await sshOk(host, 'rm -rf /var/lib/apt/lists/*')
    await convergeAsPlanned(
      host,
      () => {
        aptPackage({ name: 'hello' })
        aptPackage({ name: 'tree', hold: true })
        aptPackage({ name: 'cron', recommends: true })
      },
      SCOPED,
    )
    assert.is(await status('hello tree cron'), 'install installed\ninstall installed\nhold installed\n')
    const log = await sshOk(host, "grep -c '^Commandline: apt-get .* install hello tree$' /var/log/apt/history.log")
    assert.is(log, '1\n')
  })

  on('while apt runs, its own progress is told', async () => {
    await sshOk(host, 'apt-get -q -y purge hello; apt-get clean')
    const told: string[] = []
    const progress = (event: Progress): void => {
      if (event.event === 'step' && event.state === 'started') told.push(event.title)
    }
    const declare = (): void => {
      aptPackage({ name: 'hello' })
    }
    const confirm = () => Promise.resolve(true)
    const report = await convergeHost({ ...runOn(host, declare, SCOPED), confirm, progress })
    assert.is(changeOf(report, 'package:hello').outcome, 'changed')
    assert.is(told[0], 'install hello')
    assert.ok(
      told.some((title) => /^\d+ % {2}(fetching .*, \d+\.\d MB|.*hello.*|Running dpkg)$/.test(title)),
      told.join('\n'),
    )
  })

  on('a name nobody knows is refused with the words of apt, and nothing that matches it is installed', async () => {
    assert.match(
      await said(() => void aptPackage({ name: 'dos2uni.' }), 'package:dos2uni.'),
      'no package to install for: dos2uni.',
    )
    assert.is(await status('dos2unix'), 'none\n')
    const words = await said(() => void aptPackage({ name: 'nosuchpackage' }), 'package:nosuchpackage')
    assert.match(words, 'E: Unable to locate package nosuchpackage')
    const virtual = await said(() => void aptPackage({ name: 'mail-transport-agent' }), 'package:mail-transport-agent')
    assert.match(virtual, 'for a virtual package name one that provides it')
  })

  on('a version nobody has is refused with the words of apt', async () => {
    const words = await said(() => void aptPackage({ name: 'dos2unix', version: '0.1-1' }), 'package:dos2unix')
    assert.match(words, /Version '0.1-1' for 'dos2unix' was not found/)
  })

  on('a hold is set and released without touching the version', async () => {
    const declare = (hold: boolean) => (): void => void aptPackage({ name: 'hello', hold })
    await convergeAsPlanned(host, declare(true), SCOPED)
    assert.is(await sshOk(host, 'apt-mark showhold'), 'hello\ntree\n')
    await convergeAsPlanned(host, declare(false), SCOPED)
    assert.is(await sshOk(host, 'apt-mark showhold'), 'tree\n')
  })

  on('a hold that the recipe leaves out is left, and an exact version that is there is in order', async () => {
    const version = await sshOk(host, "dpkg-query -W -f='${Version}' tree")
    const declare = (): void => void aptPackage({ name: 'tree', version })
    const plan = await planOn(host, declare, SCOPED)
    assert.equal(
      plan.changes.filter(({ kind }) => kind !== 'adopt'),
      [],
    )
  })

  on('another version takes the place of the one that is there, held or not', async () => {
    const version = await sshOk(host, "dpkg-query -W -f='${Version}' tree")
    // The same package under an older version, as one from before an upgrade.
    await sshOk(
      host,
      `cd /tmp && rm -rf old && apt-get -q download tree >/dev/null && dpkg-deb -R tree_*.deb old &&
       sed -i 's/^Version: .*/Version: 0.9-1/' old/DEBIAN/control && dpkg-deb -b old old.deb >/dev/null &&
       dpkg --force-hold --force-downgrade -i old.deb 2>&1 && apt-mark hold tree`,
    )
    const { plan } = await convergeAsPlanned(host, () => void aptPackage({ name: 'tree', version }), SCOPED)
    assert.equal(changeOf(plan, 'package:tree').fields, [
      { field: 'version', form: 'value', before: '0.9-1', after: version },
    ])
    assert.equal(changeOf(plan, 'package:tree').besides, ['it is held, and changes all the same'])
    assert.is(await status('tree'), 'hold installed\n')
  })

  on('a package that came because another needs it stays once it is declared', async () => {
    const auto = (): Promise<string> => sshOk(host, 'apt-mark showauto tree tzdata')
    await sshOk(host, 'apt-mark auto tree tzdata')
    assert.is(await auto(), 'tree\ntzdata\n')
    const declare = (): void => {
      // Of one architecture, and of none.
      aptPackage({ name: 'tree' })
      aptPackage({ name: 'tzdata' })
      aptPackage({ name: 'hello' })
    }
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    for (const name of ['tree', 'tzdata']) {
      const { fields, cause, drift } = changeOf(plan, `package:${name}`)
      assert.equal(fields, [{ field: 'mark', form: 'value', before: 'auto', after: 'manual' }])
      assert.equal([cause, drift?.what], name === 'tree' ? ['both', ['marked auto']] : ['intent', undefined])
    }
    assert.is(await auto(), '')
    await sshOk(host, 'apt-mark auto tree')
    assert.is(changeOf(await planOn(host, declare, SCOPED), 'package:tree').cause, 'drift')
    await convergeAsPlanned(host, declare, SCOPED)
    assert.is(await auto(), '')
  })

  on('a plan names the packages that come along and those that would have to go, and writes nothing', async () => {
    const everything = (): Promise<string> =>
      sshOk(
        host,
        "find /etc/apt /var/lib/apt /var/lib/dpkg /var/cache/apt /var/log/apt /var/log/dpkg.log -printf '%p %T@ %s\\n' | sort",
      )
    const before = await everything()
    const plan = await planOn(
      host,
      () => {
        aptPackage({ name: 'nginx-light' })
        aptPackage({ name: 'openssh-client', ensure: 'absent' })
      },
      SCOPED,
    )
    const words = plan.changes.flatMap(({ besides = [] }) => besides).join('\n')
    assert.match(words, /^\d+ more packages come along: .*\bnginx-common\b/m)
    assert.match(words, /more packages? would have to go, which is refused: .*openssh-server/)
    assert.is(await everything(), before)
  })

  on('what is removed although it is held is said, and that its configuration stays', async () => {
    await sshOk(host, 'apt-get -q -y install xxd >/dev/null 2>&1; apt-mark hold xxd')
    const { plan } = await convergeAsPlanned(host, () => void aptPackage({ name: 'xxd', ensure: 'absent' }), SCOPED)
    assert.equal(changeOf(plan, 'package:xxd').besides, [
      'it is held, and goes all the same',
      'its configuration files stay',
    ])
  })

  on('a package that is there is not upgraded by a change of its neighbours', async () => {
    await sshOk(host, 'apt-mark unhold tree; dpkg --force-downgrade -i /tmp/old.deb 2>&1')
    await convergeAsPlanned(
      host,
      () => {
        aptPackage({ name: 'tree', hold: true })
        aptPackage({ name: 'dos2unix' })
      },
      SCOPED,
    )
    assert.is(await sshOk(host, "dpkg-query -W -f='${Version}' tree"), '0.9-1')
  })

  on('a removal that would take others along is refused and names them', async () => {
    const words = await said(
      () => void aptPackage({ name: 'openssh-client', ensure: 'absent' }),
      'package:openssh-client',
    )
    assert.match(words, /this would also remove .*openssh-server/)
    assert.is(await status('openssh-server'), 'install installed\n')
  })

  on('an essential package is not removed', async () => {
    assert.match(
      await said(() => void aptPackage({ name: 'dpkg', ensure: 'absent' }), 'package:dpkg'),
      /essential|unmet/i,
    )
    assert.is(await status('dpkg'), 'install installed\n')
  })

  on('a removed package keeps its configuration, a purged one does not', async () => {
    await convergeAsPlanned(host, () => void aptPackage({ name: 'cron', ensure: 'absent' }), SCOPED)
    assert.is(await status('cron'), 'deinstall config-files\n')
    const purge = (): void => void aptPackage({ name: 'cron', ensure: 'absent', purge: true })
    const { plan } = await convergeAsPlanned(host, purge, SCOPED)
    assert.is(changeOf(plan, 'package:cron').consequence, 'destructive')
    assert.is((await ssh(host, 'ls /etc/default/cron')).exit, 2)
    await convergeAsPlanned(host, () => void aptPackage({ name: 'cron' }), SCOPED)
    await convergeAsPlanned(host, purge, SCOPED)
  })

  on('what a dpkg that was cut off left half done is finished', async () => {
    await sshOk(host, 'cd /tmp && apt-get -q download hello >/dev/null && dpkg --unpack hello_*.deb 2>&1')
    assert.is(await status('hello'), 'install unpacked\n')
    const { plan } = await convergeAsPlanned(host, () => void aptPackage({ name: 'hello' }), SCOPED)
    assert.equal(changeOf(plan, 'package:hello').fields, [
      { field: 'status', form: 'value', before: 'unpacked', after: 'installed' },
    ])
  })

  on('a package that was unpacked without what it needs is finished with it', async () => {
    await sshOk(
      host,
      'cd /tmp && apt-get -q download bc libreadline8* >/dev/null; rm -f libreadline*.deb; dpkg --unpack bc_*.deb 2>&1',
    )
    await convergeAsPlanned(host, () => void aptPackage({ name: 'bc' }), SCOPED)
    assert.is(await sshOk(host, 'echo 6*7 | bc'), '42\n')
  })

  on('a lock that another program holds is waited for', async () => {
    // fcntl locks, as apt and dpkg take them; perl is part of every Debian.
    const hold = `use Fcntl; my @held; for (qw(/var/lib/dpkg/lock-frontend /var/lib/apt/lists/lock)) { open(my $f, ">>", $_); my $l = pack("ssx4qqlx4", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die $!; push @held, $f } open(my $r, ">", "/tmp/held"); close $r; sleep 8`
    await sshOk(
      host,
      `rm -f /tmp/held; find /var/lib/apt/lists -name '*_Packages*' -exec touch -d '2 days ago' {} +
      setsid perl -e '${hold}' >/dev/null 2>&1 </dev/null & timeout 10 sh -c 'until [ -e /tmp/held ]; do sleep 0.1; done'`,
    )
    await convergeAsPlanned(host, () => void aptPackage({ name: 'dos2unix', ensure: 'absent' }), SCOPED)
    await convergeAsPlanned(host, () => void aptPackage({ name: 'dos2unix' }), SCOPED)
  })

  on('what waits for a package is read again after it', async () => {
    await convergeAsPlanned(
      host,
      () => void file({ path: '/etc/cron.d/x', content: '# x\n', after: aptPackage({ name: 'cron' }) }),
      SCOPED,
    )
  })

  on('a package that Keelson installed goes when it is no longer declared, and one that was there stays', async () => {
    const { plan } = await convergeAsPlanned(host, () => void aptPackage({ name: 'tree' }), { allowRemove: 99 })
    assert.equal(
      plan.changes
        .filter(({ kind }) => kind === 'remove')
        .map(({ ref }) => ref)
        .sort(),
      ['file:/etc/cron.d/x', 'package:dos2unix', 'package:hello'],
    )
    assert.is(await status('bc'), 'install installed\n')
    assert.is(await status('dos2unix hello'), 'none\n')
  })
}

test.run()
