/**
 * Certificates from a real ACME server, with a real name server, on hosts that have no other way out.
 */
import { X509Certificate } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { absent, aptPackage, certificate, service } from '../../lib/index.ts'
import { connectToLab, labUp, publish } from '../../lib/sandbox/lab.ts'
import { runInside } from '../../lib/sandbox/sandbox.ts'
import { acmeCertificate } from '../../recipes/certificates.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk, uniqueName } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

const SCOPED = { only: (): boolean => true, secrets: { 'hetzner-dns-token': 'token-of-the-lab' } }
const WEBROOT = '/var/www/html'

const lab = await labUp(uniqueName())
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
await Promise.all(
  hosts.map(async (host) => {
    await connectToLab(lab, host.name)
    await sshOk(host, 'apt-get -q update > /dev/null')
  }),
)
const test = suite('certificates on real hosts')

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)
  const zone = host.os === 'debian-12' ? 'twelve.example' : 'thirteen.example'
  const names = [zone, `www.${zone}`]
  const live = `/etc/letsencrypt/live/${zone}`
  const issued = async (): Promise<X509Certificate> => new X509Certificate(await sshOk(host, `cat ${live}/cert.pem`))
  const namesIn = async (): Promise<string[]> =>
    ((await issued()).subjectAltName ?? '').split(', ').map((one) => one.replace('DNS:', ''))
  const orders = async (): Promise<number> =>
    Number(await runInside(lab.host.name, 'journalctl -u pebble | grep -c order-plz || :'))
  type Props = Parameters<typeof certificate>[0]
  const declare =
    (props: Partial<Props> = {}) =>
    (): void => {
      const certbot = aptPackage({ name: 'certbot' })
      const nginx = service({ name: 'nginx', running: true, after: aptPackage({ name: 'nginx-light' }) })
      certificate({ name: zone, names, challenge: { webroot: WEBROOT }, ...props, after: [certbot, nginx] })
    }

  on("a certificate is asked for under the authority's own address, and the chain holds", async () => {
    await publish(
      lab,
      [zone, `www.${zone}`, `*.${zone}`].map((name) => ({ name, addresses: [host.address] })),
    )
    await convergeAsPlanned(host, declare(), SCOPED)
    assert.equal(await namesIn(), names)
    await sshOk(host, `openssl verify -untrusted ${live}/chain.pem ${live}/cert.pem`)
    assert.is(await sshOk(host, `stat -L -c '%a %U' ${live}/privkey.pem`), '600 root\n')
  })

  on('a name more is a change of the names, and asked for', async () => {
    const more = [...names, `shop.${zone}`]
    const { plan } = await convergeAsPlanned(host, declare({ names: more }), SCOPED)
    const { kind, fields } = changeOf(plan, `certificate:${zone}`)
    assert.is(kind, 'change')
    assert.equal(
      fields.map(({ field }) => field),
      ['names'],
    )
    assert.equal(await namesIn(), [...more].sort())
  })

  on('another kind of key, and another authority, each make a new one', async () => {
    await convergeAsPlanned(host, declare({ keyType: 'rsa' }), SCOPED)
    assert.is((await issued()).publicKey.asymmetricKeyType, 'rsa')
    const before = (await issued()).serialNumber
    await convergeAsPlanned(host, declare({ keyType: 'rsa', server: 'staging' }), SCOPED)
    assert.is.not((await issued()).serialNumber, before)
    assert.match(await sshOk(host, `grep ^server /etc/letsencrypt/renewal/${zone}.conf`), 'acme-staging-v02')
  })

  on('settings edited by hand are drift', async () => {
    await sshOk(host, `sed -i 's|^server = .*|server = https://ca.example/dir|' /etc/letsencrypt/renewal/${zone}.conf`)
    const { plan } = await convergeAsPlanned(host, declare({ keyType: 'rsa', server: 'staging' }), SCOPED)
    assert.is(changeOf(plan, `certificate:${zone}`).cause, 'drift')
  })

  on('what the authority refuses says why, keeps the old one, and is not asked again at once', async () => {
    const before = (await issued()).serialNumber
    const wrong = declare({ names: [...names, 'nowhere.example'] })
    const first = await convergeOn(host, wrong, SCOPED)
    const { outcome, failure } = changeOf(first, `certificate:${zone}`)
    assert.is(outcome, 'failed')
    assert.match(failure?.said ?? '', 'nowhere.example')
    assert.is((await issued()).serialNumber, before)
    const asked = await orders()
    const second = changeOf(await convergeOn(host, wrong, SCOPED), `certificate:${zone}`)
    assert.match(
      second.failure?.said ?? '',
      /refused the same \d+ minutes ago.*asked again in \d+ minutes, or after: rm/s,
    )
    assert.is(await orders(), asked)
    // Something else is asked at once.
    await convergeAsPlanned(host, declare(), SCOPED)
    assert.equal(await namesIn(), names)
    assert.is((await ssh(host, `ls /etc/letsencrypt/keelson-refused-${zone}`)).exit, 2)
  })

  on('folders in which others than root may write are refused, before the authority is asked', async () => {
    const asked = await orders()
    for (const path of ['/etc/letsencrypt/renewal', WEBROOT]) {
      await sshOk(host, `chown www-data ${path}`)
      const report = await convergeOn(host, declare({ names: [zone] }), SCOPED)
      assert.match(
        changeOf(report, `certificate:${zone}`).failure?.said ?? '',
        `${path} may be written by others than root`,
      )
      await sshOk(host, `chown root ${path}`)
    }
    await convergeOn(host, declare(), SCOPED)
    assert.is(await orders(), asked)
  })

  on('a renewal is no drift', async () => {
    const before = (await issued()).serialNumber
    await sshOk(host, `certbot renew -q --no-random-sleep-on-renew --force-renewal --cert-name ${zone}`)
    assert.is.not((await issued()).serialNumber, before)
    assert.equal((await planOn(host, declare(), SCOPED)).changes, [])
  })

  on('one that is no longer wanted is removed with its key', async () => {
    await convergeAsPlanned(
      host,
      () => {
        declare()
        absent(certificate, { name: zone })
      },
      SCOPED,
    )
    assert.is((await ssh(host, `ls ${live} /etc/letsencrypt/renewal/${zone}.conf`)).exit, 2)
  })

  on('a wildcard is asked for by a DNS record at Hetzner, and its renewal reloads what uses it', async () => {
    const declareWild = (): void => {
      const tls = acmeCertificate({ name: 'wild', names: [zone, `*.${zone}`], challenge: { hetznerZone: zone } })
      service({ name: 'nginx', running: true, reloadOn: [tls.made], after: aptPackage({ name: 'nginx-light' }) })
    }
    await convergeAsPlanned(host, declareWild, SCOPED)
    const chain = await sshOk(host, 'cat /etc/letsencrypt/live/wild/cert.pem')
    assert.match(new X509Certificate(chain).subjectAltName ?? '', `DNS:*.${zone}`)
    assert.is(
      await sshOk(host, `stat -c '%a %U' /etc/letsencrypt/hetzner /etc/letsencrypt/hetzner/header`),
      '700 root\n600 root\n',
    )
    const workers = (): Promise<string> => sshOk(host, 'pgrep -f "nginx: worker" | head -n 1')
    const old = await workers()
    await sshOk(host, 'certbot renew -q --no-random-sleep-on-renew --force-renewal --cert-name wild')
    await sshOk(host, `timeout 10 sh -c 'while pgrep -f "nginx: worker" | grep -qx ${old.trim()}; do sleep 0.1; done'`)
    assert.equal((await planOn(host, declareWild, SCOPED)).changes, [])
    // The record is gone again.
    assert.is(await runInside(lab.host.name, `dig +short @127.0.0.1 TXT _acme-challenge.${zone}`), '')
    assert.is(
      (await ssh(host, "grep -rl token-of-the-lab /var/log /etc --include='*' | grep -v hetzner/header")).stdout,
      '',
    )
  })
}

test('what no authority would issue is refused at once', async () => {
  const base = { name: 'x', names: ['a.example'], challenge: { webroot: WEBROOT } }
  for (const props of [
    { names: ['*.a.example'] },
    { names: ['A.example'] },
    { names: ['a_b.example'] },
    { names: ['localhost'] },
    { names: [] },
    { name: '../x' },
    { server: 'http://ca.example/dir' },
    { email: 'nobody' },
    { challenge: { webroot: 'www' } },
    { challenge: { hook: { auth: '/bin/true;reboot', cleanup: '/bin/true' } } },
  ]) {
    const error = await rejects(
      planOn(hosts[0], () => void certificate({ ...base, ...props }), SCOPED),
      RecipeError,
    )
    assert.match(error.message, /certificate\.test\.ts:\d+: certificate/, JSON.stringify(props))
  }
})

test.run()
