/** explain on a real host: what it says is there is what is there, and no secret is in it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshOk } from '../support/host.ts'
import { type Ended, startSite, writeSite } from '../support/siteFile.ts'

const test = suite('explain on a host')

const SECRET = 'hunter2-canary'
const host = await freshHost('debian-12')
const BOTH = `file({ path: '/etc/greeting', content: 'Hello\\n' })
file({ path: '/etc/app.env', content: conf\`KEY=\${secret('app')}
\` })
unit({ name: 'sleeper.service', service: { ExecStart: '/usr/bin/sleep infinity', EnvironmentFile: '/etc/app.env' } })
service({ name: 'sleeper', running: true, restartOn: ['/etc/app.env'], settleMs: 0 })`
const site = writeSite({ one: host }, BOTH)

async function run(file: string, ...args: string[]): Promise<Ended> {
  const ended = await startSite(file, args, { KEELSON_SECRET_APP: SECRET }).ended
  assert.not.match(ended.stdout + ended.stderr, SECRET)
  return ended
}

test('before the first converge it is to be created', async () => {
  const { code, stdout, stderr } = await run(site, 'explain', 'file:/etc/app.env', '--verbose')
  assert.is(code, 0, stderr)
  assert.match(stdout, '\n  observed    it is not there\n  decision    create it\n')
  assert.match(stdout, '\n  commands    write /etc/app.env\n')
})

test('afterwards nothing is to be done, and a change would restart what runs', async () => {
  assert.is((await run(site, 'converge', '--yes')).code, 0)
  const { stdout } = await run(site, 'explain', 'file:/etc/app.env')
  assert.match(
    stdout,
    '\n  observed    as declared\n  decision    nothing to do\n  triggers    restart sleeper.service\n',
  )
  assert.match(stdout, /\n {2}needed by .*service sleeper\.service\n/)
  assert.is(await sshOk(host, 'cat /etc/app.env'), `KEY=${SECRET}\n`)
})

test('a change by hand is told as drift, with the difference and the commands that set it back', async () => {
  await sshOk(host, 'echo Bye > /etc/greeting; echo KEY=x > /etc/app.env')
  const { stdout } = await run(site, 'explain', 'file:/etc/greeting')
  assert.match(stdout, /\n {2}observed {4}it is there, and differs\n {2}decision {4}change it; edited since run 1 \(/)
  assert.match(stdout, /\n +-Bye\n +\+Hello\n/)
  assert.match(stdout, '\n  commands    write /etc/greeting\n')
  const secret = await run(site, 'explain', 'file:/etc/app.env', '--json', '--verbose')
  assert.match(secret.stdout, '"kind":"change"')
  assert.not.match(secret.stdout, 'KEY=x')
})

test('what is no longer declared and still Keelson’s is to be removed', async () => {
  const less = writeSite({ one: host }, BOTH.split('\n').slice(1).join('\n'))
  const { code, stdout } = await run(less, 'explain', 'file:/etc/greeting')
  assert.is(code, 0)
  assert.match(stdout, '\n  declared    not declared any more\n  observed    it is there\n  decision    remove it')
  assert.match(stdout, '\n  commands    remove /etc/greeting\n')
})

test('what neither recipes nor host know is a usage mistake', async () => {
  const { code, stderr } = await run(site, 'explain', 'file:/etc/greetnig')
  assert.is(code, 64)
  assert.match(stderr, 'file:/etc/greetnig fits no resource; did you mean file:/etc/greeting?')
})

test('explaining writes nothing', async () => {
  await sshOk(host, 'sync; touch /root/mark')
  await run(site, 'explain', 'service:sleeper.service')
  assert.is(await sshOk(host, 'find /etc /var/lib/keelson /usr -xdev -newer /root/mark'), '')
})

test.run()
