/** Plans, reports and runs as a hostile host and a careless recipe could make them, for fast-check. */
import fc from 'fast-check'
import type { ChangeKind, HostReport, Plan, PlanChange, ReportChange, Undoing } from '../../lib/engine/report.ts'
import { CONSEQUENCES, type FieldChange } from '../../lib/kit/resourceType.ts'
import type { StoredRun } from '../../lib/engine/host/storedRun.ts'
import type { VerifyReport } from '../../lib/engine/verify/verify.ts'
import { summaryOf } from '../../lib/engine/plan/summary.ts'
import { planOf } from './fixture.ts'

/** Any characters at all, and those that steer a terminal: CSI, OSC 52, C1, bidi, and lines that look like ours. */
export const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '\x1b[2J',
    '\x1b]52;c;cm0gLXJmIC8K\x07',
    '\x9b2J\x9d52;c;eA\x9c',
    '\nPlan: 0 change',
    '\u202eevil\u2066',
    '\r+ x',
    '\x07\x08\x00\x7f',
  ),
)

export const KINDS: ChangeKind[] = ['create', 'change', 'remove', 'follow-up', 'adopt', 'forget', 'recheck']
/** Texts that have lines in common. */
const text = fc
  .array(fc.constantFrom('listen 80;', '\tindented', '+ x', 'cr\r', '\x1b[2J'), { maxLength: 8 })
  .map((lines) => lines.join('\n'))
const value = fc.oneof(
  hostile,
  text,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(hostile, { maxLength: 3 }),
  fc.dictionary(hostile, hostile, { maxKeys: 2 }),
)
const stateField = fc.record(
  {
    field: hostile,
    form: fc.constantFrom('value' as const, 'text' as const, 'list' as const, 'mode' as const, 'secret' as const),
    before: value,
    after: value,
  },
  { requiredKeys: ['field', 'form'] },
)
const followUp = fc.record(
  { action: fc.constantFrom('reload' as const, 'restart' as const), because: hostile, unit: hostile },
  { requiredKeys: ['action', 'because'] },
)
const loadField = followUp.map((load): FieldChange => ({ field: 'load', form: 'value', followUp: load }))
const source = fc.record({ file: hostile, line: fc.nat(), column: fc.nat() })

const about = fc.record(
  {
    ref: hostile,
    label: hostile,
    kind: fc.constantFrom(...KINDS),
    cause: fc.constantFrom('intent' as const, 'drift' as const, 'both' as const),
    consequence: fc.constantFrom(...CONSEQUENCES),
    certainty: fc.constantFrom('exact' as const, 'predicted' as const, 'unknown' as const, 'opaque' as const),
    because: hostile,
    source,
    run: hostile,
    drift: fc.record(
      { what: fc.array(hostile, { maxLength: 5 }), run: hostile, at: hostile },
      { requiredKeys: ['what', 'run'] },
    ),
    leftBy: hostile,
    opens: fc.array(hostile, { maxLength: 2 }),
    besides: fc.array(hostile, { maxLength: 2 }),
    locksOut: fc.constant(true as const),
  },
  { requiredKeys: ['ref', 'label', 'kind', 'cause', 'consequence', 'certainty'] },
)

/** What only has something to load has nothing else. */
export const anyChange: fc.Arbitrary<PlanChange> = about.chain((one) =>
  fc
    .record({
      loads: fc.array(loadField, { minLength: one.kind === 'follow-up' ? 1 : 0, maxLength: 2 }),
      own: fc.array(stateField, { maxLength: one.kind === 'follow-up' ? 0 : 3 }),
    })
    .map(({ own, loads }): PlanChange => ({ ...one, fields: [...own, ...loads] })),
)

export const anyPlan: fc.Arbitrary<Plan> = fc
  .record({
    changes: fc.array(anyChange, { maxLength: 12 }),
    unchanged: fc.nat({ max: 200 }),
    warnings: fc.array(hostile, { maxLength: 2 }),
    lockouts: fc.array(hostile, { maxLength: 2 }),
    host: fc.record({ name: hostile, address: hostile }),
    partial: fc.boolean(),
    first: fc.boolean(),
  })
  .map(({ changes, unchanged, host, ...rest }) => {
    const plain = planOf(changes)
    return {
      ...plain,
      ...rest,
      host: { ...plain.host, ...host },
      summary: summaryOf(changes, changes.length + unchanged),
    }
  })

const anyFailure = fc.record(
  {
    phase: fc.constantFrom('read' as const, 'apply' as const, 'verify' as const),
    step: hostile,
    exit: fc.nat(),
    said: hostile,
    next: hostile,
  },
  { requiredKeys: ['phase', 'said'] },
)
const anyOutcome = fc.oneof(
  fc.constantFrom('changed' as const, 'unchanged' as const, 'recorded' as const).map((outcome) => ({ outcome })),
  fc.record(
    { outcome: fc.constantFrom('failed' as const, 'skipped' as const), failure: anyFailure },
    { requiredKeys: ['outcome'] },
  ),
)

export const anyError = fc.record({
  name: hostile,
  message: hostile,
  said: hostile,
  why: hostile,
  next: hostile,
  exit: fc.constantFrom('error' as const, 'unreachable' as const, 'partial' as const),
})

/** What an undo leaves as it is. */
export const anyStays: fc.Arbitrary<Undoing> = fc.record({
  run: hostile,
  stays: fc.array(
    fc.record(
      { ref: hostile, label: hostile, because: hostile, rest: fc.constant(true as const) },
      { requiredKeys: ['ref', 'label', 'because'] },
    ),
    { maxLength: 3 },
  ),
})

/** As a host may keep it that nobody checks: words that are none of ours among them. */
export const anyRun: fc.Arbitrary<StoredRun> = fc
  .record({
    run: hostile,
    unit: hostile,
    startedAt: hostile,
    endedAt: hostile,
    plan: hostile,
    undoes: hostile,
    outcome: fc.oneof(hostile, fc.constantFrom('ok', 'running', 'waiting', 'constructor', '__proto__')),
    who: fc.record({ user: hostile, host: hostile, commit: hostile, dirty: fc.boolean() }),
    changes: fc.array(
      fc.record({
        ref: hostile,
        kind: hostile,
        cause: hostile,
        outcome: fc.oneof(hostile, fc.constantFrom('changed', 'toString')),
      }),
      { maxLength: 3 },
    ),
  })
  .map((run): StoredRun => JSON.parse(JSON.stringify(run)))

export const anyReport: fc.Arbitrary<HostReport> = fc
  .record({
    plan: anyPlan,
    outcomes: fc.array(anyOutcome, { minLength: 12, maxLength: 12 }),
    seconds: fc.double({ min: 0, max: 4000, noNaN: true }),
  })
  .map(({ plan, outcomes, seconds }) => {
    const changes = plan.changes.map((change, index): ReportChange => ({ ...change, ...outcomes[index]! }))
    const failed = changes.filter(({ outcome }) => outcome === 'failed').length
    return {
      host: plan.host.name,
      address: plan.host.address,
      summary: { ...plan.summary, failed },
      changes,
      trips: { connections: 1, execs: 2 },
      seconds,
    }
  })

export const anyVerify: fc.Arbitrary<VerifyReport> = fc.record({
  host: hostile,
  address: hostile,
  checks: fc.array(
    fc.record(
      {
        check: hostile,
        about: hostile,
        state: fc.constantFrom('ok' as const, 'wrong' as const, 'warning' as const, 'unchecked' as const),
        said: hostile,
        next: hostile,
        measure: fc.record({ name: fc.constant('x'), value: fc.double() }),
      },
      { requiredKeys: ['check', 'about', 'state', 'said'] },
    ),
    { maxLength: 4 },
  ),
  trips: fc.record({ connections: fc.nat(), execs: fc.nat() }),
  seconds: fc.nat(),
})
