/**
 * Files, directories, links, edits and commands on real hosts, through the engine.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { conf } from '../../lib/dsl/conf.ts'
import { resource } from '../../lib/dsl/declare.ts'
import { secret } from '../../lib/kit/secret.ts'
import { command as commandType } from '../../lib/resources/commands/command.ts'
import { directory as directoryType } from '../../lib/resources/files/directory.ts'
import { edit as editType } from '../../lib/resources/files/edit.ts'
import { file as fileType } from '../../lib/resources/files/file.ts'
import { group as groupType } from '../../lib/resources/accounts/group.ts'
import { symlink as symlinkType } from '../../lib/resources/files/symlink.ts'
import { user as userType } from '../../lib/resources/accounts/user.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const command = resource(commandType)
const directory = resource(directoryType)
const edit = resource(editType)
const file = resource(fileType)
const group = resource(groupType)
const symlink = resource(symlinkType)
const user = resource(userType)

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const SECRET = { ...SCOPED, secrets: { token: "s3cr3t '$(id)'" } }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('paths on real hosts')

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)

  on(
    'a folder, its owner, a file and a link to it are made as planned, in whatever order they are declared',
    async () => {
      await convergeAsPlanned(host, () => {
        symlink({ path: '/srv/app/current', target: "it's a $(file)" })
        file({ path: "/srv/app/it's a $(file)", content: 'a\n', owner: 'app', mode: '0640' })
        directory({ path: '/srv/app', owner: 'app', group: 'crew', mode: '2750' })
        group({ name: 'crew' })
        user({ name: 'app', system: true })
      })
      assert.is(
        await sshOk(host, 'cd /srv/app; stat -c "%a %U:%G %F" . *file*; cat current'),
        '2750 app:crew directory\n640 app:app regular file\na\n',
      )
    },
  )

  on('what another hand changed is drift, shown with its text, and put back', async () => {
    const declare = (): void => {
      directory({ path: '/etc/drift', mode: '0755' })
      file({ path: '/etc/drift/a', content: 'ours\n' })
      symlink({ path: '/etc/drift/b', target: 'a' })
    }
    await convergeAsPlanned(host, declare, SCOPED)
    await sshOk(host, 'cd /etc/drift; echo theirs > a; chmod 666 a; chown daemon .; chmod 2777 .; ln -sfn /etc b')
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.equal(
      plan.changes.map(({ ref, cause }) => `${ref} ${cause}`),
      ['directory:/etc/drift drift', 'file:/etc/drift/a drift', 'symlink:/etc/drift/b drift'],
    )
    assert.equal(changeOf(plan, 'file:/etc/drift/a').fields, [
      { field: 'mode', form: 'mode', before: '0666', after: '0644' },
      { field: 'content', form: 'text', before: 'theirs\n', after: 'ours\n' },
    ])
  })

  on('what was there keeps the owner, group and mode that the recipe leaves out', async () => {
    await sshOk(
      host,
      `cd /srv; for name in key env; do echo old > $name; chown daemon:adm $name; chmod 600 $name; done
       mkdir store; chown daemon:adm store; chmod 2750 store; ln -s /etc/shadow came; touch store/x`,
    )
    const rights = (): Promise<string> => sshOk(host, 'cd /srv; stat -c "%n %a %U:%G" key env store came')
    const declare = (): void => {
      file({ path: '/srv/key', content: 'new\n' })
      file({ path: '/srv/env', owner: 'games' })
      file({ path: '/srv/came', content: 'in place of a link\n' })
      directory({ path: '/srv/store', only: [] })
    }
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.equal(
      plan.changes.map(({ ref, fields }) => [ref, fields.map(({ field }) => field).sort()]),
      [
        ['file:/srv/key', ['content']],
        ['file:/srv/env', ['owner']],
        ['file:/srv/came', ['content', 'kind', 'mode']],
        ['directory:/srv/store', ['others']],
      ],
    )
    const left = 'key 600 daemon:adm\nenv 600 games:adm\nstore 2750 daemon:adm\ncame 644 root:root\n'
    assert.is(await rights(), left)
    // What is not managed is not drift either; with what is, it stays as it is by then.
    await sshOk(host, 'cd /srv; chmod 640 key store; echo theirs > key; chown root env')
    const later = await convergeAsPlanned(host, declare, SCOPED)
    assert.equal(
      later.plan.changes.map(({ ref, cause, drift }) => [ref, cause, drift?.what]),
      [
        ['file:/srv/key', 'drift', ['edited']],
        ['file:/srv/env', 'drift', ['owner changed']],
      ],
    )
    assert.is(await rights(), left.replace('key 600', 'key 640').replace('store 2750', 'store 2640'))
    await convergeAsPlanned(host, () => void file({ path: '/srv/key', content: 'new\n', mode: '0400' }), SCOPED)
    assert.match(await rights(), 'key 400 daemon:adm')
    await sshOk(host, 'rm -r /srv/key /srv/env /srv/store /srv/came')
  })

  on('a secret file is 0600, its old text is not fetched, and its value is nowhere in plan or report', async () => {
    const declare = (): void => void file({ path: '/etc/key', content: conf`key=${secret('token')}` })
    const { report } = await convergeAsPlanned(host, declare, SECRET)
    assert.is(await sshOk(host, 'stat -c %a /etc/key; cat /etc/key'), `600\nkey=${SECRET.secrets.token}`)
    await sshOk(host, 'echo key=older > /etc/key')
    const plan = await planOn(host, declare, SECRET)
    assert.not.match(JSON.stringify([report, plan]), /s3cr3t|older/)
    assert.is((await ssh(host, 'grep -rl s3cr3t /var/lib/keelson /run/keelson /run/systemd')).stdout, '')
    await convergeAsPlanned(host, declare, SECRET)
    const more = (): void =>
      void file({
        path: '/etc/key',
        content: conf`key=${secret('token')}
more=1
`,
      })
    const { plan: shown } = await convergeAsPlanned(host, more, SECRET)
    assert.equal(changeOf(shown, 'file:/etc/key').fields, [
      { field: 'content', form: 'text', before: 'key=(secret token)', after: 'key=(secret token)\nmore=1\n' },
    ])
  })

  on('a file that its judge refuses is not put in place, and the report carries the words of the judge', async () => {
    const declare = (content: string) => (): void =>
      void file({ path: '/etc/ssh/sshd_config.d/60-x.conf', content, validate: 'sshd -t -f %' })
    await convergeAsPlanned(host, declare('MaxAuthTries 4\n'), SCOPED)
    const report = await convergeOn(host, declare('MaxAuthTriez 4\n'), SCOPED)
    const said = changeOf(report, 'file:/etc/ssh/sshd_config.d/60-x.conf').failure?.said ?? ''
    assert.match(said, 'Bad configuration option: MaxAuthTriez')
    assert.match(said, 'the old file is still in place')
    assert.is(await sshOk(host, 'cat /etc/ssh/sshd_config.d/60-x.conf'), 'MaxAuthTries 4\n')
  })

  on('a file without content is not made, and is managed as soon as something before it brings it', async () => {
    const declare = (): void => void file({ path: '/srv/came', mode: '0640' })
    const plan = await planOn(host, declare, SCOPED)
    assert.equal(changeOf(plan, 'file:/srv/came').besides, [
      'nothing is there and no content is declared: something before it must bring it',
    ])
    const report = await convergeOn(host, declare, SCOPED)
    assert.match(changeOf(report, 'file:/srv/came').failure?.said ?? '', '/srv/came is not there; give its content')
    assert.is((await ssh(host, 'ls /srv/came')).exit, 2)
    const both = (): void => {
      const bring = command({ name: 'bring', check: 'test -s /srv/came', apply: 'echo came > /srv/came' })
      file({ path: '/srv/came', mode: '0640', after: bring })
    }
    await convergeAsPlanned(host, both, SCOPED)
    assert.is(await sshOk(host, 'cat /srv/came; stat -c %a /srv/came; rm /srv/came'), 'came\n640\n')
    await convergeAsPlanned(host, () => void file({ path: '/srv/came', content: '' }), SCOPED)
    assert.is(await sshOk(host, 'stat -c %s /srv/came; rm /srv/came'), '0\n')
  })

  on('an exclusive directory is emptied of what is not named', async () => {
    await sshOk(host, 'mkdir -p /etc/only.d/sub; cd /etc/only.d; touch a b "c d" sub/x')
    const declare = (): void => void directory({ path: '/etc/only.d', only: ['a'] })
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.is(changeOf(plan, 'directory:/etc/only.d').consequence, 'destructive')
    assert.is(await sshOk(host, 'ls -A /etc/only.d'), 'a\n')
  })

  on('a directory goes with all that is in it only when that is said', async () => {
    const report = await convergeOn(host, () => void directory({ path: '/etc/only.d', ensure: 'absent' }), SCOPED)
    assert.match(changeOf(report, 'directory:/etc/only.d').failure?.said ?? '', 'say recursive: true')
    const declare = (): void => void directory({ path: '/etc/only.d', ensure: 'absent', recursive: true })
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    const { consequence, besides } = changeOf(plan, 'directory:/etc/only.d')
    assert.equal([consequence, besides], ['destructive', ['takes 1 entry with it: a']])
    assert.is((await ssh(host, 'ls /etc/only.d')).exit, 2)
  })

  on('what goes with a directory is counted and a few are named, whatever they are called', async () => {
    await sshOk(
      host,
      `mkdir -p /srv/tree/deep/er /srv/few; cd /srv/tree; touch deep/er/f{0..59} inside "$(printf 'in\n\tside')"; ln -s / root; touch /srv/few/x`,
    )
    const declare = (): void => {
      for (const path of ['/srv/tree', '/srv/few', '/srv/none']) directory({ path, ensure: 'absent', recursive: true })
    }
    const { plan, after } = await convergeAsPlanned(host, declare, SCOPED)
    const [words = ''] = changeOf(plan, 'directory:/srv/tree').besides ?? []
    // deep, er, sixty files, and three more.
    assert.match(words, /^takes 65 entries with it: .*, .*, .* and 62 more$/)
    assert.equal(changeOf(plan, 'directory:/srv/few').besides, ['takes 1 entry with it: x'])
    assert.equal(after.changes, [])
    assert.is((await ssh(host, 'ls -d /srv/tree /srv/few')).stdout, '')
  })

  on('edits of a file that others own add up, are put back after drift, and go again', async () => {
    await sshOk(
      host,
      'printf "a 1\\nb\\r\\nc" > /etc/theirs.conf; chown daemon:adm /etc/theirs.conf; chmod 640 /etc/theirs.conf',
    )
    const path = '/etc/theirs.conf'
    const declare = (): void => {
      edit({ path, line: 'a 2', replaces: 'a ' })
      edit({ path, block: { name: 'key', content: secret('token') }, position: 'top' })
      edit({ path, line: 'c', ensure: 'absent' })
    }
    await convergeAsPlanned(host, declare, SECRET)
    const text = `# begin keelson key\n${SECRET.secrets.token}\n# end keelson key\na 2\nb\r`
    assert.is(await sshOk(host, `cat ${path}`), text)
    assert.is(await sshOk(host, `stat -c '%a %U:%G' ${path}`), '640 daemon:adm\n')
    await sshOk(host, `sed -i 's/^a 2/a 3/' ${path}`)
    const { plan } = await convergeAsPlanned(host, declare, SECRET)
    // Another edit has put a secret into the file: nothing of its text is shown.
    assert.equal(changeOf(plan, `edit:${path} a`).fields, [{ field: 'line', form: 'secret' }])
    assert.is(changeOf(plan, `edit:${path} a`).cause, 'drift')
  })

  on('a command runs when its check says no, as its account, and is undone when no longer declared', async () => {
    const declare = (): void =>
      void command({
        name: 'a token file',
        check: 'grep -q . /tmp/token',
        apply: 'umask 077; cat > /tmp/token',
        undo: 'rm /tmp/token',
        user: 'daemon',
        input: secret('token'),
      })
    await convergeAsPlanned(host, declare, SECRET)
    assert.is(await sshOk(host, 'stat -c "%a %U" /tmp/token; cat /tmp/token'), `600 daemon\n${SECRET.secrets.token}`)
  })

  on('a command whose check still says no after it ran has failed', async () => {
    const declare = (): void => void command({ name: 'nothing', check: 'false', apply: 'true' })
    const report = await convergeOn(host, declare, SCOPED)
    assert.is(changeOf(report, 'command:nothing').failure?.phase, 'verify')
  })

  on('an opaque command runs with each converge, and every plan says so', async () => {
    const declare = (): void => void command({ name: 'count', opaque: true, apply: 'echo x >> /tmp/count' })
    for (const expected of ['x\n', 'x\nx\n']) {
      const { certainty, cause } = changeOf(await planOn(host, declare, SCOPED), 'command:count')
      assert.equal([certainty, cause], ['opaque', 'intent'])
      const report = await convergeOn(host, declare, SCOPED)
      assert.is(changeOf(report, 'command:count').outcome, 'changed')
      assert.is(await sshOk(host, 'cat /tmp/count'), expected)
    }
  })

  on(
    'what is no longer declared goes when Keelson made it, and stays when it was there before or holds data',
    async () => {
      await sshOk(host, 'echo old > /etc/before')
      await convergeAsPlanned(host, () => void file({ path: '/etc/before', content: 'new\n' }), SCOPED)
      const { secrets } = SECRET
      const declare = (): void => void group({ name: 'crew' })
      const removals = (await planOn(host, declare, { secrets })).changes.filter(({ kind }) => kind === 'remove')
      const { plan } = await convergeAsPlanned(host, declare, { secrets, allowRemove: removals.length })
      assert.is(changeOf(plan, 'file:/etc/before').kind, 'forget')
      assert.is(changeOf(plan, 'directory:/srv/app').kind, 'forget')
      assert.is(changeOf(plan, 'command:count').kind, 'forget')
      assert.is(await sshOk(host, 'cat /etc/before; ls /srv; ls /etc/key /tmp/token 2>&1 | wc -l'), 'new\napp\n2\n')
      // The line took the place of one that was there; the block was ours.
      assert.is(await sshOk(host, 'cat /etc/theirs.conf'), 'a 2\nb\r')
    },
  )
}

test.run()
