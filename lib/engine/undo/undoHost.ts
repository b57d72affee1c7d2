/**
 * Undoes what one run changed on a host: reads what the host kept of the run, decides what can be undone, and converges
 * to that.
 */
import { LEDGER_PATH, RUNS_FOLDER } from '../../kit/stateFolders.ts'
import { randomBytes } from 'node:crypto'
import type { Connection } from '../../transport/connection.ts'
import type { CatalogResource } from '../catalog/catalog.ts'
import { type ConvergeRun, convergeHost } from '../apply/converge.ts'
import { HostError, Locked, NoSuchRun, Refused } from '../errors.ts'
import { fits, isObject, parseJson } from '../../kit/form.ts'
import { emptyLedger, parseLedger } from '../host/ledger.ts'
import { summaryOf } from '../plan/summary.ts'
import { excerpt } from '../../kit/redact.ts'
import type { HostReport, Staying } from '../report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import type { AnyType } from '../../kit/resourceType.ts'
import { parseRuns, READ_RUNS, type StoredRun } from '../host/storedRun.ts'
import { quote } from '../../kit/shell.ts'
import { planHost } from '../plan/planHost.ts'
import { asLeft, planUndo, runToUndo, type Undoable } from './undo.ts'
import { secretNames } from '../../kit/value.ts'
import { KEPT_RUNS, keptOf, partedStep, stepProblem, UNDO_STEP, type UndoStep } from '../host/undoRecord.ts'

export type UndoRun = Omit<ConvergeRun, 'only' | 'allowRemove' | 'wait' | 'undo'> & {
  /** Number of the run to undo. @default the latest that changed something */
  run?: string
}

/**
 * Plans, asks, applies and verifies the undo. The report's `undo` names what cannot be undone.
 *
 * @throws {NoSuchRun | Refused | Locked | Stale | HostError} Nothing was written.
 */
export async function undoHost(options: UndoRun): Promise<HostReport> {
  const { run: _run, ...converge } = options
  const secrets = ownSecrets(options)
  const found = await findUndo({ ...options, secrets })
  if (found === undefined) return nothingToUndo(options)
  const { resources, undo } = found
  return convergeHost({ ...converge, catalog: { host: options.catalog.host, resources }, secrets, undo })
}

/** The secrets that this host's recipes name. A name that only the host supplies may belong to another host's secret. */
function ownSecrets({ catalog, secrets }: UndoRun): ReadonlyMap<string, string> {
  const named = secretNames(catalog.resources.map(({ desired }) => desired))
  return new Map([...secrets].filter(([name]) => named.includes(name)))
}

type Found = {
  resources: CatalogResource[]
  undo: NonNullable<ConvergeRun['undo']>
}

async function findUndo(options: UndoRun): Promise<Found | undefined> {
  const { catalog, types, secrets } = options
  const mark = `keelson-${randomBytes(16).toString('hex')}`
  const connection = await options.connect()
  try {
    const runs = parseRuns(await answerOf(connection, READ_RUNS))
    const run = choose(runs, options.run)
    if (run === undefined) return undefined
    const undoable: Undoable = {
      ...(await readKept(connection, run, runs, types)),
      types,
      position: positionsIn(catalog.resources),
    }
    const left = asLeft(undoable)
    const none = {
      run: run.run,
      stays: [],
      entries: new Map(),
      made: new Set<Ref>(),
      followers: new Set<Ref>(),
      ledgerDigest: '',
    }
    const hostPlan = await planHost(connection, {
      catalog: { host: catalog.host, resources: left.resources },
      types,
      secrets,
      mark,
      undo: { ...none, was: left.was },
    })
    const { planning, ledgerDigest } = hostPlan
    const { readings, context } = planning
    const known = { ...undoable, ledger: planning.ledger ?? undoable.ledger }
    const { resources, undo } = planUndo(known, { readings, context, secrets })
    return { resources, undo: { ...undo, ledgerDigest } }
  } finally {
    await connection.close()
  }
}

function choose(runs: readonly StoredRun[], wanted: string | undefined): StoredRun | undefined {
  const run = runToUndo(runs, wanted)
  if (run === undefined && wanted !== undefined) throw new NoSuchRun(`no run ${wanted}`, { next: 'see `runs`' })
  if (run?.outcome === 'running')
    throw new Locked(`run ${run.run} is still at work`, { next: 'wait for it to end, then undo it' })
  return run
}

/** Prints the ledger, what is kept of the run, and the names of its bytes, separated by NUL. It does not write. */
function readKeptText(run: string): string {
  const kept = keptOf(run)
  return `[ ! -e ${LEDGER_PATH} ] || cat ${LEDGER_PATH}
printf '\\0'
[ ! -e ${quote(kept)}/states ] || cat ${quote(kept)}/states
printf '\\0'
[ ! -d ${quote(kept)}/bytes ] || ls ${quote(kept)}/bytes`
}

async function readKept(
  connection: Connection,
  { run }: StoredRun,
  runs: readonly StoredRun[],
  types: ReadonlyMap<string, AnyType>,
): Promise<Pick<Undoable, 'run' | 'runs' | 'steps' | 'damaged' | 'bytes' | 'ledger'>> {
  const [ledger = '', states = '', bytes = ''] = (await answerOf(connection, readKeptText(run))).split('\0', 3)
  if (states === '') {
    throw new Refused(`how run ${run} goes back is not known`, {
      next: `hosts keep that of the last ${KEPT_RUNS} runs that changed something; revert the commit and converge`,
    })
  }
  const answer = { stdout: ledger, stderr: '', exit: 0, bytes: Buffer.from(ledger) }
  const known = parseLedger(answer, types).ledger ?? emptyLedger()
  return { run, runs, ...parseKept(states, run, types), bytes: new Set(bytes.split('\n')), ledger: known }
}

/** A damaged step invalidates only itself. */
export function parseKept(
  text: string,
  run: string,
  types: ReadonlyMap<string, AnyType>,
): Pick<Undoable, 'steps' | 'damaged'> {
  const steps: UndoStep[] = []
  const damaged: Staying[] = []
  for (const step of stepsIn(text, run)) {
    const problem = stepProblem(step, types)
    if (problem === undefined && fits(UNDO_STEP, step)) steps.push(partedStep(step, types))
    else damaged.push(stayingOf(step, problem))
  }
  return { steps, damaged }
}

function stayingOf(step: unknown, problem = ''): Staying {
  const named = isObject(step) ? step['ref'] : undefined
  const ref = typeof named === 'string' ? named.slice(0, 1000) : ''
  const label = ref === '' ? 'something' : labelOf(ref)
  return { ref, label, because: `what the host has kept of it is damaged: it ${problem}` }
}

function stepsIn(text: string, run: string): unknown[] {
  try {
    const kept = parseJson(text)
    if (isObject(kept) && kept['run'] === run && Array.isArray(kept['steps'])) return kept['steps']
  } catch {
    // Falls through to the error below, which shows the text.
  }
  throw new HostError('what the host has kept of the run cannot be read', {
    said: excerpt(text, 'start', 500),
    next: `look at ${RUNS_FOLDER} on the host; nothing was changed`,
  })
}

async function answerOf(connection: Connection, program: string): Promise<string> {
  const { stdout, stderr, exit } = await connection.run(program)
  if (exit === 0) return stdout.toString()
  throw new HostError('the runs of the host cannot be read', {
    said: stderr,
    next: `look at ${RUNS_FOLDER} on the host`,
  })
}

function positionsIn(resources: readonly CatalogResource[]): (ref: Ref) => number | undefined {
  const positions = new Map(resources.map(({ ref }, index) => [ref, index]))
  return (ref) => positions.get(ref)
}

/** The report of a host that has nothing to undo. */
function nothingToUndo({ catalog: { host } }: UndoRun): HostReport {
  return {
    host: host.name,
    address: host.address,
    summary: { ...summaryOf([], 0), failed: 0 },
    changes: [],
    trips: { connections: 1, execs: 1 },
    seconds: 0,
    undo: { stays: [] },
  }
}
