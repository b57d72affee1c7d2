/**
 * init: creates a small site in the working folder, to start from.
 */
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import deepmerge from 'deepmerge'
import { version } from '../../dsl/home.ts'
import type { ExitName } from '../../engine/report.ts'
import { UsageError } from '../errors.ts'
import type { CommandContext } from '../commandContext.ts'

const SITE = `/**
 * What each role has. Plan it with \`npx keelson plan\`, apply it with \`npx keelson converge\`.
 */
import { file, site } from 'keelson'
import { inventory } from './inventory.ts'

export default site(inventory, {
  /** What every server has. Recipes for more are in keelson/recipes. */
  server(host) {
    file({ path: '/etc/motd', content: \`\${host.name} is managed by Keelson.\\n\` })
  },
})
`

const INVENTORY = `/**
 * Every machine: where it is, what it is, what it is for.
 */
import { inventory as machines } from 'keelson'

export const inventory = machines({
  defaults: { user: 'root', os: 'debian-13' },
  hosts: {
    // 192.0.2.1 is an address for documentation: put your server's here.
    'web-1': { address: '192.0.2.1', server: 'CX22', roles: ['server'] },
  },
})
`

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    // Node removes types and does nothing else.
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['**/*.ts'],
}

const IGNORED = 'node_modules\n*.log\n'

type PackageJson = { [field: string]: unknown }

/** @throws {UsageError} When the folder contains one of the files; nothing is written then. */
export async function init({ output }: CommandContext): Promise<ExitName> {
  const installed = installedIn('package.json')
  const files = new Map([
    ['site.ts', SITE],
    ['inventory.ts', INVENTORY],
    ['package.json', json(completed(installed ?? { name: basename(process.cwd()) }))],
    ['tsconfig.json', json(TSCONFIG)],
    ['.gitignore', IGNORED],
  ])
  const names = [...files.keys()]
  const there = names.filter((name) => existsSync(name) && !(name === 'package.json' && installed !== undefined))
  if (there.length > 0) {
    throw new UsageError(
      `${there.join(', ')} already in this folder; nothing was written`,
      'run init in an empty folder',
    )
  }
  for (const [name, text] of files) await writeFile(name, text)
  output.out.write(`wrote ${names.join(', ')}\n`)
  output.err.write('next: npm install, then npx keelson converge --sandbox\n')
  return 'ok'
}

/** Only a package.json that npm wrote when Keelson was installed is completed; any other is left unchanged. */
function installedIn(file: string): PackageJson | undefined {
  const found = parsed(file)
  if (found === undefined) return undefined
  const isInstalled = [found['dependencies'], found['devDependencies']].some(
    (packages) => typeof packages === 'object' && packages !== null && 'keelson' in packages,
  )
  return isInstalled ? found : undefined
}

function parsed(file: string): PackageJson | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Existing fields win. */
function completed(found: PackageJson): PackageJson {
  const ours = {
    private: true,
    type: 'module',
    scripts: { plan: 'keelson plan', converge: 'keelson converge', typecheck: 'tsc' },
    dependencies: { keelson: `^${version()}` },
    devDependencies: { '@types/node': '^20.19.43', typescript: '^7.0.2' },
  }
  return { ...deepmerge(ours, found), type: 'module' }
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
