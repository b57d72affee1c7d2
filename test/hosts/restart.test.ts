/**
 * A daemon of a type that is written with the kit alone: it is restarted for what its step wrote, and has what it had
 * before when it does not come up, stay up or answer with that.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/index.ts'
import {
  form,
  payload,
  readSmallFiles,
  parseSmallFiles,
  type ResourceType,
  restartFunctions,
  sh,
} from '../../lib/kit/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'

const test = suite('restart')

const CONF = '/etc/pond.conf'
const LOG = '/var/log/pond.log'

/** What the daemon does as it starts. */
const pondType: ResourceType<{ name: string; script: string }, { script: string }, 'name'> = {
  type: 'pond',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'script'],
    properties: { name: { type: 'string' }, script: { type: 'string' } },
  },
  key: ['name'],
  name: ({ name }) => name,
  desired: ({ script }) => ({ script }),
  paths: () => [CONF],
  state: form.fields<{ script: string }>({ script: form.text() }),
  read: {
    command: () => readSmallFiles([CONF]),
    parse(output, entries) {
      const found = parseSmallFiles(output).get(CONF)
      const script = found?.kind === 'file' ? found.bytes.toString() : ''
      return new Map(entries.map(({ name }) => [name, { script }]))
    },
  },
  steps: ({ after }) => [
    {
      title: 'write and load what the pond does',
      run: `${sh`read_file ${CONF} "$P/before"
replace_file ${CONF} root root 0644 ${payload('script')}`}
${restartFunctions({
  unit: 'pond.service',
  settleMs: 1000,
  timeoutMs: 2000,
  probe: 'test -e /run/pond/ready',
  logs: [LOG],
  putBack: sh`replace_file ${CONF} root root 0644 "$P/before" && echo ${CONF}`,
})}
mark_logs
restart_unit`,
      payload: { script: after.script },
    },
  ],
  remove: () => [],
}
const pond = resource(pondType)

const UNIT = `[Service]
ExecStart=/bin/sh -ec '. ${CONF}; exec sleep 1000000'
RuntimeDirectory=pond
`
const GOOD = 'touch /run/pond/ready\n'

const says = async (host: SandboxHost, script: string): Promise<string> => {
  const report = await convergeOn(host, () => void pond({ name: 'a', script }))
  return changeOf(report, 'pond:a').failure?.said ?? ''
}
const invocation = (host: SandboxHost): Promise<string> => sshOk(host, 'systemctl show -P InvocationID pond')

for (const os of ['debian-12', 'debian-13'] as const) {
  const host = await freshHost(os)
  await sshOk(
    host,
    `printf '%s' '${UNIT.replaceAll("'", `'\\''`)}' > /etc/systemd/system/pond.service
     printf '%s' '${GOOD}' > ${CONF}; echo 'of yesterday' > ${LOG}; systemctl daemon-reload; systemctl start pond`,
  )

  /** It failed, and what it had before is in place and loaded. */
  const assertBack = async (script: string): Promise<string> => {
    const before = await invocation(host)
    const said = await says(host, script)
    assert.match(said, `It runs again with what it had before: ${CONF}`)
    assert.is(await sshOk(host, `cat ${CONF}`), GOOD)
    assert.is(await sshOk(host, 'systemctl is-active pond'), 'active\n')
    assert.is.not(await invocation(host), before)
    return said
  }

  test(`${os}: it runs with what is new`, async () => {
    const before = await invocation(host)
    await convergeAsPlanned(host, () => void pond({ name: 'a', script: `${GOOD}: more\n` }))
    assert.is.not(await invocation(host), before)
    await convergeAsPlanned(host, () => void pond({ name: 'a', script: GOOD }))
  })

  test(`${os}: one that cannot be started has what it had, and its unit and its log tell why`, async () => {
    await sshOk(
      host,
      `printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=\\nExecStart=/bin/sh -e ${CONF}\\n' | install -D -m 644 /dev/stdin /etc/systemd/system/pond.service.d/once.conf; systemctl daemon-reload`,
    )
    const said = await assertBack(`echo 'no water' >> ${LOG}; echo 'a leak'; exit 3\n`)
    await sshOk(host, 'rm -r /etc/systemd/system/pond.service.d; systemctl daemon-reload; systemctl restart pond')
    assert.match(said, 'pond.service: systemctl restart failed')
    assert.match(said, 'a leak')
    assert.match(said, 'no water')
    assert.not.match(said, 'of yesterday')
  })

  test(`${os}: one that dies within its settle time has what it had`, async () => {
    assert.match(await assertBack('touch /run/pond/ready; sleep 0.5; exit 3\n'), 'it did not stay up after restart')
  })

  test(`${os}: one that does not answer has what it had`, async () => {
    assert.match(await assertBack(': silent\n'), 'the probe failed within 2 s after restart')
  })

  test(`${os}: one that runs with neither says so`, async () => {
    await sshOk(host, `printf 'exit 4\\n' > ${CONF}`)
    const said = await says(host, 'exit 5\n')
    assert.match(said, `What it had before was put back (${CONF}), and it does not run with that either`)
    assert.is(await sshOk(host, `cat ${CONF}`), 'exit 4\n')
  })
}

test.run()
