/**
 * Every example of the reference that a throw-away host can have, declared together on one host: it converges, and then
 * nothing is left to do.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import type { TypeDocs } from '../../lib/render/view/typeDoc.ts'
import { convergeAsPlanned } from '../support/converge.ts'
import { convergeable, EXAMPLE_SECRETS, writeExamples } from '../support/examples.ts'
import { connectToLab, labUp } from '../../lib/sandbox/lab.ts'
import { freshHost, sshOk, uniqueName } from '../support/host.ts'

const test = suite('reference')

/** What examples take as given: the packages of the daemons that they configure. */
const PREPARE = `systemctl stop '*.timer'; apt-get -q update >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \\
  certbot cron kmod locales logrotate memcached nginx openssl postgresql procps redis-server sudo ufw >/dev/null`

const { types }: TypeDocs = JSON.parse(readFileSync('lib/types.json', 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'keelson-examples-'))
process.once('exit', () => rmSync(folder, { recursive: true }))
const declare = await writeExamples(folder, convergeable(types))
const lab = await labUp(uniqueName(), { believesAll: true })

for (const os of ['debian-12', 'debian-13'] as const) {
  test(`all examples converge together on ${os}, and a second time there is nothing to do`, async () => {
    const host = await freshHost(os)
    await connectToLab(lab, host.name)
    await sshOk(host, PREPARE)
    await convergeAsPlanned(host, declare, { secrets: EXAMPLE_SECRETS })
  })
}

test.run()
