/**
 * Root's hands in folders of other accounts: whatever an account exchanges, links or renames there, root is not led
 * elsewhere, and what belongs there still comes to be.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { redisCache } from '../../recipes/redisCache.ts'
import {
  authorizedKeys,
  command,
  directory,
  edit,
  file,
  postgresHba,
  postgresSetting,
  symlink,
  unit,
  service,
  user,
} from '../../lib/index.ts'
import { HostError, Stale } from '../../lib/engine/errors.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import { type Attack, holdings, underAttack } from '../support/attacker.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { installPostgres, installRedis } from '../support/postgres.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrSp5wqE/QGEgyAnFzUEE+VeU2O4qoUinJCx626Z3FX bob@test'
/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const APP = '/srv/app'
const app = (name: string): string => `${APP}/${name}`
/** Places that an account would like to have: a file, a folder, one of root's own, and one of the attacker's. */
const DECOYS = ['/etc/passwd', '/etc', '/root/safe', '']

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('root in folders of others')

for (const host of hosts) {
  await sshOk(
    host,
    `useradd --system app; useradd --system deploy; useradd -m -s /bin/bash bob
mkdir -m 0700 /root/safe; echo root > /root/safe/file; mkdir -m 0755 ${APP}; chown app:app ${APP}`,
  )
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)
  const clear = (): Promise<string> => sshOk(host, `find ${APP} -mindepth 1 -delete; rm -rf /var/lib/keelson`)

  /** Under attack nothing of others' is changed; without it all comes out as declared, and nothing is left behind. */
  async function withstands(
    attack: Omit<Attack, 'as' | 'folder' | 'decoys'> & Partial<Attack>,
    declare: (round: number) => void,
    { rounds = 3, except = [APP] }: { rounds?: number; except?: readonly string[] } = {},
  ): Promise<void> {
    const whole = { as: 'app', folder: APP, decoys: DECOYS, ...attack }
    const before = await holdings(host, except)
    await underAttack(host, whole, async () => {
      for (let round = 1; round <= rounds; round += 1) {
        await convergeOn(host, () => declare(round), SCOPED).catch((error: unknown) => {
          // That a host keeps changing while it is read is an answer.
          if (!(error instanceof HostError || error instanceof Stale)) throw error
        })
      }
    })
    assert.equal(difference(before, await holdings(host, except)), [])
    assert.is(await sshOk(host, 'grep -c ":0:0:" /etc/passwd; find /root/safe /etc -user app'), '1\n')
    await convergeAsPlanned(host, () => declare(rounds + 1), SCOPED)
    // What the account itself has made by such a name is its own.
    assert.is(await sshOk(host, `find ${whole.folder} -user root -name '*.keelson*'`), '')
  }

  on('files in the folder of an account, when it exchanges whatever root makes in it', async () => {
    await clear()
    await withstands({}, (round) => {
      for (let number = 0; number < 10; number += 1)
        file({ path: app(`file${number}`), content: `${round}\n`, owner: 'app', mode: '0640' })
      symlink({ path: app('link'), target: `${round}` })
    })
    assert.is(await sshOk(host, `stat -c '%a %U:%G' ${app('file0')}; cat ${app('file9')}`), '640 app:app\n4\n')
  })

  on('a command in a folder of its account that leads into one of root', async () => {
    await clear()
    await sshOk(host, `mkdir -m 0755 /root/open; echo secret > /root/open/file; ln -s /root/open ${app('work')}`)
    const report = await convergeOn(
      host,
      () => {
        command({
          name: 'look',
          user: 'app',
          directory: app('work'),
          check: `test -e ${app('seen')}`,
          apply: `cat file > ${app('seen')}`,
        })
      },
      SCOPED,
    )
    await sshOk(host, 'rm -r /root/open')
    const { outcome, failure } = changeOf(report, 'command:look')
    assert.is(outcome, 'failed')
    assert.match(failure?.said ?? '', app('work'))
    assert.is(await sshOk(host, `ls ${APP}`), 'work\n')
  })

  on('files whose names the account exchanges for links', async () => {
    await clear()
    const names = ['a', 'b', 'c']
    await sshOk(host, `cd ${APP}; for name in ${names.join(' ')}; do echo 0 > $name; chown app: $name; done`)
    await withstands({ names, decoys: ['/etc/shadow', '/root/safe/file'] }, (round) => {
      file({ path: app('a'), content: `${round}\n`, owner: 'app' })
      file({ path: app('b'), owner: 'app', mode: round % 2 === 0 ? '0640' : '0600' })
      edit({ path: app('c'), line: `line ${round}`, replaces: 'line ' })
    })
  })

  on('folders that the account exchanges for links', async () => {
    await clear()
    const names = ['data', 'conf']
    await sshOk(host, `install -d -o app -g app ${app('data')} ${app('conf')}`)
    await withstands({ names, decoys: ['/etc', '/root/safe'] }, (round) => {
      directory({ path: app('data'), owner: 'app', mode: round % 2 === 0 ? '0755' : '0700', only: [] })
      file({ path: app('conf/environment'), content: `${round}\n`, owner: 'app' })
      directory({ path: app('conf/new'), owner: 'app' })
    })
  })

  on('what is taken away in a folder that the account exchanges for a link', async () => {
    await clear()
    const make = (): void => {
      directory({ path: app('conf'), owner: 'app' })
      for (const name of ['passwd', 'environment', 'hosts']) file({ path: app(`conf/${name}`), content: 'x' })
    }
    await convergeAsPlanned(host, make, SCOPED)
    await withstands({ names: ['conf'], decoys: ['/etc'] }, () => {
      for (const name of ['passwd', 'environment', 'hosts']) file({ path: app(`conf/${name}`), ensure: 'absent' })
      directory({ path: app('conf/apt'), ensure: 'absent', recursive: true })
    })
  })

  on('a link to a folder of root is not followed, and nothing goes through it later', async () => {
    await clear()
    const path = app('conf/environment')
    const declare = (): void => void file({ path, content: 'mine\n', owner: 'app' })
    await sshOk(host, `ln -s /etc ${app('conf')}; chown -h app: ${app('conf')}; echo theirs > /etc/environment`)
    const before = await holdings(host, [])
    assertRefused(
      await convergeOn(host, declare, SCOPED),
      `file:${path}`,
      /conf is a link, and lies in .*app, a folder of app/,
    )
    assert.equal(difference(before, await holdings(host, [])), [])
    await sshOk(host, `rm -r /var/lib/keelson ${app('conf')}; mkdir ${app('conf')}; chown app: ${app('conf')}`)
    await convergeAsPlanned(host, declare, SCOPED)
    await sshOk(host, `rm -r ${app('conf')}; ln -s /etc ${app('conf')}; chown -h app: ${app('conf')}`)
    const report = await convergeOn(host, () => void file({ path: '/etc/other', content: 'x' }), { allowRemove: 1 })
    const { kind, because } = changeOf(report, `file:${path}`)
    assert.equal(
      [kind, because],
      ['forget', 'left in place: another hand has replaced it: it belongs to root, and its content is another'],
    )
    assert.is(await sshOk(host, 'cat /etc/environment'), 'theirs\n')
    await clear()
  })

  on('the keys of a user who exchanges her folder for a link to that of root', async () => {
    await sshOk(host, 'install -d -m 0700 -o bob -g bob /home/bob/.ssh')
    const attack = { as: 'bob', folder: '/home/bob', names: ['.ssh'], decoys: ['/root/.ssh', '/etc', ''] }
    await withstands(
      attack,
      (round) =>
        void authorizedKeys({ user: 'bob', keys: round % 2 === 0 ? [KEY] : [{ key: KEY, options: ['no-pty'] }] }),
      { except: ['/home/bob'] },
    )
    assert.is(await sshOk(host, "stat -c '%a %U:%G' /home/bob/.ssh /home/bob/.ssh/*"), '700 bob:bob\n600 bob:bob\n')
  })

  on('a line in ~/.profile, and a whole file, in a home whose owner exchanges them', async () => {
    const attack = { as: 'bob', folder: '/home/bob', names: ['.profile', '.bashrc'], decoys: ['/etc/shadow'] }
    await withstands(
      attack,
      (round) => {
        edit({ path: '/home/bob/.profile', line: `export ROUND=${round}`, replaces: 'export ROUND=' })
        file({ path: '/home/bob/.bashrc', content: `${round}\n`, owner: 'bob' })
      },
      { except: ['/home/bob'] },
    )
    assert.match(await sshOk(host, 'cat /home/bob/.profile; stat -c %U /home/bob/.profile'), /ROUND=4\nbob\n$/)
  })

  on('a second name of a file of root is not read, given away or written', async () => {
    await clear()
    await sshOk(host, `ln /etc/shadow ${app('a')}; ln /etc/shadow ${app('b')}`)
    const before = await holdings(host, [APP])
    const report = await convergeOn(
      host,
      () => {
        file({ path: app('a'), owner: 'app' })
        edit({ path: app('b'), line: 'x' })
      },
      SCOPED,
    )
    assertRefused(report, `file:${app('a')}`, /has other names/)
    assertRefused(report, `edit:${app('b')} x`, /has other names/)
    assert.equal(difference(before, await holdings(host, [APP])), [])
    await clear()
  })

  on('a pipe in the place of a file hangs nothing', async () => {
    await clear()
    await sshOk(host, `echo x > ${app('a')}; mkfifo ${app('pipe')}; chown app: ${APP}/*`)
    await withstands(
      { names: ['a'], decoys: [app('pipe')] },
      (round) => void edit({ path: app('a'), line: `${round}` }),
    )
    assertRefused(
      await convergeOn(host, () => void edit({ path: app('pipe'), line: 'x' }), SCOPED),
      `edit:${app('pipe')} x`,
      /not a file/,
    )
  })

  on('who has a file open for writing does not write into it once it is given to root', async () => {
    await clear()
    const paths = [app('settings'), '/etc/app-settings']
    for (const path of paths) {
      await sshOk(host, `echo ours > ${path}; chown app:app ${path}; chmod 0640 ${path}`)
      await sshOk(
        host,
        `setsid runuser -u app -- sh -c 'exec 3>> "$1"; : > "/tmp/open-\${1##*/}"; until [ -e /tmp/write ]; do sleep 0.05; done; echo theirs >&3' sh ${path} >/dev/null 2>&1 </dev/null &
timeout 20 sh -c 'until [ -e "/tmp/open-\${0##*/}" ]; do sleep 0.05; done' ${path}`,
      )
    }
    await convergeAsPlanned(
      host,
      () => paths.forEach((path) => file({ path, content: 'ours\n', owner: 'root', mode: '0644' })),
      SCOPED,
    )
    await sshOk(host, 'touch /tmp/write; timeout 20 sh -c \'while pgrep -u app -f "[o]pen-"; do sleep 0.05; done\'')
    for (const path of paths) assert.is(await sshOk(host, `stat -c '%U %a' ${path}; cat ${path}`), 'root 644\nours\n')
    await sshOk(host, 'rm -f /tmp/write /tmp/open-* /etc/app-settings')
  })

  on('a folder of one account below that of another is refused, and both are named', async () => {
    await clear()
    await sshOk(host, `install -d -o deploy ${app('shared')}`)
    const report = await convergeOn(host, () => void file({ path: app('shared/x'), content: '' }), SCOPED)
    assertRefused(report, `file:${app('shared/x')}`, /shared belongs to deploy and lies in .*, a folder of app/)
  })

  on('ordinary layouts keep working', async () => {
    await clear()
    await sshOk(
      host,
      `install -d -o app -g app /srv/releases /srv/releases/1; ln -sfn /srv/releases/1 /opt/current
install -d -m 2775 -g staff /var/local; install -d -m 1777 /srv/drop; install -d -m 0750 -o root -g app ${app('etc')}`,
    )
    await convergeAsPlanned(
      host,
      () => {
        file({ path: '/opt/current/settings', content: 'a\n', owner: 'app' })
        file({ path: '/var/local/b', content: 'b\n' })
        file({ path: '/srv/drop/c', content: 'c\n', owner: 'app' })
        file({ path: app('etc/secret'), content: 'd\n', mode: '0640', group: 'app' })
        file({ path: '/var/run/e', content: 'e\n' })
        directory({ path: app('deep/er'), owner: 'app' })
        user({ name: 'carl', home: app('carl') })
        symlink({ path: app('now'), target: 'etc' })
      },
      SCOPED,
    )
    assert.is(await sshOk(host, 'cd /srv/releases/1; cat settings /var/local/b /srv/drop/c /run/e'), 'a\nb\nc\ne\n')
    assert.is(
      await sshOk(host, `stat -c '%a %U:%G' ${app('carl')} ${app('carl/.profile')}`),
      '700 carl:carl\n600 carl:carl\n',
    )
  })

  on('a link of root that leads through one of another account is refused', async () => {
    await clear()
    await sshOk(
      host,
      `cd ${APP}; install -d -o app v1; ln -s v1 now; chown -h app: now; ln -sfn ${app('now')} /opt/now`,
    )
    const report = await convergeOn(host, () => void file({ path: '/opt/now/x', content: '' }), SCOPED)
    assertRefused(report, 'file:/opt/now/x', /app\/now is a link, and lies in .*app, a folder of app/)
  })

  on('an ACL stays, the rights of the group are not those of its mask, and the plan says so', async () => {
    await clear()
    await sshOk(
      host,
      `(apt-get update -qq; apt-get install -qq -y --no-install-recommends acl) 2>&1; cd ${APP}; mkdir /etc/acl
for file in ${APP}/a /etc/acl/a /etc/acl/b; do
  echo old > $file; chmod 0640 $file; setfacl -m u:bob:rw $file; setfattr -n user.note -v x $file 2>/dev/null || :
done`,
    )
    const declare = (): void => {
      edit({ path: app('a'), line: 'new' })
      edit({ path: '/etc/acl/b', line: 'new' })
      file({ path: '/etc/acl/a', content: 'new\n', mode: '0640' })
    }
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.equal(changeOf(plan, 'file:/etc/acl/a').fields.at(-1), {
      field: 'acl',
      form: 'value',
      before: 'set',
      after: 'kept, with the mode as its mask',
    })
    const acl = (path: string): Promise<string> => sshOk(host, `getfacl -cp ${path}`)
    const kept = 'user::rw-\nuser:bob:rw-\ngroup::r--\nmask::rw-\nother::---\n\n'
    assert.equal([await acl(app('a')), await acl('/etc/acl/b')], [kept, kept])
    assert.is(
      await acl('/etc/acl/a'),
      kept.replace('bob:rw-', 'bob:rw-\t#effective:r--').replace('mask::rw-', 'mask::r--'),
    )
  })

  on('a folder with a default ACL of its owner gives nobody rights on what root makes in it', async () => {
    await clear()
    await sshOk(host, `setfacl -d -m u:app:rwx,g:daemon:rwx ${APP}`)
    await convergeAsPlanned(host, () => void file({ path: app('secret'), content: 'x', mode: '0660' }), SCOPED)
    const report = await convergeOn(host, () => void directory({ path: app('safe'), mode: '0770' }), SCOPED)
    const { outcome } = changeOf(report, `directory:${app('safe')}`)
    // Some releases of cp(1) cannot make a folder without what is inherited there (seen with coreutils 9.7).
    if (outcome === 'failed') assertRefused(report, `directory:${app('safe')}`, /default ACL/)
    const made = (await sshOk(host, `cd ${APP}; ls`)).split('\n').filter((name) => name !== '')
    assert.equal(made, outcome === 'failed' ? ['secret'] : ['safe', 'secret'])
    assert.is(
      (await sshOk(host, `cd ${APP}; getfacl -cp ${made.join(' ')}`))
        .replaceAll(/^(user|group|other)::.*\n/gm, '')
        .trim(),
      '',
    )
    await sshOk(host, `setfacl -k ${APP}`)
  })

  on('what a service does not come up with is put back in the folder of its account', async () => {
    await clear()
    const declare = (content: string) => (): void => {
      const settings = file({ path: app('settings'), content, owner: 'app', mode: '0600' })
      const program = unit({
        name: 'hands.service',
        service: { ExecStart: `/bin/sh -c '. ${app('settings')}; exec sleep infinity'`, User: 'app' },
        install: { WantedBy: 'multi-user.target' },
      })
      service({
        name: 'hands.service',
        enabled: true,
        running: true,
        settleMs: 300,
        restartOn: [settings],
        after: program,
      })
    }
    await convergeAsPlanned(host, declare('A=1\n'), SCOPED)
    const report = await convergeOn(host, declare('exit 1\n'), SCOPED)
    assert.match(changeOf(report, 'service:hands.service').failure?.said ?? '', 'It runs again with what it had before')
    assert.is(
      await sshOk(host, `cat ${app('settings')}; stat -c '%a %U' ${app('settings')}; ls -A ${APP}`),
      'A=1\n600 app\nsettings\n',
    )
  })

  on('what a killed run left in the folder of an account goes with the next one, and nothing else', async () => {
    await clear()
    await sshOk(
      host,
      `cd ${APP}; mkdir -m 0700 .keelson.1-abcdef.x .keelson.mine; echo secret > .keelson.1-abcdef.x/keelson.new
echo mine > .keelson.mine/data; install -d -o app .keelson.theirs`,
    )
    await convergeAsPlanned(host, () => void file({ path: app('a'), content: 'a' }), SCOPED)
    assert.is(
      await sshOk(host, `ls -A ${APP}; cat ${app('.keelson.mine/data')}`),
      '.keelson.mine\n.keelson.theirs\na\nmine\n',
    )
  })

  on('a user and what lies in her home come to be in one run, whatever her home brings along', async () => {
    await convergeAsPlanned(
      host,
      () => {
        edit({ path: '/home/dora/.profile', line: 'export A=1', position: 'top' })
        edit({ path: '/home/dora/.bash_aliases', line: "alias ll='ls -l'", create: true })
        file({ path: '/home/dora/.bashrc', content: 'true\n', owner: 'dora' })
        directory({ path: '/home/dora/.config', owner: 'dora' })
        symlink({ path: '/srv/dora/now', target: '.profile' })
        file({ path: '/srv/dora/.profile', content: '\n', owner: 'dave' })
        user({ name: 'dave', home: '/srv/dora' })
        user({ name: 'dora' })
      },
      SCOPED,
    )
    assert.is(
      await sshOk(host, "cd /home/dora; head -n 1 .profile; cat .bashrc; stat -c '%U %a' . .profile .bashrc .config"),
      'export A=1\ntrue\ndora 700\ndora 600\ndora 644\ndora 755\n',
    )
  })

  on('a file that another hand has replaced is not removed with its declaration, and the plan says why', async () => {
    await clear()
    const paths = ['a', 'b', 'c', 'd'].map(app)
    await convergeAsPlanned(host, () => {
      for (const path of paths) file({ path, content: 'ours\n' })
    })
    await sshOk(
      host,
      `cd ${APP}; rm a c d; echo theirs > a; chown app a; chown app b; ln -s /etc/hosts c; mkdir d; echo more >> b`,
    )
    await sshOk(host, `cd ${APP}; echo ours > b`)
    const other = (): void => void file({ path: '/etc/other', content: 'x' })
    const plan = await planOn(host, other, { allowRemove: 4 })
    assert.equal(
      paths.map((path) => changeOf(plan, `file:${path}`)).map(({ kind, because }) => [kind, because ?? '']),
      [
        ['forget', 'left in place: another hand has replaced it: it belongs to app, and its content is another'],
        // Its owner is another, and its text is ours.
        ['remove', ''],
        ['forget', 'left in place: another hand has put a link in its place'],
        ['forget', 'left in place: another hand has put a directory in its place'],
      ],
    )
    await convergeAsPlanned(host, other, { allowRemove: 4 })
    assert.is(await sshOk(host, `cd ${APP}; ls -A; cat a`), 'a\nc\nd\ntheirs\n')
  })

  on('redis.conf, under attack by redis', async () => {
    await installRedis(host)
    await withstands(
      { as: 'redis', folder: '/etc/redis', decoys: ['/etc/passwd', '/etc', ''] },
      (round) => void redisCache({ memoryMiB: 60 + round }),
      { except: ['/etc/redis', '/etc/rc?.d', '/etc/systemd/system'] },
    )
    assert.is(await sshOk(host, "stat -c '%a %U:%G' /etc/redis/redis.conf"), '640 redis:redis\n')
  })

  on('pg_hba.conf and the settings, under attack by postgres', async () => {
    await installPostgres(host)
    const folder = (await sshOk(host, 'echo /etc/postgresql/*/main')).trim()
    await withstands(
      { as: 'postgres', folder, decoys: ['/etc/passwd', '/etc', ''] },
      (round) => {
        postgresHba({
          type: 'host',
          database: `d${round}`,
          user: 'all',
          address: '10.0.0.0/8',
          method: 'scram-sha-256',
        })
        postgresSetting({ name: 'work_mem', value: `${round}MB` })
      },
      { except: [folder] },
    )
    assert.is(await sshOk(host, `stat -c '%a %U:%G' ${folder}/pg_hba.conf`), '640 postgres:postgres\n')
  })
}

function difference(before: readonly string[], after: readonly string[]): string[] {
  const [was, is] = [new Set(before), new Set(after)]
  return [...before.filter((line) => !is.has(line)), ...after.filter((line) => !was.has(line))]
}

function assertRefused(report: HostReport, ref: string, words: RegExp): void {
  const { outcome, failure } = changeOf(report, ref)
  assert.is(outcome, 'failed')
  assert.match(failure?.said ?? '', words)
}

test.run()
