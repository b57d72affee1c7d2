/**
 * verify on a host on which TakeClient is converged: all is well, and of faults that are planted there it names each, and
 * nothing else. Several that have nothing to do with each other are planted at once.
 */
import type { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { service } from '../../lib/index.ts'
import { types } from '../../lib/dsl/declare.ts'
import { verifyHost, type VerifyReport } from '../../lib/engine/verify/verify.ts'
import type { HostRun } from '../../lib/engine/apply/converge.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { catalogOf } from './converge.ts'
import { sshOk } from './host.ts'

type Test = ReturnType<typeof suite>

/** What is planted, and the checks that have to notice, as `CHECK ABOUT`. */
type Fault = { what: string; plant: string; noticed: readonly string[] }

const NGINX = 'nginx -t -q && systemctl reload nginx'
const CERTIFICATE = '/etc/ssl/takeclient/fullchain.pem'
const NAMES =
  'subjectAltName=DNS:takeclient.com,DNS:*.takeclient.com,DNS:*.app.takeclient.com\nbasicConstraints=critical,CA:true\n'

/** A certificate that ended, in the place of the one that is served; needs openssl ca, as openssl 3.0 knows no dates else. */
const EXPIRED = `mkdir -p /root/ca && cd /root/ca && : > index && echo 01 > serial
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\nx509_extensions=e\\n[p]\\ncommonName=supplied\\n[e]\\n${NAMES.replaceAll('\n', '\\n')}' > conf
openssl req -new -key /etc/ssl/takeclient/privkey.pem -subj /CN=takeclient.com -out csr
openssl ca -batch -selfsign -config conf -keyfile /etc/ssl/takeclient/privkey.pem -in csr -out pem -notext -startdate 20240101000000Z -enddate 20240301000000Z 2>/dev/null
cat pem > ${CERTIFICATE}; ${NGINX}`

const listener = (port: number, address: string, unit: string): string =>
  `systemd-run --quiet --unit=${unit} python3 -m http.server ${port} --bind ${address} --directory /mnt
timeout 20 sh -c 'until ss -Hltn | grep -q "${address}:${port}"; do sleep 0.1; done'`

function batches(host: SandboxHost): readonly { name: string; faults: readonly Fault[]; undo: string }[] {
  return [
    {
      name: 'one',
      faults: [
        {
          what: 'another certificate served',
          plant: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=x -addext subjectAltName=DNS:x.example -keyout /root/x.key -out /root/x.pem 2>/dev/null
sed -i 's,/etc/ssl/takeclient/fullchain.pem,/root/x.pem,; s,/etc/ssl/takeclient/privkey.pem,/root/x.key,' /etc/nginx/sites-available/admin; ${NGINX}`,
          noticed: ['tls administration.takeclient.com'],
        },
        { what: 'a stopped service', plant: 'systemctl stop fail2ban', noticed: ['service fail2ban.service'] },
        {
          what: 'a failed unit',
          plant:
            'systemd-run --quiet --unit=broken /bin/false; timeout 20 sh -c "until systemctl -q is-failed broken; do sleep 0.1; done"',
          noticed: ['failed units broken.service'],
        },
        {
          what: 'a full disk',
          plant:
            'mkdir -p /srv/small && mount -t tmpfs -o size=1m tmpfs /srv/small && head -c 1000000 /dev/zero > /srv/small/x',
          noticed: ['disk /srv/small'],
        },
        { what: 'a listener', plant: listener(9999, '0.0.0.0', 'stranger'), noticed: ['listeners 9999/tcp'] },
        {
          what: 'a clock that is off',
          plant: `printf '#!/bin/sh\\nexec /usr/bin/date -d "1 hour" "$@"\\n' > /usr/local/bin/date; chmod 755 /usr/local/bin/date`,
          noticed: ['clock clock'],
        },
        { what: 'a reboot that is due', plant: 'touch /run/reboot-required', noticed: ['reboot reboot'] },
      ],
      undo: `rm -f /usr/local/bin/date /run/reboot-required; systemctl stop stranger; systemctl reset-failed broken; umount /srv/small; rmdir /srv/small; systemctl start fail2ban; ${restore('nginx')}`,
    },
    {
      name: 'two',
      faults: [
        { what: 'a certificate that ended', plant: EXPIRED, noticed: [`certificate ${CERTIFICATE}`] },
        {
          what: 'a unit in a restart loop',
          plant: `mkdir -p /run/systemd/system/api.service.d; printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\nRestartSec=100ms\\n[Unit]\\nStartLimitIntervalSec=0\\n' > /run/systemd/system/api.service.d/loop.conf
systemctl daemon-reload; systemctl --no-block restart api
timeout 20 sh -c 'until [ "$(systemctl show -p NRestarts --value api)" -gt 2 ]; do sleep 0.1; done'`,
          noticed: ['service api.service', 'https api.takeclient.com'],
        },
        {
          what: 'no redirect',
          plant: `sed -i 's,return 301 https://.*,return 200 x;,' /etc/nginx/sites-available/landing; ${NGINX}`,
          noticed: ['redirect takeclient.com', 'redirect www.takeclient.com'],
        },
        {
          what: 'a timer that is disabled',
          plant: 'systemctl -q disable apt-daily-upgrade.timer',
          noticed: ['service apt-daily-upgrade.timer'],
        },
        {
          what: 'an old backup',
          plant:
            'mkdir /var/backups/postgresql/2020-01-01T033000 && touch -d 2020-01-01 /var/backups/postgresql/2020-01-01T033000',
          noticed: ['job backup-postgresql'],
        },
        {
          what: 'a port opened by hand',
          plant: `ufw delete deny 6379/tcp >/dev/null && ufw allow 6379/tcp >/dev/null; ${listener(6379, host.address, 'opened')}`,
          noticed: ['closed port 6379/tcp', 'listeners 6379/tcp'],
        },
      ],
      undo: `systemctl stop opened; ufw delete allow 6379/tcp >/dev/null; ufw prepend deny 6379/tcp >/dev/null; rmdir /var/backups/postgresql/2020-01-01T033000; systemctl -q enable apt-daily-upgrade.timer
rm -r /run/systemd/system/api.service.d; systemctl daemon-reload; systemctl reset-failed api; systemctl restart api; cat /root/fullchain.saved > ${CERTIFICATE}; ${restore('nginx')}`,
    },
    {
      name: 'three',
      faults: [
        {
          what: 'a name that reaches another application',
          plant: `sed -i 's,127.0.0.1:8000,127.0.0.1:3000,' /etc/nginx/sites-available/api; ${NGINX}`,
          noticed: ['upstream api.takeclient.com'],
        },
        {
          what: 'unknown names that are answered',
          plant: `rm /etc/nginx/sites-enabled/default; ${NGINX}`,
          noticed: ['unknown names port 80', 'unknown names port 443'],
        },
        {
          what: 'a unit that nobody declared, in a restart loop',
          plant:
            'systemd-run --quiet --unit=loop -p Restart=always -p RestartSec=1h /bin/false; timeout 20 sh -c "until systemctl show -p SubState loop | grep -q auto-restart; do sleep 0.1; done"',
          noticed: ['failed units loop.service'],
        },
        {
          what: 'no inodes',
          plant:
            'mkdir -p /srv/small && mount -t tmpfs -o size=1m,nr_inodes=10 tmpfs /srv/small && touch /srv/small/1 /srv/small/2 /srv/small/3 /srv/small/4 /srv/small/5 /srv/small/6 /srv/small/7 /srv/small/8 /srv/small/9',
          noticed: ['disk /srv/small, inodes'],
        },
        { what: 'no cron', plant: 'systemctl stop cron', noticed: ['job backup-postgresql'] },
      ],
      undo: `systemctl start cron; umount /srv/small; rmdir /srv/small; systemctl stop loop; systemctl reset-failed loop 2>/dev/null; ${restore('nginx')}`,
    },
  ]
}

function restore(what: string): string {
  return `rm -rf /etc/${what}; cp -a /root/${what}.saved /etc/${what}; ${NGINX}`
}

/** Registers the tests; each leaves the host as it was converged. */
export function verifyTests(test: Test, host: SandboxHost, siteRun: () => Promise<HostRun>): void {
  const verified = async (): Promise<VerifyReport> => {
    const { catalog, connect } = await siteRun()
    const { resources } = catalogOf(host, () =>
      service({ name: 'apt-daily-upgrade.timer', enabled: true, running: true }),
    )
    const more = { ...catalog, resources: [...catalog.resources, ...resources] }
    return verifyHost({ catalog: more, types, connect, standIn: true, noNames: 'names do not lead here' })
  }
  const bad = ({ checks }: VerifyReport): string[] =>
    checks.filter(({ state }) => ['wrong', 'warning'].includes(state)).map(({ check, about }) => `${check} ${about}`)
  /** What depends on the day on which the image of the host was made. */
  const lasting = (found: readonly string[]): string[] =>
    found.filter((one) => one !== 'updates security updates').sort()

  test('verify finds all well, over one connection and in one program', async () => {
    await sshOk(
      host,
      `systemctl start apt-daily-upgrade.timer; cp -a /etc/nginx /root/nginx.saved; cp ${CERTIFICATE} /root/fullchain.saved`,
    )
    const report = await verified()
    assert.equal(lasting(bad(report)), [], JSON.stringify(report.checks.filter(({ state }) => state === 'wrong')))
    assert.equal([report.trips.connections, report.trips.execs], [1, 1])
    const passed = new Set(report.checks.filter(({ state }) => state === 'ok').map(({ check }) => check))
    const all = [
      'https',
      'redirect',
      'upstream',
      'unknown names',
      'closed port',
      'service',
      'certificate',
      'disk',
      'memory',
    ]
    assert.equal(
      all.filter((check) => !passed.has(check)),
      [],
    )
  })

  test('verify names what it could not check of a throw-away host', async () => {
    const { checks } = await verified()
    const unchecked = checks.filter(({ state }) => state === 'unchecked').map(({ check }) => check)
    assert.equal([...new Set(unchecked)].filter((check) => check !== 'updates').sort(), ['clock', 'dns', 'job', 'tls'])
  })

  for (const { name, faults, undo } of batches(host)) {
    test(`verify names each of these faults, and nothing else (${name}): ${faults.map(({ what }) => what).join(', ')}`, async () => {
      for (const { plant } of faults) await sshOk(host, plant)
      const report = await verified()
      await sshOk(host, undo)
      assert.equal(lasting(bad(report)), faults.flatMap(({ noticed }) => noticed).sort())
      assert.equal(
        report.checks.filter(({ state, next = '' }) => state === 'wrong' && next === ''),
        [],
      )
    })
  }

  test('verify finds all well again', async () => {
    assert.equal(lasting(bad(await verified())), [])
    await sshOk(
      host,
      'systemctl stop apt-daily-upgrade.timer; rm -rf /root/nginx.saved /root/fullchain.saved /root/ca /root/x.pem /root/x.key',
    )
  })
}
