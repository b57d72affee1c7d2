/**
 * Records anew what hosts answer to the command line: boots one of each OS, brings them to the second version of the
 * site, edits a file by hand, and notes the answers to a plan of the third, to runs, to a converge and to an undo.
 *
 *     node --import tsx test/torture/hostileHost/record.ts
 */
import { writeFileSync } from 'node:fs'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { freshHost, sshOk, takeDown } from '../../support/host.ts'
import type { Recording } from './recording.ts'
import { replaceSsh } from './replaceSsh.ts'

const recorder = new URL('recorder.ts', import.meta.url)
replaceSsh(recorder)
const { default: site, OWN_SECRETS, RECORDED } = await import('./site.ts')
const { main } = await import('../../../lib/cli/main.ts')
const { texts, takeTrips } = await import('./recorder.ts')

for (const name of OWN_SECRETS)
  process.env[`KEELSON_SECRET_${name.toUpperCase().replaceAll('-', '_')}`] = `recorded-${name}-value`

for (const os of RECORDED) {
  const host = await freshHost(os)
  await sshOk(
    host,
    `apt-get -q update >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends cron nginx postgresql redis-server sudo ufw >/dev/null`,
  )
  for (const version of ['1', '2']) await run(host, version, 'converge', '--yes')
  await sshOk(host, 'echo by hand > /srv/play/drifted; chmod 0600 /srv/play/steady; touch /srv/play/gone')
  takeTrips()
  const recording: Recording = {
    about: `Answers of a throw-away ${os} host of lib/sandbox to the command line, recorded by record.ts`,
    commands: {},
    texts: texts.all,
  }
  for (const command of [['plan'], ['runs'], ['converge', '--yes'], ['undo', '--yes']] as const) {
    await run(host, '3', ...command)
    recording.commands[command[0]] = takeTrips()
  }
  const file = new URL(`recorded/${os}.json`, import.meta.url)
  writeFileSync(file, `${JSON.stringify(recording, null, 1)}\n`)
  texts.clear()
  await takeDown(host.name)
}

async function run(host: SandboxHost, version: string, ...command: readonly string[]): Promise<void> {
  process.env['KEELSON_VERSION'] = version
  const at = ['--at', `${host.user}@${host.address}:${host.port}`, '--identity', host.identityFile]
  const code = await main(site, [...command, '--host', host.os, ...at, '--host-key', host.hostKey], 'record')
  console.error(`${host.os}, version ${version}: ${command.join(' ')} ended with ${code}`)
}
