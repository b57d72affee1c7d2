/**
 * Plans of TakeClient as they were made on a throw-away host of Debian 13: before its first converge, and after another
 * hand had been there. Only what tells one machine from another is left out.
 */
import { readFileSync } from 'node:fs'
import type { Plan } from '../../lib/engine/report.ts'

export function recordedPlan(name: 'first' | 'drift'): Plan {
  const plan: Plan = JSON.parse(readFileSync(new URL(`recorded/${name}.json`, import.meta.url), 'utf8'))
  return plan
}
