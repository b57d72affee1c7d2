/**
 * Sites made for one test, run by their own command line in a process of its own, as a person would.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'

const LIB = new URL('../../build/library.ts', import.meta.url).href
const NAMES =
  'absent, aptPackage, command, conf, directory, edit, file, forget, group, inventory, keepData, limitRestarts, nginxSnippet, nginxVhost, policy, postgresRole, redisSetting, secret, service, site, sudoers, ufwRule, unit, user'

const folders = new Set<string>()
process.once('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** Line of site.ts on which a role's text begins. */
export const ROLE_LINE = 4

export type Place = Partial<Pick<SandboxHost, 'os' | 'address' | 'port' | 'identityFile' | 'hostKey'>> & {
  user?: string
  /** @default `all`, the one that the site has */
  roles?: readonly string[]
}

/**
 * Writes a site.ts whose hosts all carry one role. It is removed when this process ends.
 *
 * @param role Statements of the role; the names of the front door are there.
 * @param options Options of the site, as they are written there.
 * @returns Path of the file.
 */
export function writeSite(hosts: { [name: string]: Place }, role: string, options = '{}'): string {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-site-'))
  folders.add(folder)
  const entries = Object.entries(hosts).map(
    ([name, { os, address, port, user, identityFile, hostKey, roles = ['all'] }]) => [
      name,
      { os, address, port, user, identityFile, hostKey, server: 'CX22', roles },
    ],
  )
  const lines = [
    `import { ${NAMES} } from '${LIB}'`,
    `const hosts = inventory({ hosts: ${JSON.stringify(Object.fromEntries(entries))} })`,
    'export default site(hosts, { all() {',
    role,
    `} }, ${options})`,
    '',
  ]
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n')
  writeFileSync(join(folder, 'site.ts'), lines.join('\n'))
  return join(folder, 'site.ts')
}

export type Ended = { code: number | null; stdout: string; stderr: string }

/** @param more Variables besides those of this process. */
export function startSite(
  file: string,
  args: readonly string[],
  more: { readonly [variable: string]: string } = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...own } = process.env
  const env = { ...own, ...more }
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr]): Ended => ({ code: child.exitCode, stdout, stderr }),
  )
  return { child, ended }
}

export function runSiteFile(file: string, args: readonly string[]): Promise<Ended> {
  return startSite(file, args).ended
}
