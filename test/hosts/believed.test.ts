/**
 * Hosts that lie: what they say of themselves names no file of this machine and no secret but their own, and what is
 * wrong with one record costs only that record.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostError } from '../../lib/engine/errors.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import { undoHost } from '../../lib/engine/undo/undoHost.ts'
import { conf, directory, edit, file, secret, user } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { convergeOn, type Options, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

const KEY = 'the-operators-own-key'
const OTHER = 'of-another-host-in-the-clear'
const folder = mkdtempSync(join(tmpdir(), 'keelson-home-'))
const keyFile = join(folder, 'id_ed25519')
writeFileSync(keyFile, KEY)
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

for (const os of ['debian-12', 'debian-13'] as const) {
  const host = await freshHost(os)
  const suited = suite(`hosts that lie, ${os}`)
  const test = (name: string, body: () => Promise<void>): void => {
    suited(name, async () => {
      await sshOk(host, 'rm -rf /srv/play /var/lib/keelson && mkdir /srv/play')
      await body()
    })
  }

  /** Two versions of a file and an edit, so that there is something to undo. */
  const site = (version: string) => (): void => {
    file({ path: '/srv/play/a', content: `${version}\n` })
    file({ path: '/srv/play/b', content: conf`${version} ${secret('own')}` })
    edit({ path: '/srv/play/c', line: `c=${version}`, replaces: 'c=', create: true })
  }
  const secrets = { own: 'canary-own', 'of-another-host': OTHER }

  test('undo takes no file of this machine and no secret of another host', async () => {
    await twice(host, site, { secrets })
    const digest = '00'.repeat(32)
    const lies: readonly string[] = [
      `s["back"] = {"state": {"kind": "file", "owner": "root", "group": "root", "mode": "0644", "source": ${JSON.stringify(keyFile)}}}`,
      `s["back"] = {"state": {"kind": "file", "owner": "root", "group": "root", "mode": "0644", "source": ${JSON.stringify(relative(process.cwd(), keyFile))}, "sha256": "${digest}"}}`,
      `s["back"]["state"]["content"] = {"$secret": "of-another-host"}`,
      `s["back"]["state"]["content"] = {"$text": ["x", {"$secret": "of-another-host"}]}`,
      `s["back"]["state"]["kept"] = "/etc/shadow"; s["back"]["state"].content = undefined`,
      `s["back"]["state"]["kept"] = "/var/lib/keelson/runs/2.kept/bytes/${digest}"; s["back"]["state"].content = undefined`,
      `s["back"]["state"]["more"] = ${JSON.stringify(keyFile)}`,
      `s["back"]["state"]["content"] = {"$secret": {"toString": 1}}`,
      `s["back"]["state"]["owner"] = ["root"]`,
      `s["entry"] = [s["entry"]]`,
      `s["bytes"] = {"path": "/etc/shadow", "sha256": 3}`,
    ]
    for (const lie of lies) {
      await rewrite(
        host,
        '/var/lib/keelson/runs/2.kept/states',
        `const s = v.steps.find((one) => one.ref === "file:/srv/play/a"); ${lie}`,
      )
      const report = await undoOn(host, site('2'), { secrets })
      const [stays] = report.undo?.stays ?? []
      assert.is(stays?.ref, 'file:/srv/play/a', lie)
      assert.match(
        stays?.because ?? '',
        /^(what the host has kept of it is (damaged|not its own)|its secret of-another-host is none)/,
      )
      await sshOk(host, `! grep -rqE '${KEY}|${OTHER}' /srv /var/lib/keelson`)
      assert.not.match(JSON.stringify(report), new RegExp(`${KEY}|${OTHER}`))
      assert.is(await sshOk(host, 'cat /srv/play/a'), '2\n', lie)
      // Everything else went back.
      assert.is(await sshOk(host, 'cat /srv/play/b /srv/play/c'), '1 canary-ownc=1\n', lie)
      await sshOk(host, 'rm -rf /var/lib/keelson')
      await twice(host, site, { secrets })
    }
  })

  test('the digest of a secret of another host is not for the asking', async () => {
    await twice(host, site, { secrets })
    await rewrite(
      host,
      '/var/lib/keelson/ledger.json',
      `v["entries"]["file:/srv/play/a"]["desired"]["content"] = {"$secret": "of-another-host"}`,
    )
    const report = await undoOn(host, site('2'), { secrets })
    assert.not.match(JSON.stringify(report), new RegExp(OTHER))
    await sshOk(host, `! grep -rq '${OTHER}' /srv /var/lib/keelson`)
  })

  test('an entry of the ledger that is damaged costs only that entry, and is named', async () => {
    await twice(host, site, { secrets })
    const damages: readonly string[] = [
      'v["entries"]["file:/srv/play/a"] = null',
      'v["entries"]["file:/srv/play/a"]["name"] = {"toString": 1}',
      'v["entries"]["file:/srv/play/a"]["needs"] = [null]',
      'v["entries"]["file:/srv/play/a"]["desired"] = {"kind": "file", "owner": 7}',
      'v["entries"]["file:/srv/play/a"]["desired"] = [[[[]]]]',
      'v["entries"]["file:/srv/play/a"]["run"] = 1e99',
    ]
    await sshOk(host, 'cp /var/lib/keelson/ledger.json /srv/ledger')
    for (const damage of damages) {
      await rewrite(host, '/var/lib/keelson/ledger.json', damage)
      const plan = await planOn(host, site('2'), { secrets })
      assert.ok(
        plan.warnings.some((warning) => warning.includes('"file:/srv/play/a"') && warning.includes('does not own it')),
        damage,
      )
      assert.equal(
        plan.changes.map(({ kind, ref }) => `${kind} ${ref}`),
        ['adopt file:/srv/play/a'],
      )
      // Nothing is removed for it.
      const without = await planOn(host, () => void file({ path: '/srv/play/b', content: conf`2 ${secret('own')}` }), {
        secrets,
      })
      assert.equal(
        without.changes.map(({ kind, ref }) => `${kind} ${ref}`),
        ['remove edit:/srv/play/c c='],
        damage,
      )
      await sshOk(host, 'cp /srv/ledger /var/lib/keelson/ledger.json')
    }
  })

  test('an entry that names a file of this machine does nothing to it', async () => {
    await twice(host, site, { secrets })
    await rewrite(
      host,
      '/var/lib/keelson/ledger.json',
      `const e = v["entries"]["file:/srv/play/a"]["desired"]; delete e.content; e["source"] = ${JSON.stringify(keyFile)}`,
    )
    const report = await convergeOn(host, site('3'), { secrets })
    assert.is(report.error, undefined)
    await undoOn(host, site('3'), { secrets })
    await sshOk(host, `! grep -rq '${KEY}' /srv /var/lib/keelson`)
  })

  test('a large source goes back by the bytes that the host has kept, not by the file that is here by then', async () => {
    const local = join(folder, `large-${host.os}`)
    const large = (): void => void file({ path: '/srv/play/large', source: local })
    writeFileSync(local, Buffer.alloc(300_000, 1))
    await convergeOn(host, large)
    const was = await sshOk(host, 'sha256sum /srv/play/large')
    writeFileSync(local, Buffer.alloc(300_000, 2))
    await convergeOn(host, large)
    const report = await undoOn(host, large)
    assert.equal([report.undo?.stays, report.error], [[], undefined])
    assert.is(await sshOk(host, 'sha256sum /srv/play/large'), was)
  })

  test('records of runs that are damaged cost only themselves', async () => {
    await twice(host, site, { secrets })
    await rewrite(host, '/var/lib/keelson/runs/1.json', 'v["changes"] = [null]')
    const report = await undoOn(host, site('2'), { secrets })
    assert.equal([report.undo?.run, report.undo?.stays], ['2', []])
    assert.is(await sshOk(host, 'cat /srv/play/a'), '1\n')
  })

  test('states that are none at all are a sentence', async () => {
    await twice(host, site, { secrets })
    for (const text of [
      'null',
      '[]',
      '{"run":"2","steps":{}}',
      '{"run":"1","steps":[]}',
      '{"__proto__":{"steps":[]}}',
      '"',
      '['.repeat(99),
    ]) {
      await sshOk(host, `printf %s '${text}' > /var/lib/keelson/runs/2.kept/states`)
      const error = await rejects(undoOn(host, site('2'), { secrets }), HostError)
      assert.is(error.message, 'what the host has kept of the run cannot be read')
    }
    await sshOk(
      host,
      `printf '{"run":"2","steps":[null,3,{"ref":{}},{"ref":"file:/x"}]}' > /var/lib/keelson/runs/2.kept/states`,
    )
    const { undo } = await undoOn(host, site('2'), { secrets })
    assert.is(undo?.stays.length, 4)
  })

  test('what takes the lock is named, whatever it calls itself', async () => {
    await twice(host, site, { secrets })
    for (const owner of [
      'null',
      '3',
      '{"unit":"keelson-9-abcdef"}',
      '{"unit":"keelson-9-abcdef","run":null,"who":[]}',
    ]) {
      await sshOk(
        host,
        `mkdir -p /run/keelson/9-abcdef && printf '%s\\n' '${owner}' > /run/keelson/owner && systemctl reset-failed keelson-9-abcdef 2>/dev/null; systemctl is-active -q keelson-9-abcdef || systemd-run -q --unit keelson-9-abcdef sleep 300`,
      )
      const plan = await planOn(host, site('2'), { secrets })
      assert.equal(plan.changes, [], owner)
    }
    await sshOk(host, 'systemctl stop keelson-9-abcdef; rm -rf /run/keelson/9-abcdef /run/keelson/owner')
  })

  test('a directory and an account go back as they were', async () => {
    const both = (mode: string, shell: string) => (): void => {
      const app = user({ name: 'app', shell })
      directory({ path: '/srv/play/d', owner: 'app', mode, after: app })
    }
    await convergeOn(host, both('0755', '/bin/sh'))
    await convergeOn(host, both('0700', '/bin/bash'))
    const report = await undoOn(host, both('0700', '/bin/bash'))
    assert.equal([report.undo?.stays, report.error], [[], undefined])
    assert.is(await sshOk(host, "stat -c '%a' /srv/play/d; getent passwd app | cut -d: -f7"), '755\n/bin/sh\n')
  })

  suited.run()
}

async function twice(host: SandboxHost, site: (version: string) => () => void, options: Options): Promise<void> {
  await convergeOn(host, site('1'), options)
  await convergeOn(host, site('2'), options)
}

/** Changes a file of JSON on the host by JavaScript in which it is `v`. */
async function rewrite(host: SandboxHost, path: string, script: string): Promise<void> {
  const v: unknown = JSON.parse(await sshOk(host, `cat ${path}`))
  runInNewContext(script, { v })
  const text = Buffer.from(`${JSON.stringify(v)}\n`).toString('base64')
  await sshOk(host, `echo ${text} | base64 -d > ${path}`)
}

function undoOn(host: SandboxHost, declare: () => void, options: Options = {}): Promise<HostReport> {
  return undoHost({ ...runOn(host, declare, options), confirm: () => Promise.resolve(true) })
}
