/**
 * up: from a fresh machine to a running site to look at. Boots a throw-away host, converges the site's first host on
 * it, requests a page from each of its domains, and says how to open them in a browser.
 */
import http from 'node:http'
import https from 'node:https'
import type { Catalog } from '../engine/catalog/catalog.ts'
import type { ExitName } from '../engine/report.ts'
import { converge } from './commands/hosts.ts'
import { UsageError } from './errors.ts'
import { cleanLine } from '../render/clean.ts'
import { pad, widest } from '../render/text/page.ts'
import type { CommandContext } from './commandContext.ts'

const UP_HOST = 'takeclient'
const CLAIM = 'server_name:'
const ANSWER_WITHIN_MS = 5000

type Answer = { url: string; ok: boolean; said: string }

export async function up(context: CommandContext): Promise<ExitName> {
  const [host] = context.site.hosts
  if (host === undefined) throw new UsageError('the inventory has no hosts')
  const [{ ensureRequirements, missingPackages }, sandbox] = await Promise.all([
    import('../sandbox/requirements.ts'),
    import('../sandbox/sandbox.ts'),
  ])
  const missing = await missingPackages()
  if (missing.length > 0) context.output.err.write(`installing ${missing.join(', ')}\n`)
  await ensureRequirements({ install: true })
  const { address } = await sandbox.up(UP_HOST, { os: host.os }, (text) => context.output.err.write(`${text}\n`))
  const flags = { host: [host.name], only: [], forks: '1', sandbox: UP_HOST, yes: true, digest: [] }
  const exit = await converge({ ...context, json: false }, undefined, flags)
  if (exit !== 'ok') return exit
  return showSite(context, address, domainsOf(await context.site.evaluate(host.name)))
}

/** Names that web servers of this catalog answer to, without wildcards and catch-alls. */
export function domainsOf({ resources }: Catalog): string[] {
  const names = resources
    .flatMap(({ claims }) => claims)
    .filter((claim) => claim.startsWith(CLAIM))
    // The listener follows the name: `server_name:example.com@443`.
    .map((claim) => claim.slice(CLAIM.length).split('@', 1).join(''))
  return [...new Set(names)].filter((name) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name))
}

async function showSite({ output }: CommandContext, address: string, domains: readonly string[]): Promise<ExitName> {
  const { colors } = output.out.page
  const answers = await Promise.all(domains.map((domain) => ask(address, domain)))
  const column = widest(answers.map(({ url }) => url))
  const lines = answers.map(
    ({ url, ok, said }) => `  ${ok ? colors.green('✓') : colors.red('✗')} ${pad(url, column)}  ${cleanLine(said)}`,
  )
  const hint =
    domains.length === 0
      ? []
      : ['', 'To open them in a browser, add to /etc/hosts:', `  ${address} ${domains.join(' ')}`]
  output.out.write(`\n${[`${UP_HOST} is up at ${address}`, ...lines, ...hint].join('\n')}\n`)
  return answers.every(({ ok }) => ok) ? 'ok' : 'error'
}

/** Sends one GET to the address with the domain as its name: over TLS, or in clear when the port does not speak TLS. */
async function ask(address: string, domain: string): Promise<Answer> {
  const overTls = await answerTo(
    https.get({ ...aim(address, domain), path: '/', servername: domain, rejectUnauthorized: false }),
    `https://${domain}/`,
  )
  if (overTls.ok) return overTls
  const inClear = await answerTo(http.get({ ...aim(address, domain), path: '/' }), `http://${domain}/`)
  return inClear.ok ? inClear : overTls
}

/** Accepts any certificate (see `ask`): the host is a stand-in, with certificates that nobody signed. */
function aim(address: string, domain: string): http.RequestOptions {
  return { host: address, headers: { host: domain }, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }
}

function answerTo(sent: http.ClientRequest, url: string): Promise<Answer> {
  return new Promise((resolve) => {
    sent.once('response', ({ statusCode = 0, statusMessage = '' }) => {
      resolve({ url, ok: statusCode > 0 && statusCode < 500, said: `${statusCode} ${statusMessage}` })
      sent.destroy()
    })
    sent.on('error', (error) => resolve({ url, ok: false, said: error.message }))
  })
}
