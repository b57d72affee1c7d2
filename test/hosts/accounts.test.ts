/**
 * Users, groups, authorized keys and sudo on real hosts.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/dsl/declare.ts'
import { secret } from '../../lib/kit/secret.ts'
import { authorizedKeys as authorizedKeysType } from '../../lib/resources/accounts/authorizedKeys.ts'
import { group as groupType } from '../../lib/resources/accounts/group.ts'
import { sudoers as sudoersType } from '../../lib/resources/accounts/sudoers.ts'
import { user as userType } from '../../lib/resources/accounts/user.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const user = resource(userType)
const group = resource(groupType)
const authorizedKeys = resource(authorizedKeysType)
const sudoers = resource(sudoersType)

const ADA = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrSp5wqE/QGEgyAnFzUEE+VeU2O4qoUinJCx626Z3FX ada@laptop'
const BOB = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPUIuUIuQg6cFaVZ8AlWAE5Ydo10Z/qLOeVkIvuRA6xc bob@desk'
const HASH = '$6$keelson$5cYJ0tVWQkQr8c1qyqoTzvbAjbbrGZmVCcyJMgDpuaFAhOfn3Dnt1nuRP0hGhM0XqFVyeHfEyjwFf6YWqkRZl1'

/** What other tests declared stays; a state recorded with a secret needs that secret. */
const SCOPED = { secrets: { ada: HASH }, only: (): boolean => true }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('accounts on real hosts')

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)

  on('a user with its groups, home, shell, password and expiry is made as planned', async () => {
    await convergeAsPlanned(
      host,
      () => {
        group({ name: 'crew', gid: 4500 })
        group({ name: 'ops', system: true })
        user({
          name: 'ada',
          uid: 4501,
          group: 'crew',
          groups: ['ops'],
          comment: "Ada L'Ovelace $(id)",
          shell: '/bin/sh',
          expires: '2031-03-01',
          passwordHash: secret('ada'),
        })
        user({ name: 'api', system: true })
      },
      { secrets: { ada: HASH } },
    )
    assert.match(await sshOk(host, 'getent passwd ada'), ":4501:4500:Ada L'Ovelace $(id):/home/ada:/bin/sh")
    assert.is(await sshOk(host, 'stat -c "%a %U" /home/ada'), '700 ada\n')
    assert.is(await sshOk(host, 'getent shadow ada | cut -d: -f2'), `${HASH}\n`)
    assert.match(await sshOk(host, 'getent passwd api'), ':/nonexistent:/usr/sbin/nologin')
    assert.match(await sshOk(host, 'getent shadow api'), 'api:!')
  })

  on('groups given by hand stay unless the list is exclusive', async () => {
    await sshOk(host, 'usermod -aG games ada')
    const groups = (exclusiveGroups: boolean): void =>
      void user({ name: 'ada', groups: ['ops'], exclusiveGroups, shell: '/bin/sh' })
    assert.equal(
      (await planOn(host, () => groups(false), SCOPED)).changes.filter(({ kind }) => kind === 'change'),
      [],
    )
    await convergeOn(host, () => groups(true), SCOPED)
    assert.is(await sshOk(host, 'id -nG ada'), 'crew ops\n')
  })

  on('another password is seen as drift and put back without being shown', async () => {
    await sshOk(host, "usermod -p '$6$other$aaaaaaaaaaaaaaaaaaaaaa' ada")
    const declare = (): void => void user({ name: 'ada', shell: '/bin/sh', passwordHash: secret('ada') })
    const options = SCOPED
    const plan = await planOn(host, declare, options)
    assert.equal(changeOf(plan, 'user:ada').fields, [{ field: 'password', form: 'secret' }])
    assert.not.match(JSON.stringify(plan), '$6$')
    await convergeOn(host, declare, options)
    assert.is(await sshOk(host, 'getent shadow ada | cut -d: -f2'), `${HASH}\n`)
  })

  on('a hash that is none is refused by name', async () => {
    const report = await convergeOn(
      host,
      () => void user({ name: 'ada', shell: '/bin/sh', passwordHash: secret('ada') }),
      {
        secrets: { ada: 'clear text' },
        only: () => true,
      },
    )
    assert.match(changeOf(report, 'user:ada').failure?.said ?? '', 'is not a hash')
  })

  on('a hash that is cut is refused, and the password stays', async () => {
    const before = await sshOk(host, 'getent shadow ada')
    const declare = (): void => void user({ name: 'ada', shell: '/bin/sh', passwordHash: secret('ada') })
    const cut = { secrets: { ada: HASH.slice(0, -1) }, only: () => true }
    assert.match(changeOf(await convergeOn(host, declare, cut), 'user:ada').failure?.said ?? '', 'not a whole hash')
    assert.is(await sshOk(host, 'getent shadow ada'), before)
  })

  on('an account that is there is locked, whatever its password is, and one that is locked is in order', async () => {
    await sshOk(host, `useradd hashed -p '${HASH}'; useradd empty -p ''; useradd starred -p '*'; useradd fresh`)
    const names = ['hashed', 'empty', 'starred', 'fresh']
    const { plan } = await convergeAsPlanned(
      host,
      () => names.forEach((name) => void user({ name, shell: '/bin/sh', createHome: false, locked: true })),
      SCOPED,
    )
    const locks = plan.changes.flatMap(({ ref, fields }) =>
      fields.some(({ field }) => field === 'locked') ? [ref] : [],
    )
    assert.equal(locks, ['user:hashed', 'user:empty'])
    const shadow = await sshOk(host, `getent shadow ${names.join(' ')} | cut -d: -f1,2`)
    assert.is(shadow, `hashed:!${HASH}\nempty:!\nstarred:*\nfresh:!\n`)
  })

  on('a locked password is locked, and unlocked again with its hash', async () => {
    const declare = (locked: boolean) => (): void =>
      void user({ name: 'ada', shell: '/bin/sh', passwordHash: secret('ada'), locked })
    const options = SCOPED
    await convergeAsPlanned(host, declare(true), options)
    assert.is(await sshOk(host, 'getent shadow ada | cut -d: -f2'), `!${HASH}\n`)
    await convergeAsPlanned(host, declare(false), options)
    assert.is(await sshOk(host, 'getent shadow ada | cut -d: -f2'), `${HASH}\n`)
  })

  on('a user with running processes is not removed, and the processes are named', async () => {
    await sshOk(host, 'setsid setpriv --reuid=ada --clear-groups sleep 600 >/dev/null 2>&1 </dev/null & :')
    const report = await convergeOn(host, () => void user({ name: 'ada', ensure: 'absent' }), SCOPED)
    assert.match(changeOf(report, 'user:ada').failure?.said ?? '', /running processes.*\(sleep\)/)
    await sshOk(host, 'kill $(find /proc -maxdepth 1 -name "[0-9]*" -user ada -printf "%f ")')
  })

  on('a removed user leaves its home', async () => {
    const { plan } = await convergeAsPlanned(host, () => void user({ name: 'ada', ensure: 'absent' }), SCOPED)
    assert.equal(changeOf(plan, 'user:ada').besides, ['its home /home/ada stays'])
    assert.is((await ssh(host, 'getent passwd ada')).exit, 2)
    await sshOk(host, 'test -d /home/ada')
  })

  on('what is left out of an account that is there stays as it is', async () => {
    await sshOk(host, 'useradd --no-create-home --home-dir /srv/nest --shell /bin/dash --comment Nest nest')
    const read = (): Promise<string> =>
      sshOk(host, 'getent passwd www-data daemon nest; getent shadow www-data daemon nest; ls -ld /var/www /srv/* || :')
    const before = await read()
    const { plan } = await convergeAsPlanned(
      host,
      () => {
        group({ name: 'shared' })
        user({ name: 'www-data', groups: ['shared'] })
        user({ name: 'daemon' })
        user({ name: 'nest', system: true })
      },
      SCOPED,
    )
    assert.equal(
      changeOf(plan, 'user:www-data').fields.map(({ field }) => field),
      ['groups'],
    )
    assert.is(await read(), before)
    await convergeAsPlanned(host, () => void user({ name: 'nest', home: '/srv/nest' }), SCOPED)
    assert.is(await sshOk(host, 'stat -c "%a %U:%G" /srv/nest'), '700 nest:nest\n')
  })

  on('a user gets the group of its own name, made before it or with it', async () => {
    await convergeAsPlanned(
      host,
      () => {
        group({ name: 'note', gid: 4700 })
        user({ name: 'note' })
        user({ name: 'later', system: true })
        group({ name: 'later', system: true, members: ['note'] })
      },
      SCOPED,
    )
    assert.is(
      await sshOk(host, 'id -gn note; id -g note; id -gn later; id -Gn note'),
      'note\n4700\nlater\nnote later\n',
    )
    assert.is(await sshOk(host, 'stat -c "%a %U:%G" /home/note'), '700 note:note\n')
  })

  on('a user that was cut off while it was made is completed, and one that is disabled stays so', async () => {
    await sshOk(host, 'useradd --no-create-home --shell /bin/bash --expiredate 1970-01-11 half; useradd -e 1 -M off')
    const declare = (): void => {
      user({ name: 'half' })
      user({ name: 'off' })
    }
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.equal(
      changeOf(plan, 'user:half').fields.map(({ field }) => field),
      ['homeThere', 'expires'],
    )
    assert.is(await sshOk(host, 'stat -c "%a %U" /home/half; getent shadow half off | cut -d: -f8'), '700 half\n\n1\n')
    assert.is((await ssh(host, 'test -e /home/off')).exit, 1)
  })

  on('members and number of a group follow the recipe', async () => {
    await convergeAsPlanned(host, () => void group({ name: 'crew', gid: 4600, members: ['games', 'daemon'] }), {
      only: () => true,
    })
    assert.is(await sshOk(host, 'getent group crew'), 'crew:x:4600:daemon,games\n')
    await convergeAsPlanned(host, () => void group({ name: 'crew', members: [] }), SCOPED)
    assert.is(await sshOk(host, 'getent group crew'), 'crew:x:4600:\n')
    await convergeAsPlanned(host, () => void group({ name: 'crew', ensure: 'absent' }), SCOPED)
  })

  on('a number that another group or user has is refused with its name', async () => {
    const report = await convergeOn(
      host,
      () => {
        group({ name: 'fresh27', gid: 27 })
        group({ name: 'games', gid: 5 })
        user({ name: 'new33', uid: 33 })
        user({ name: 'news', uid: 1 })
      },
      SCOPED,
    )
    for (const [name, uid, other] of [
      ['new33', 33, 'www-data'],
      ['news', 1, 'daemon'],
    ] as const)
      assert.match(
        changeOf(report, `user:${name}`).failure?.said ?? '',
        `uid ${uid} of user ${name} is the one of user ${other}`,
      )
    assert.is((await ssh(host, 'getent passwd new33')).exit, 2)
    for (const [name, gid, other] of [
      ['fresh27', 27, 'sudo'],
      ['games', 5, 'tty'],
    ] as const)
      assert.match(
        changeOf(report, `group:${name}`).failure?.said ?? '',
        `gid ${gid} of group ${name} is the one of group ${other}`,
      )
    assert.is((await ssh(host, 'getent group fresh27')).exit, 2)
  })

  on('keys are written for the user, and a foreign key is taken out', async () => {
    const declare = (): void => {
      user({ name: 'bob' })
      authorizedKeys({ user: 'bob', keys: [{ key: BOB, options: ['from="127.0.0.1,10.0.0.0/8"', 'no-pty'] }] })
    }
    await convergeAsPlanned(host, declare, SCOPED)
    assert.is(
      await sshOk(host, 'stat -c "%a %U:%G" /home/bob/.ssh /home/bob/.ssh/authorized_keys'),
      '700 bob:bob\n600 bob:bob\n',
    )
    await sshOk(host, `echo '${ADA}' >> /home/bob/.ssh/authorized_keys; chmod 644 /home/bob/.ssh/authorized_keys`)
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.is(changeOf(plan, 'authorized-keys:bob').consequence, 'lockout')
    assert.is(await sshOk(host, 'cat /home/bob/.ssh/authorized_keys'), `from="127.0.0.1,10.0.0.0/8",no-pty ${BOB}\n`)
  })

  on('without exclusive other keys stay, also when ours go', async () => {
    await sshOk(host, `echo '${ADA}' > /home/bob/.ssh/authorized_keys`)
    const keys = { user: 'bob', keys: [BOB], exclusive: false }
    await convergeAsPlanned(host, () => void authorizedKeys(keys), SCOPED)
    assert.is(await sshOk(host, 'cat /home/bob/.ssh/authorized_keys'), `${ADA}\n${BOB}\n`)
  })

  on('a planted link is refused and what it leads to is not touched', async () => {
    await sshOk(host, 'rm -r /home/bob/.ssh; mkdir /root/t; ln -s /root/t /home/bob/.ssh; chown -h bob /home/bob/.ssh')
    const report = await convergeOn(host, () => void authorizedKeys({ user: 'bob', keys: [BOB] }), SCOPED)
    assert.match(changeOf(report, 'authorized-keys:bob').failure?.said ?? '', 'is a link')
    await sshOk(host, 'rm /home/bob/.ssh; mkdir /home/bob/.ssh; ln -s /etc/shadow /home/bob/.ssh/authorized_keys')
    const plan = await planOn(host, () => void authorizedKeys({ user: 'bob', keys: [BOB] }), SCOPED)
    assert.not.match(JSON.stringify(plan), 'root:')
    assert.is(await sshOk(host, 'ls -A /root/t'), '')
    await sshOk(host, 'rm -r /home/bob/.ssh')
  })

  on('sudo rights work as declared', async () => {
    const commands = ['/usr/bin/id -u', '/usr/bin/printf a,b:c=d']
    await convergeAsPlanned(
      host,
      () => {
        user({ name: 'bob' })
        sudoers({ name: 'bob', user: 'bob', noPassword: true, commands })
      },
      SCOPED,
    )
    assert.is(await sshOk(host, 'setpriv --reuid=bob --regid=bob --init-groups sudo -n /usr/bin/id -u'), '0\n')
    assert.is(
      await sshOk(host, "setpriv --reuid=bob --regid=bob --init-groups sudo -n /usr/bin/printf 'a,b:c=d'"),
      'a,b:c=d',
    )
    assert.is((await ssh(host, 'setpriv --reuid=bob --regid=bob --init-groups sudo -n /usr/bin/id -un')).exit, 1)
    assert.is(await sshOk(host, 'stat -c "%a %U:%G" /etc/sudoers.d/bob'), '440 root:root\n')
  })

  on('a sudoers file that is wrong alone, or with the others, is not left in place', async () => {
    const broken = await convergeOn(host, () => void sudoers({ name: 'bad', content: 'bob ALL=(root\n' }), {
      only: () => true,
    })
    assert.match(changeOf(broken, 'sudoers:bad').failure?.said ?? '', 'the candidate was refused')
    const clash = await convergeOn(
      host,
      () => {
        sudoers({ name: 'one', content: 'Cmnd_Alias SAME = /bin/true\n' })
        sudoers({ name: 'two', content: 'Cmnd_Alias SAME = /bin/false\n' })
      },
      SCOPED,
    )
    assert.match(changeOf(clash, 'sudoers:two').failure?.said ?? '', 'as a whole is wrong')
    assert.is(await sshOk(host, 'visudo -cq; ls -A /etc/sudoers.d'), 'README\nbob\none\n')
    await convergeAsPlanned(host, () => void sudoers({ name: 'one', ensure: 'absent', content: '\n' }), {
      only: () => true,
    })
  })
}

test.run()
