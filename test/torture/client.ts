/**
 * A client in a process of its own, for who wants to kill it: converges TakeClient and tells each progress as a line.
 *
 *     node --import tsx test/torture/client.ts HOST_JSON SERVER
 */
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import type { ServerName } from '../../lib/dsl/servers.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { siteRun } from '../support/site.ts'

const [, , about = '', server = ''] = process.argv
const host: SandboxHost = JSON.parse(about)
await convergeHost({
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an unknown server is an error of serverNamed
  ...(await siteRun(host, server as ServerName)),
  progress: ({ event }) => console.log(event),
  confirm: () => Promise.resolve(true),
})
