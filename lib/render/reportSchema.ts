/**
 * The JSON Schema of the line that a command writes under `--json`, tied to the types of what it says.
 * schemas/report-1.json publishes it. Objects may have keys that the schema does not name: a later minor version adds
 * some.
 */
import type { CatalogResource } from '../engine/catalog/catalog.ts'
import type { RunOutcome, StoredRun } from '../engine/host/storedRun.ts'
import type { Who } from '../engine/host/runRecord.ts'
import {
  change,
  count,
  field,
  fields,
  flag,
  host,
  list,
  MOST_CHANGES,
  source,
  summary,
  text,
  time,
  undo,
  word,
  wordOf,
} from '../engine/plan/planSchema.ts'
import { EXIT_CODES, type ExitName, type Failure, type HostProblem, type Outcome } from '../engine/report.ts'
import type { JsonSchema } from '../kit/schema.ts'

type Exit = { code: number; name: ExitName }

const exit = fields<Exit>({
  code: { enum: Object.values(EXIT_CODES) },
  name: { enum: Object.keys(EXIT_CODES) },
})

/** @param members What the line of a command holds besides, all of it required. */
function lineOf(commands: readonly string[], members: { readonly [name: string]: JsonSchema }): JsonSchema {
  return {
    type: 'object',
    required: ['format', 'command', ...Object.keys(members), 'exit'],
    properties: {
      format: { type: 'string', pattern: '^1\\.\\d{1,6}$' },
      command: { enum: commands },
      ...members,
      exit,
    },
  }
}

const OUTCOMES: { readonly [outcome in Outcome]: true } = {
  changed: true,
  unchanged: true,
  failed: true,
  skipped: true,
  recorded: true,
}

const failure = fields<Failure>({
  phase: wordOf<Failure['phase']>({ read: true, apply: true, verify: true }),
  step: [text],
  ran: [text],
  exit: [{ type: 'integer' }],
  said: text,
  next: [text],
  after: [text],
})

const problem = fields<HostProblem>({
  name: word,
  message: text,
  said: text,
  why: [text],
  next: text,
  exit: { enum: Object.keys(EXIT_CODES) },
  moved: [{ type: 'object' }],
})

/** A change of a plan, and under `converge` and `undo` how it came out. */
const reported = {
  allOf: [{ $ref: '#/$defs/change' }],
  type: 'object',
  properties: { outcome: wordOf(OUTCOMES), failure },
}

const planned = {
  type: 'object',
  required: ['partial', 'first', 'warnings', 'followUps', 'digest'],
  properties: {
    partial: flag,
    first: flag,
    warnings: list(text),
    lockouts: list(text),
    followUps: list({}, MOST_CHANGES),
    digest: word,
  },
}

const report = {
  type: 'object',
  required: ['host', 'address', 'summary', 'changes', 'trips', 'seconds'],
  properties: {
    host: word,
    address: word,
    standIn: word,
    partial: flag,
    summary: { ...summary, properties: { ...Object(summary.properties), failed: count } },
    changes: list(reported, MOST_CHANGES),
    trips: fields<{ connections: number; execs: number }>({ connections: count, execs: count }),
    seconds: { type: 'number', minimum: 0 },
    run: word,
    undo: { ...undo, required: ['stays'] },
    error: problem,
    plan: planned,
  },
}

const RUN_OUTCOMES: { readonly [outcome in RunOutcome]: true } = { ...OUTCOMES, applied: true, unfinished: true }

const run = fields<StoredRun>({
  run: word,
  unit: word,
  startedAt: time,
  endedAt: [time],
  plan: word,
  who: fields<Who>({ user: word, host: word, commit: [word], dirty: [flag] }),
  undoes: [word],
  outcome: wordOf<StoredRun['outcome']>({
    running: true,
    waiting: true,
    ok: true,
    partial: true,
    failed: true,
    unfinished: true,
  }),
  changes: list(
    fields<StoredRun['changes'][number]>({ ref: text, kind: word, cause: word, outcome: wordOf(RUN_OUTCOMES) }),
    MOST_CHANGES,
  ),
})

const runs = {
  type: 'object',
  required: ['host', 'address'],
  properties: { host: word, address: word, standIn: word, runs: list(run), damaged: list(text), error: problem },
}

const resource = fields<CatalogResource>({
  ref: text,
  type: word,
  name: text,
  desired: {},
  implied: [list(word)],
  needs: list(text, MOST_CHANGES),
  claims: list(text, MOST_CHANGES),
  paths: [list(text, MOST_CHANGES)],
  leads: [text],
  brings: [list(text)],
  tags: list(text),
  protect: flag,
  absent: [{ enum: [true] }],
  source,
  also: list(source, MOST_CHANGES),
})

const catalog = {
  type: 'object',
  required: ['host', 'resources'],
  properties: { host, resources: list(resource, MOST_CHANGES), site: word },
}

const secret = fields<{ name: string; state: string; usedAt: string[] }>({
  name: word,
  state: { enum: ['stored', 'from the environment', 'missing'] },
  usedAt: list(text, MOST_CHANGES),
})

const sandbox = fields<{ name: string; os: string; address: string; port: number }>({
  name: word,
  os: word,
  address: word,
  port: count,
})

const money = { euro: { type: 'number' }, isWhole: flag }

/** A mistake that ends a command before it begins leaves a line without hosts. */
const ended = lineOf([], { hosts: list({}, 0) })
const nothing = { ...ended, properties: { ...Object(ended.properties), command: word } }

export const REPORT_SCHEMA: JsonSchema = {
  anyOf: [
    lineOf(['plan', 'converge', 'undo'], { hosts: list(report, MOST_CHANGES) }),
    lineOf(['runs'], { hosts: list(runs, MOST_CHANGES) }),
    lineOf(['graph'], { hosts: list(catalog, MOST_CHANGES) }),
    lineOf(['secrets list'], { secrets: list(secret, MOST_CHANGES) }),
    lineOf(['sandbox up'], { host: sandbox }),
    lineOf(['sandbox list'], { hosts: list(sandbox) }),
    lineOf(['verify', 'logs'], { hosts: list({}, MOST_CHANGES) }),
    lineOf(['types'], { types: list({}) }),
    lineOf(['cost'], { currency: word, vat: word, hosts: list({}, MOST_CHANGES), phases: list({}), ...money }),
    lineOf(['review post', 'review outdated', 'review issue'], { results: list({}, MOST_CHANGES) }),
    nothing,
  ],
  $defs: { change, field, source },
}
