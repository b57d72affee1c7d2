/**
 * nginx sites and files on real hosts, with the service that loads them.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/dsl/declare.ts'
import { secret } from '../../lib/kit/secret.ts'
import { conf } from '../../lib/dsl/conf.ts'
import { nginxSnippet } from '../../lib/resources/nginx/nginxSnippet.ts'
import { nginxVhost, type NginxVhost } from '../../lib/resources/nginx/nginxVhost.ts'
import { service as serviceType } from '../../lib/resources/systemd/service.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const vhost = resource(nginxVhost)
const snippet = resource(nginxSnippet)
const service = resource(serviceType)
const test = suite('nginx on hosts')

const INSTALL =
  'export DEBIAN_FRONTEND=noninteractive; apt-get update && apt-get install -y --no-install-recommends nginx-light curl openssl'
const CERTIFICATE =
  'openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/ssl/t.key -out /etc/ssl/t.pem -days 9 -subj /CN=app.test'

for (const os of ['debian-12', 'debian-13'] as const) {
  const host = await freshHost(os)

  const shop: NginxVhost = {
    name: 'shop',
    serverNames: ['app.test', '*.app.test', '~^(?<tenant>[a-z]{2,9})\\.x\\.test$'],
    http2: os === 'debian-12' ? 'listen' : 'directive',
    tls: { certificate: '/etc/ssl/t.pem', key: '/etc/ssl/t.key' },
    hsts: true,
    headers: { 'X-Kept': 'a "b" \\ ; } c' },
    rateLimits: [{ name: 'api', rate: '10r/s' }],
    upstreams: [{ name: 'app', servers: ['127.0.0.1:3000', '127.0.0.1:3001 backup'] }],
    locations: [
      { path: '/', proxy: { to: 'http://app', websocket: true } },
      { path: '/api/', proxy: { to: 'http://app' }, rateLimit: { zone: 'api', burst: 20 } },
      { path: '/hello', match: 'exact', return: { code: 200, to: 'hi; "there"' }, headers: { 'X-Own': '1' } },
      { path: '\\.(png|jpe?g){1,2}$', match: 'regex', root: '/var/www/html', expires: '1y' },
    ],
    redirects: [{ from: '/old', to: '/new' }],
  }

  /** Everything there is to be: what is no longer declared is taken away. */
  const world =
    (sites: readonly NginxVhost[] = [], changes: Partial<NginxVhost> = {}) =>
    (): void => {
      snippet({ path: 'conf.d/map.conf', content: 'map $uri $kept { default 1; }\n' })
      vhost({ name: 'default', defaultServer: true, refuse: true, acmeChallenge: '/var/www/acme' })
      vhost({ ...shop, ...changes })
      for (const site of sites) vhost(site)
      service({
        name: 'nginx',
        enabled: true,
        running: true,
        reloadOn: ['/etc/nginx'],
        reloadProof: 'workers',
        listens: [80, '[::]:443'],
        logs: ['/var/log/nginx/error.log'],
        settleMs: 200,
        timeoutMs: 2000,
      })
    }
  const said = async (declare: () => void): Promise<string> =>
    (await convergeOn(host, declare)).changes.map(({ failure }) => failure?.said ?? '').join('\n')
  const get = async (url: string): Promise<string> =>
    (await ssh(host, `curl -sik -m 5 --resolve '*:443:127.0.0.1' --resolve '*:80:127.0.0.1' '${url}'`)).stdout

  test(`${os}: without nginx the files are planned exactly`, async () => {
    const { changes } = await planOn(host, world())
    assert.equal(
      changes.map(({ kind, certainty }) => `${kind} ${certainty}`),
      Array.from({ length: 4 }, () => 'create exact'),
    )
  })

  test(`${os}: sites are made, loaded and served`, async () => {
    await sshOk(
      host,
      `(${INSTALL} && ${CERTIFICATE}) >/tmp/install.log 2>&1 || { tail -5 /tmp/install.log >&2; false; }`,
    )
    await convergeAsPlanned(host, world())
    const hello = await get('https://app.test/hello')
    assert.match(hello, 'hi; "there"')
    assert.match(hello.toLowerCase(), 'x-kept: a "b" \\ ; } c')
    assert.match(hello.toLowerCase(), 'strict-transport-security: max-age=63072000')
    assert.match(hello, 'HTTP/2 200')
    assert.match(await get('http://abc.x.test/'), 'Location: https://abc.x.test/')
    assert.match((await get('https://app.test/old')).toLowerCase(), 'location: https://app.test/new')
  })

  test(`${os}: unknown names get no answer and no certificate`, async () => {
    assert.is((await ssh(host, 'curl -s -m 5 -H "Host: other" http://127.0.0.1/')).exit, 52)
    assert.is((await ssh(host, 'curl -sk -m 5 https://127.0.0.1/')).exit, 35)
  })

  test(`${os}: an edited site is repaired and loaded again`, async () => {
    await sshOk(host, 'sed -i s/hi/ha/ /etc/nginx/sites-available/shop; rm /etc/nginx/sites-enabled/shop')
    const { plan } = await convergeAsPlanned(host, world())
    const fields = changeOf(plan, 'nginx-vhost:shop').fields.map(({ field }) => field)
    assert.equal(fields, ['content', 'link'])
    const followUp = changeOf(plan, 'service:nginx.service').fields[0]?.followUp
    assert.is(followUp?.action, 'reload')
    assert.match(await get('https://app.test/hello'), 'hi; "there"')
  })

  test(`${os}: a mistake is refused in nginx's words, and the live files stay`, async () => {
    const before = await sshOk(host, 'sha256sum /etc/nginx/sites-available/* | sort')
    const answer = await said(world([{ name: 'typo', serverNames: ['typo.test'], raw: 'proxy_passs x;' }]))
    assert.match(answer, 'unknown directive "proxy_passs" in /etc/nginx/sites-enabled/typo:5')
    assert.is(await sshOk(host, 'sha256sum /etc/nginx/sites-available/* | sort'), before)
    await sshOk(host, 'nginx -t')
  })

  test(`${os}: a pipe that an account has put where nginx reads holds it up for seconds, and is named`, async () => {
    const [pipe, folder] = ['/etc/nginx/sites-enabled/pipe', '/etc/nginx/sites-enabled']
    await sshOk(host, `chown www-data ${folder}; runuser -u www-data -- mkfifo ${pipe}`)
    const started = performance.now()
    const answer = await said(world([{ name: 'late', serverNames: ['late.test'] }]))
    assert.match(answer, `nginx -t did not end within 10 s: it may be waiting for pipes: ${pipe}; nothing was replaced`)
    assert.ok(performance.now() - started < 60_000)
    await sshOk(host, `rm ${pipe}; chown root ${folder}; test ! -e ${folder}/late`)
  })

  test(`${os}: a link that an account has put in its folder leads no candidate elsewhere`, async () => {
    const [folder, elsewhere] = ['/etc/nginx/snippets/given', '/srv/elsewhere']
    await sshOk(
      host,
      `mkdir -p ${folder} ${elsewhere}; echo precious > ${elsewhere}/own.conf; chown www-data ${folder}
runuser -u www-data -- ln -s ${elsewhere} ${folder}/sub; runuser -u www-data -- mkdir ${folder}/plain.conf`,
    )
    const declare = (path: string) => (): void => {
      world()()
      snippet({ path: `snippets/given/${path}`, content: '# ours\n' })
    }
    assert.match(await said(declare('sub/own.conf')), `${folder}/sub leads out of /etc/nginx by a link`)
    assert.match(await said(declare('plain.conf')), `${folder}/plain.conf is a directory`)
    assert.is(await sshOk(host, `cat ${elsewhere}/own.conf; rm -r ${folder} ${elsewhere}`), 'precious\n')
  })

  test(`${os}: a name that a foreign file has already is refused, though nginx only warns`, async () => {
    await sshOk(host, 'echo "server { listen 80; server_name taken.test; }" > /etc/nginx/conf.d/foreign.conf')
    const answer = await said(world([{ name: 'taken', serverNames: ['taken.test'] }]))
    assert.match(answer, 'conflicting server name "taken.test"')
  })

  test(`${os}: a warning the host had before stops nothing`, async () => {
    await sshOk(host, 'cp /etc/nginx/conf.d/foreign.conf /etc/nginx/conf.d/foreign2.conf')
    await convergeAsPlanned(host, world([], { maxBodySize: '25m' }))
    await sshOk(host, 'rm /etc/nginx/conf.d/foreign*.conf')
    await convergeOn(host, world())
  })

  test(`${os}: a warning of what has effect all the same stops nothing`, async () => {
    const stapled = 'ssl_stapling on;\ngzip_types text/html text/css;\nallow 10.1.2.3/8;'
    const quiet = { name: 'quiet', serverNames: ['quiet.test'], tls: shop.tls!, raw: stapled }
    // Deprecated since nginx 1.25.1, which Debian 13 has.
    const old: NginxVhost = {
      name: 'old',
      serverNames: ['old.test'],
      http2: 'listen',
      tls: shop.tls!,
      listenTls: [8443],
    }
    await convergeAsPlanned(host, world([quiet, old]))
    assert.match(await sshOk(host, 'nginx -t 2>&1'), '"ssl_stapling" ignored')
    await sshOk(host, 'echo "server { listen 80; server_name held.test; }" > /etc/nginx/conf.d/foreign.conf')
    const held = { ...quiet, serverNames: ['held.test'] }
    assert.match(await said(world([held, old])), 'conflicting server name "held.test"')
    await sshOk(host, 'rm /etc/nginx/conf.d/foreign.conf')
    await convergeOn(host, world())
  })

  test(`${os}: a reload that did not take is a failure with its reason, and stays due`, async () => {
    const hog =
      'use IO::Socket::INET; my \\$s = IO::Socket::INET->new(LocalAddr => q(0.0.0.0), LocalPort => 8099, Listen => 1); sleep 600'
    await sshOk(host, `printf '%s\\n' "${hog}" > /root/hog.pl; systemd-run --unit=hog perl /root/hog.pl`)
    await sshOk(host, 'for i in $(seq 50); do ss -ltnH | grep -q :8099 && exit 0; sleep 0.1; done; exit 1')
    const busy = world([{ name: 'busy', serverNames: ['busy.test'], listen: ['0.0.0.0:8099'] }])
    assert.match(await said(busy), 'Address already in use')
    assert.is(changeOf(await planOn(host, busy), 'service:nginx.service').fields[0]?.followUp?.action, 'reload')
    await sshOk(host, 'systemctl stop hog')
    await convergeAsPlanned(host, busy)
    assert.is((await sshOk(host, 'ss -ltnH | grep -c :8099')).trim(), '1')
  })

  test(`${os}: a site with a secret is for root alone`, async () => {
    const declare = world([{ name: 'hidden', serverNames: ['hidden.test'], raw: conf`set $key ${secret('key')};` }])
    const options = { secrets: { key: 'hunter2' } }
    const { report } = await convergeAsPlanned(host, declare, options)
    assert.not(JSON.stringify(report).includes('hunter2'))
    assert.is(await sshOk(host, 'stat -c %a /etc/nginx/sites-available/hidden'), '600\n')
    assert.match(await sshOk(host, 'cat /etc/nginx/sites-available/hidden'), 'set $key hunter2;')
  })

  test(`${os}: a disabled site keeps its file`, async () => {
    await convergeAsPlanned(host, world([], { enabled: false }))
    assert.is((await ssh(host, 'test -e /etc/nginx/sites-enabled/shop')).exit, 1)
    await sshOk(host, 'test -e /etc/nginx/sites-available/shop')
  })

  test(`${os}: a test of a stopped nginx leaves nothing behind`, async () => {
    await sshOk(host, 'systemctl stop nginx; rm -rf /var/lib/nginx/* /var/log/nginx/*')
    await convergeOn(host, () => {
      snippet({ path: 'conf.d/map.conf', content: 'map $uri $other { default 2; }\n' })
    })
    const left = await sshOk(
      host,
      'find /run/nginx.pid /var/lib/nginx /var/log/nginx -mindepth 1 2>/dev/null; ls /run/nginx.pid 2>/dev/null; true',
    )
    assert.is(left, '')
  })

  test(`${os}: what is absent is gone`, async () => {
    await convergeAsPlanned(host, () => {
      vhost({ name: 'shop', ensure: 'absent' })
      vhost({ name: 'default', ensure: 'absent' })
      snippet({ path: 'conf.d/map.conf', ensure: 'absent' })
    })
    assert.is(await sshOk(host, 'ls -A /etc/nginx/sites-enabled /etc/nginx/conf.d | grep -v : | grep . || true'), '')
  })
}

test.run()
