/**
 * secrets: values that recipes name, encrypted in the repository.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { type SecretStore, secretStore } from '../../secrets/secretStore.ts'
import { formatSource } from '../../engine/catalog/catalog.ts'
import type { ExitName } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { secretNames } from '../../kit/value.ts'
import { askHidden, isInteractive, readStdin } from '../ask.ts'
import { UsageError } from '../errors.ts'
import { cleanLine } from '../../render/clean.ts'
import { jsonLine } from '../../render/json.ts'
import { renderSecrets } from '../../render/text/secretsText.ts'
import type { CommandContext } from '../commandContext.ts'

export async function secretsSet(context: CommandContext, name: string): Promise<ExitName> {
  const value = isInteractive() ? await askHidden(`Value of ${cleanLine(name)}: `) : await readStdin()
  if (value === '') throw new UsageError(`no value for ${name}`, 'type it when asked, or give it on standard input')
  const { err } = context.output
  const made = await storeOf(context).set(name, value)
  for (const file of made) err.write(`made ${cleanLine(file)}\n`)
  err.write(`${cleanLine(name)} is stored in secrets.age\n`)
  if (made.some((file) => file.endsWith('.key'))) {
    err.write('Keep a copy of the key where this machine is not: without it nobody can read the secrets again.\n')
  }
  return 'ok'
}

/** Names with a value, and names that recipes use: which of them has none, and which nobody uses. */
export async function secretsList(context: CommandContext): Promise<ExitName> {
  const { output, json, site } = context
  const store = storeOf(context)
  const [stored, used] = await Promise.all([store.list(), usesOf(site)])
  const others = [...used.keys()].filter((name) => !stored.includes(name))
  const given = (await store.find(others)).values
  const secrets = [...new Set([...stored, ...used.keys()])].sort().map((name) => ({
    name,
    state: stored.includes(name) ? 'stored' : given.has(name) ? 'from the environment' : 'missing',
    usedAt: used.get(name) ?? [],
  }))
  if (json) output.out.write(jsonLine('secrets list', { secrets }))
  else output.out.write(renderSecrets(secrets, output.out.page))
  if (secrets.length === 0) output.err.write('no secrets are stored or used; secrets set NAME stores one\n')
  return 'ok'
}

/** The recipe lines at which each secret is used, on any host. */
async function usesOf(site: CommandContext['site']): Promise<Map<string, string[]>> {
  const catalogs = await Promise.all(site.hosts.map(({ name }) => site.evaluate(name)))
  const uses = catalogs.flatMap(({ resources }) =>
    resources.flatMap(({ desired, source }) =>
      secretNames(desired).map((name) => [name, formatSource(source)] as const),
    ),
  )
  return new Map(
    [...groupBy(uses, ([name]) => name)].map(([name, its]) => [name, [...new Set(its.map(([, place]) => place))]]),
  )
}

/** Opens the user's editor on the clear text. */
export async function secretsEdit(context: CommandContext): Promise<ExitName> {
  if (!isInteractive())
    throw new UsageError('secrets edit opens an editor, and there is no terminal for one', 'use secrets set NAME')
  const editor = process.env['VISUAL'] ?? process.env['EDITOR']
  if (editor === undefined || editor === '') throw new UsageError('no editor is known', 'set VISUAL or EDITOR')
  await storeOf(context).edit(async (file) => {
    // EDITOR often contains arguments, `code --wait`, so a shell splits the words; the file is a separate argument.
    const child = spawn('sh', ['-c', `exec ${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
    const [code]: unknown[] = await once(child, 'close')
    if (code !== 0) throw new UsageError(`${editor} ended with ${String(code)}; nothing was stored`)
  })
  return 'ok'
}

function storeOf({ site }: CommandContext): SecretStore {
  return secretStore(dirname(site.file))
}
