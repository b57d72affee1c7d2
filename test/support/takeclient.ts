/**
 * What TakeClient's site promises, tried on one real host of an OS: planned while bare, converged once, asked from
 * outside as its users would, bent by another hand, repaired, and resized.
 */
import { once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlanChange } from '../../lib/engine/report.ts'
import type { SandboxOs } from '../../lib/sandbox/image.ts'
import { address6, changedFiles } from '../../lib/sandbox/sandbox.ts'
import { paper, planText } from '../render/fixture.ts'
import { assertReadable } from '../render/readable.ts'
import { freshHost, sshOk } from './host.ts'
import { convergeSite, planSite, siteRun } from './site.ts'
import { verifyTests } from './verifyFaults.ts'
import { get, knock, upgrade } from './web.ts'

/** One name of each domain group, and the application behind it. */
const DOMAINS: readonly (readonly [domain: string, app: 'web' | 'api'])[] = [
  ['takeclient.com', 'web'],
  ['www.takeclient.com', 'web'],
  ['app.takeclient.com', 'web'],
  ['acme.app.takeclient.com', 'web'],
  ['administration.takeclient.com', 'web'],
  ['api.takeclient.com', 'api'],
]
const STRANGERS = ['example.com', 'nosuch.takeclient.com', 'acme.api.takeclient.com', 'a.b.app.takeclient.com']
const OPEN = [22, 80, 443]
const INNER = [3000, 8000, 5432, 6379]

/** What services write by themselves while they run; everything else on the disk is looked at. */
const LIVING = { ignore: ['/var/lib/postgresql', '/var/lib/fail2ban', '/var/log'] }

/**
 * What another hand does to a host: the command, the resource it touches, and the service that has to load the
 * declared state again when that is back.
 */
export const EDITS: readonly { ref: string; run: string; service?: string }[] = [
  { ref: 'file:/usr/local/sbin/backup-postgresql', run: 'echo exit >> /usr/local/sbin/backup-postgresql' },
  {
    ref: 'nginx-vhost:api',
    run: 'sed -i "s/api\\.takeclient\\.com/api2.takeclient.com/" /etc/nginx/sites-available/api && nginx -s reload',
    service: 'service:nginx.service',
  },
  { ref: 'ufw-rule:80/tcp', run: 'ufw delete allow 80/tcp' },
  { ref: 'redis-setting:maxmemory-policy', run: 'redis-cli config set maxmemory-policy noeviction' },
  {
    ref: 'postgres-setting:work_mem',
    run: `cd / && runuser -u postgres -- psql -qc "alter system set work_mem = '1MB'" -c "select pg_reload_conf()"`,
  },
  {
    ref: 'unit:web.service',
    run: 'sed -i s/^RestartSec=.*/RestartSec=9s/ /etc/systemd/system/web.service',
    service: 'service:web.service',
  },
  { ref: 'service:fail2ban.service', run: 'systemctl stop fail2ban' },
  { ref: 'postgres-role:takeclient', run: 'cd / && runuser -u postgres -- psql -qc "alter role takeclient nologin"' },
]

/** Registers the suite for one OS; the caller runs it. The host is converged once, and the tests build on each other. */
export async function takeclientSuite(os: SandboxOs): Promise<{ run(): void }> {
  const test = suite(`TakeClient on ${os}`)
  const host = await freshHost(os)
  const disk = () => changedFiles(host.name, LIVING)
  /** In any order: none of the rules decides about what another one matches. */
  const rules = async () => (await sshOk(host, 'ufw status | sort')).split('\n')
  const refs = (changes: readonly PlanChange[]): string[] => changes.map(({ kind, ref }) => `${kind} ${ref}`)

  const bare = await changedFiles(host.name)
  const planned = await planSite(host, 'CCX13')
  const afterPlan = await changedFiles(host.name)
  const converged = await convergeSite(host, 'CCX13')
  // From here on whatever is written is written by Keelson, or by the hand of a test.
  await sshOk(host, "systemctl stop '*.timer'")

  test('the plan of a bare host is read, not scrolled through', () => {
    for (const width of [80, 120]) assertReadable(planText(planned.plan, { ...paper, width }, 'Nothing was changed.'))
  })

  test('the plan of a bare host has every resource in it, none of which cannot be planned', () => {
    const { plan, report, catalog } = planned
    assert.equal(plan.changes.map(({ ref }) => ref).sort(), catalog.resources.map(({ ref }) => ref).sort())
    assert.ok(plan.changes.length > 50, String(plan.changes.length))
    assert.is(report.error, undefined)
  })

  test('the plan left the disk of the bare host as it was, to the byte', () => {
    assert.equal(differing(afterPlan, bare), [])
  })

  test('the converge did what the plan said, and nothing failed or was left out', () => {
    assert.equal(refs(converged.changes), refs(planned.plan.changes))
    const bad = converged.changes.filter(({ outcome }) => !['changed', 'recorded', 'unchanged'].includes(outcome))
    assert.equal(bad, [])
    assert.is(converged.error, undefined)
  })

  test('what needed no change in the end is what the plan could not know yet', () => {
    const untouched = converged.changes.filter(({ outcome }) => outcome === 'unchanged')
    assert.equal(refs(untouched.filter(({ certainty }) => certainty === 'exact')), [])
  })

  test('a plan after the converge is empty', async () => {
    assert.equal((await planSite(host, 'CCX13')).plan.changes, [])
  })

  test('a second converge writes nothing, over one connection and in two programs at most', async () => {
    const before = await disk()
    const { changes, trips } = await convergeSite(host, 'CCX13')
    assert.equal(changes, [])
    assert.equal(differing(await disk(), before), [])
    assert.is(trips.connections, 1)
    assert.ok(trips.execs <= 2, `${trips.execs} programs`)
  })

  const addresses = [
    ['IPv4', host.address],
    ['IPv6', await address6(host.name)],
  ] as const
  for (const [family, address] of addresses) {
    for (const [domain, app] of DOMAINS) {
      test(`over ${family}, https://${domain} reaches ${app} by its name, and through it PostgreSQL and Redis`, async () => {
        const { status, body } = await get('https', address, domain)
        assert.is(status, 200, body)
        assert.equal(JSON.parse(body), { app, host: domain, postgresql: 'takeclient@takeclient', redis: 'PONG' })
      })

      test(`over ${family}, http://${domain} leads to https`, async () => {
        const { status, headers } = await get('http', address, domain, { path: '/x?y=1' })
        assert.ok(status === 301 || status === 308, String(status))
        assert.is(headers['location'], `https://${domain}/x?y=1`)
      })
    }

    for (const domain of STRANGERS) {
      test(`over ${family}, ${domain} is refused on 80 and on 443`, async () => {
        assert.match(await complaint(get('http', address, domain)), 'socket hang up')
        assert.match(await complaint(get('https', address, domain)), /unrecognized name/)
      })
    }

    test(`over ${family}, only ssh and the web answer`, async () => {
      assert.equal(await Promise.all(OPEN.map((port) => knock(address, port))), ['open', 'open', 'open'])
      const inner = await Promise.all(INNER.map((port) => knock(address, port)))
      assert.equal(inner, ['silent', 'silent', 'silent', 'silent'])
    })
  }

  test('without a firewall the inner ports would still be closed: they are bound to loopback alone', async () => {
    const listening = (await sshOk(host, 'ss -ltnH')).split('\n').map((line) => line.split(/\s+/)[3] ?? '')
    for (const port of INNER) {
      const bound = listening.filter((local) => local.endsWith(`:${port}`))
      assert.ok(bound.length > 0, `nothing listens on ${port}`)
      for (const local of bound) assert.match(local, /^(127\.0\.0\.1|\[::1\]):/)
    }
  })

  test('a WebSocket of the app goes through to what listens behind it, both ways', async () => {
    await sshOk(host, `systemctl stop web && ${ECHO}`)
    await sshOk(host, "timeout 20 sh -c 'until ss -ltnH | grep -q 127.0.0.1:3000; do sleep 0.1; done'")
    const socket = await upgrade(host.address, 'acme.app.takeclient.com')
    socket.write('ping')
    const [said] = await once(socket, 'data')
    socket.destroy()
    await sshOk(host, 'systemctl stop echo && systemctl start web')
    assert.is(String(said), 'echo ping')
  })

  test('what another hand changed is in the plan as drift, with the services that must load it again, and no more', async () => {
    const settled = await disk()
    const firewall = await rules()
    for (const { run } of EDITS) await sshOk(host, run)
    const { plan } = await planSite(host, 'CCX13')
    const services = EDITS.flatMap(({ service }) => service ?? [])
    assert.equal(plan.changes.map(({ ref }) => ref).sort(), [...EDITS.map(({ ref }) => ref), ...services].sort())
    const foreseen = plan.changes.filter(({ ref, cause }) => !services.includes(ref) && cause !== 'drift')
    assert.equal(refs(foreseen), [])

    const { changes } = await convergeSite(host, 'CCX13')
    assert.equal(
      changes.filter(({ outcome }) => outcome !== 'changed'),
      [],
    )
    assert.equal((await planSite(host, 'CCX13')).plan.changes, [])
    assert.equal(differing(withoutRecords(await disk()), withoutRecords(settled)), [
      '/etc/ufw/user.rules',
      '/etc/ufw/user6.rules',
    ])
    assert.equal(await rules(), firewall)
  })

  test('after that the plan is empty', async () => {
    assert.equal((await planSite(host, 'CCX13')).plan.changes, [])
  })

  test('a larger server in the inventory is followed by PostgreSQL and Redis, and by nothing else', async () => {
    const { plan } = await planSite(host, 'CCX33')
    const values = (ref: string) =>
      plan.changes.find((change) => change.ref === ref)?.fields.flatMap(({ before, after }) => [before, after])
    assert.equal(values('redis-setting:maxmemory'), [['1024mb'], ['4096mb']])
    assert.equal(values('postgres-setting:shared_buffers'), ['1024MB', '4096MB'])
    assert.equal(values('postgres-setting:effective_cache_size'), ['3072MB', '12288MB'])
    assert.equal(values('postgres-setting:max_worker_processes'), [undefined, '8'])
    assert.equal(refs(plan.changes.filter(({ ref }) => !/^(postgres|redis)-setting:/.test(ref))), [])
  })

  // Last: what they put back are other files, which nginx would have to load again.
  verifyTests(test, host, () => siteRun(host, 'CCX13'))

  return test
}

/** A server in the place of the application: it agrees to any upgrade and repeats what it hears. */
const ECHO = `systemd-run --quiet --unit=echo node -e '
require("node:http").createServer().on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: " + request.headers.upgrade + "\\r\\n\\r\\n")
  socket.on("data", (data) => socket.write("echo " + data))
}).listen(3000, "127.0.0.1")'`

/** What a promise fails with. @throws When it does not. */
async function complaint(work: Promise<unknown>): Promise<string> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('value' in outcome) throw new Error(`answered: ${JSON.stringify(outcome.value)}`)
  return String(outcome.error)
}

/** Paths at which two disks differ. */
function differing<Entry>(a: ReadonlyMap<string, Entry>, b: ReadonlyMap<string, Entry>): string[] {
  const paths = new Set([...a.keys(), ...b.keys()])
  return [...paths].filter((path) => !isDeepStrictEqual(a.get(path), b.get(path))).sort()
}

/** Without what Keelson notes of its runs. */
function withoutRecords<Entry>(disk: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return new Map([...disk].filter(([path]) => !path.startsWith('/var/lib/keelson')))
}
