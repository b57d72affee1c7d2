/**
 * Logs of real hosts: merged by time, and followed through a line that drops.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Entry } from '../../lib/engine/logs/entries.ts'
import { followLogs, readLogs } from '../../lib/engine/logs/logs.ts'
import type { Wanted } from '../../lib/engine/logs/texts.ts'
import { openProxy } from '../../lib/sandbox/proxy.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { freshHost, sshOk } from '../support/host.ts'

const test = suite('logs of hosts')

/** Requests, one a line, as the log format of the recipe writes them: `N` of them, `n` each 10 ms, from now on. */
const REQUESTS = `mkdir -p /var/log/nginx; cat > /root/requests <<'END'
i=$1; while [ $i -le $2 ]; do
  printf '{"ts":"%s","id":"r%s","host":"a.example","ip":"192.0.2.7","method":"GET","uri":"/%s","status":200,"bytes":5,"seconds":0.01,"upstream":"127.0.0.1:3000"}\\n' "$(date +%Y-%m-%dT%H:%M:%S+00:00)" $i $i >> /var/log/nginx/access.log
  i=$((i + 1))
done
END
`
const ALL: Wanted = { units: [], journal: true, access: true, since: { agoS: 600 } }

function connectTo(host: SandboxHost, place: { address: string; port: number }) {
  const { user, identityFile, hostKey } = host
  return () => connectSsh({ ...place, user, identityFile, hostKey }, {})
}

async function read(host: SandboxHost, wanted: Wanted): Promise<Entry[]> {
  const found: Entry[] = []
  await readLogs({ connect: connectTo(host, host), wanted, onEntry: (entry) => found.push(entry) })
  return found
}

const numbers = (found: readonly Entry[], pattern: RegExp): number[] =>
  found.flatMap(({ message }) => Number(pattern.exec(message)?.[1] ?? Number.NaN)).filter((one) => !Number.isNaN(one))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

for (const os of ['debian-12', 'debian-13'] as const) {
  const host = await freshHost(os)
  await sshOk(host, REQUESTS)

  test(`on ${os}, three services and the requests are one stream by time, whole and in order`, async () => {
    await sshOk(
      host,
      `for unit in one two three; do systemd-run --quiet --unit=$unit sh -c 'i=1; while [ $i -le 2000 ]; do echo "$0 line $i"; i=$((i + 1)); done' $unit; done
sh /root/requests 1 500
timeout 30 sh -c 'until journalctl --sync && [ "$(journalctl -q -u one -u two -u three | grep -c "line 2000$")" = 3 ]; do sleep 0.2; done'`,
    )
    const found = await read(host, ALL)
    assert.equal(
      found.map(({ time }) => time),
      found.map(({ time }) => time).toSorted((a, b) => a - b),
    )
    for (const unit of ['one', 'two', 'three'])
      assert.equal(numbers(found, new RegExp(`^${unit} line (\\d+)$`)), upTo(2000))
    assert.equal(numbers(found, /a\.example\/(\d+) /), upTo(500))
  })

  test(`on ${os}, only what is asked for comes`, async () => {
    const of = async (wanted: Partial<Wanted>): Promise<Set<string>> =>
      new Set((await read(host, { ...ALL, ...wanted })).map(({ service }) => service))
    assert.equal(await of({ units: ['one'], access: false }), new Set(['one']))
    assert.equal(await of({ journal: false }), new Set(['nginx.access']))
    assert.equal(await of({ since: { agoS: 172_800 }, until: { agoS: 86_400 } }), new Set())
  })

  test(`on ${os}, following goes on through ten cuts without a lost or doubled line`, async () => {
    const proxy = await openProxy(host)
    const found: Entry[] = []
    const stop = new AbortController()
    const lost: string[] = []
    const followed = followLogs({
      connect: connectTo(host, proxy),
      wanted: { ...ALL, units: ['talk'], since: { agoS: 0 } },
      onEntry: (entry) => found.push(entry),
      signal: stop.signal,
      onLost: (because) => lost.push(because),
    })
    await sshOk(
      host,
      `systemd-run --quiet --unit=talk sh -c 'i=1; until [ -e /run/hush ]; do echo "talk $i"; sh /root/requests $((100000 + i)) $((100000 + i)); echo $i > /run/talked; i=$((i + 1)); sleep 0.03; done'`,
    )
    const talked = (): number[] => numbers(found, /^talk (\d+)$/)
    const asked = (): number[] => numbers(found, /a\.example\/1(\d{5}) /).map(Number)
    for (const cut of upTo(10)) {
      // A connection of its own for each cut, over which something has come.
      await until(() => proxy.connections() >= cut)
      const before = talked().length
      await until(() => talked().length > before + 5)
      proxy.cut('reset')
    }
    await sshOk(host, "touch /run/hush; timeout 30 sh -c 'while systemctl -q is-active talk; do sleep 0.1; done'")
    const count = Number(await sshOk(host, 'cat /run/talked; rm /run/hush'))
    await until(() => talked().at(-1) === count && asked().at(-1) === count)
    stop.abort()
    await followed
    await proxy.close()
    assert.equal(talked(), upTo(count))
    assert.equal(asked(), upTo(count))
    assert.is(lost.length, 10)
  })
}

/** Looks again with each turn of the event loop's timers; the file's own time limit ends a test that waits in vain. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

test.run()
