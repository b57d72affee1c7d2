/** A plan file with every kind of change, as `plan --out` writes it. */
import { planDigest } from '../../lib/engine/plan/digest.ts'
import { PLAN_FILE_FORMAT, type PlanFile } from '../../lib/engine/plan/planFile.ts'
import type { Plan } from '../../lib/engine/report.ts'
import { everyKind, planOf } from './fixture.ts'

export function planFileOf(...plans: Plan[]): PlanFile {
  return {
    format: PLAN_FILE_FORMAT,
    tool: '0.1.0',
    base: { kind: 'live', at: '2026-11-27T23:50:00.000Z' },
    site: 'takeclient',
    recipe: { commit: '3f2c1ab'.padEnd(40, '0'), dirty: true },
    hosts: plans.map((plan) => ({ inputsDigest: '2'.repeat(64), plan })),
  }
}

const COMMITS = { base: 'b'.repeat(40), head: 'c'.repeat(40) }

/** A file that compares two revisions. */
export function revisionFileOf(...plans: Plan[]): PlanFile {
  const at = '2026-11-27T20:00:00.000Z'
  return {
    ...planFileOf(...plans.map((plan) => ({ ...plan, revisions: COMMITS }))),
    base: {
      kind: 'rev',
      at: '2026-11-27T23:50:00.000Z',
      base: { rev: 'origin/main', commit: COMMITS.base, at, tip: 'd'.repeat(40) },
      head: { rev: '', commit: COMMITS.head, at, dirty: true },
      evaluated: { by: 'namespaces', network: 'none', files: 'own' },
    },
  }
}

export const digested = (plan: Plan): Plan => ({ ...plan, digest: planDigest(plan.changes) })

/** A plan with all that a plan may have. */
export const wholePlan: Plan = digested(
  planOf(everyKind, {
    machine: { id: 'a'.repeat(32), hostKey: 'SHA256:abc' },
    undo: { run: '4', stays: [{ ref: 'package:curl', label: 'package curl', because: 'it is used', rest: true }] },
    lockouts: ['ufw would let nothing in'],
    barred: ['postgres database app is protected'],
    impossible: ['service api.service: the host has no such unit'],
    removals: { labels: ['cron job old-report'], owned: 3, budget: 0, former: 'web-0' },
    holder: { run: '5', unit: 'keelson-5-ab', text: 'run 5', alone: true },
    ledgerSerial: 4,
    fingerprints: { 'file:/etc/app.env': { observed: '3'.repeat(32), declared: '4'.repeat(32) }, 'package:curl': {} },
  }),
)
