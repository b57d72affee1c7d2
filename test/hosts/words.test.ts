/** What the command line says of real hosts, against what is so there. One of each Debian. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshOk } from '../support/host.ts'
import { runSiteFile, writeSite } from '../support/siteFile.ts'

const test = suite('words on hosts')

const [twelve, thirteen] = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const both = { 'web-1': twelve, 'web-2': thirteen }

type Reported = {
  host: string
  summary: { [word: string]: number }
  changes: { ref: string; kind: string; cause: string; outcome?: string }[]
}

function hostsIn(stdout: string): Reported[] {
  const { hosts }: { hosts: Reported[] } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
  return hosts
}

const FILES = `
  file({ path: '/etc/words-a', content: 'a\\n' })
  file({ path: '/etc/words-b', content: 'b\\n' })
  file({ path: '/etc/words-c', content: 'c\\n' })`

test('a fleet plan never calls a host with a pending change done, in text or in JSON', async () => {
  const file = writeSite(both, FILES)
  const first = await runSiteFile(file, ['converge', '--yes'])
  assert.is(first.code, 0, first.stderr)
  assert.match(first.stdout, /^2 hosts: 2 in order$/m)
  await sshOk(thirteen, 'echo edited > /etc/words-b')
  const { stdout } = await runSiteFile(file, ['plan'])
  assert.match(stdout, /^2 hosts: 1 in order, 1 with changes pending$/m)
  assert.match(stdout, /^ {2}✓ web-1 {2}\S+ s {2}all in sync$/m)
  assert.match(stdout, /^ {2}~ web-2 {2}\S+ s {2}2 in sync, 1 to change$/m)
  const [one, two] = hostsIn((await runSiteFile(file, ['plan', '--json'])).stdout)
  assert.equal([one!.changes.length, two!.changes.map(({ ref }) => ref)], [0, ['file:/etc/words-b']])
  assert.is(two!.changes[0]!.outcome, undefined)
  assert.is(two!.summary['failed'], undefined)
  assert.is(two!.summary['change']! + two!.summary['unchanged']!, two!.summary['resources'])
})

test.run()
