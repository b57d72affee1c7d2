/**
 * explain: everything that is known of one resource. Where no host answers, what the recipes alone tell, and what is
 * missing.
 */
import { dirname } from 'node:path'
import { types } from '../../dsl/declare.ts'
import { worstOf } from '../../engine/exit.ts'
import { open } from '../../engine/apply/openHost.ts'
import type { Catalog } from '../../engine/catalog/catalog.ts'
import { explanationOf } from '../../engine/plan/explanation.ts'
import { EXIT_CODES, type ExitName, type HostProblem } from '../../engine/report.ts'
import { cleanJson } from '../../render/clean.ts'
import { renderExplanation } from '../../render/text/explanationText.ts'
import { type Explained, viewExplanation } from '../../render/view/explanation.ts'
import { commitOf } from '../blame.ts'
import type { CommandContext } from '../commandContext.ts'
import { describeError, UsageError } from '../errors.ts'
import { type Evaluated, hostOptions, onEach, prepare } from '../fleet.ts'
import { catchInterrupts } from '../interrupt.ts'
import { askedFor, listOf, similarTo } from '../only.ts'
import { type HostFlags, type MachineFlags, parseCount, whereFrom } from '../options.ts'
import { openProgress } from '../progress.ts'
import { terminalOf } from './hosts.ts'
import { selectHosts } from '../select.ts'

export type ExplainFlags = Pick<HostFlags, 'host' | 'forks'> & MachineFlags & { offline?: true }

/** Version of the JSON form: a program may rely on its keys. */
const FORMAT = 1
/** Names in an error about a word that fits several resources. */
const MOST_NAMED = 10

/** @throws {UsageError} When the word fits no resource, or several of one host. */
export async function explain(context: CommandContext, word: string, flags: ExplainFlags): Promise<ExitName> {
  const { site, output, json } = context
  const chosen = selectHosts(site.hosts, flags.host)
  whereFrom(flags, chosen.length)
  const hosts = await Promise.all(chosen.map(async (one) => ({ chosen: one, catalog: await site.evaluate(one.name) })))
  const asked = askedAbout(word, hosts)
  const explained = (await explainedOn(context, asked, flags)).filter(({ resource }) => resource !== undefined)
  if (explained.length === 0) throw unknownTo(word, hosts)
  const exit = worstOf(explained.map(({ error }) => error?.exit ?? 'ok'))
  if (json) {
    const line = { command: 'explain', format: FORMAT, hosts: explained, exit: { code: EXIT_CODES[exit], name: exit } }
    output.out.write(`${cleanJson(line)}\n`)
    return exit
  }
  const { page } = output.out
  output.out.write(explained.map((one) => renderExplanation(viewExplanation(one), page)).join('\n'))
  return exit
}

type Asked = Evaluated & { ref: string }

/** The one resource of each host that a word fits; a ref that no host declares may be one that a host still has. */
function askedAbout(word: string, hosts: readonly Evaluated[]): Asked[] {
  const isAsked = askedFor([word])
  const found = hosts.flatMap((host): Asked[] => {
    const fitting = host.catalog.resources.filter(isAsked).map(({ ref }) => ref)
    const exact = fitting.filter((ref) => ref === word)
    if (exact.length === 0 && fitting.length > 1) throw severalOf(word, fitting)
    return [...exact, ...fitting].slice(0, 1).map((ref) => ({ ...host, ref }))
  })
  if (found.length > 0) return found
  if (types.has(word.slice(0, Math.max(0, word.indexOf(':'))))) return hosts.map((host) => ({ ...host, ref: word }))
  throw unknownTo(word, hosts)
}

function severalOf(word: string, refs: readonly string[]): UsageError {
  const more = refs.length > MOST_NAMED ? [`and ${refs.length - MOST_NAMED} more`] : []
  return new UsageError(
    `explain tells of one resource, and ${word} fits ${refs.length}`,
    ['name one of them:', ...refs.slice(0, MOST_NAMED), ...more].join('\n'),
  )
}

function unknownTo(word: string, hosts: readonly Evaluated[]): UsageError {
  const resources = hosts.flatMap(({ catalog }: { catalog: Catalog }) => catalog.resources)
  return new UsageError(`${word} fits no resource${similarTo(word, resources)}`, listOf(resources))
}

async function explainedOn(
  { site, output, verbose }: CommandContext,
  asked: readonly Asked[],
  flags: ExplainFlags,
): Promise<Explained[]> {
  const where = whereFrom(flags, selectHosts(site.hosts, flags.host).length)
  const view = openProgress(output.err)
  const interrupts = catchInterrupts(terminalOf(output, view))
  const offline = async (one: Asked, error?: HostProblem): Promise<Explained> =>
    explainedBy(dirname(site.file), one, explanationOf({ catalog: one.catalog, types }, one.ref), error)
  try {
    return await onEach<Asked, Explained>(asked, {
      forks: parseCount('--forks', flags.forks),
      async work(one) {
        if (flags.offline === true) return offline(one)
        try {
          const prepared = await prepare(site, one, where, view.note)
          output.hide(prepared.secrets.values())
          const host = open(hostOptions(prepared, site, [], view.show, interrupts))
          try {
            return await explainedBy(dirname(site.file), { ...one, ...prepared }, await host.explain(one.ref))
          } finally {
            await host.close()
          }
        } catch (error) {
          return offline(one, describeError(error, verbose))
        }
      },
      failed: (one, error) => ({ ...aboutOf(one), error: describeError(error, verbose) }),
    })
  } finally {
    view.close()
    interrupts.end()
  }
}

async function explainedBy(
  folder: string,
  one: Asked,
  resource: Explained['resource'],
  error?: HostProblem,
): Promise<Explained> {
  const source = resource?.declared?.source
  const commit = source === undefined ? undefined : await commitOf(folder, source)
  return {
    ...aboutOf(one),
    ...(resource === undefined ? {} : { resource }),
    ...(commit === undefined ? {} : { commit }),
    ...(error === undefined ? {} : { error }),
  }
}

function aboutOf({ catalog: { host } }: Asked): Pick<Explained, 'host' | 'address'> {
  return { host: host.name, address: host.address }
}
