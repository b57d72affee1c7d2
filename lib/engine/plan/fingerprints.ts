/**
 * Keyed digests of what a plan relies on and does not show: the state that was observed, with texts that are hidden, and
 * what is declared, with the values of secrets. Without the key nobody can guess a weak secret from one. Pure.
 */
import { createHmac } from 'node:crypto'
import { canonicalJson } from '../catalog/catalog.ts'
import { stateIn } from '../host/read.ts'
import { type Json, Unknown } from '../../kit/resourceType.ts'
import { secretNames } from '../../kit/value.ts'
import type { Fingerprint, Plan } from '../report.ts'
import type { Planned, Planning } from './planned.ts'

/** As many hex digits as 128 bits have. */
const LENGTH = 32

/** Nothing when the host has no key: it has neither a ledger nor an SSH host key. */
export function fingerprintsOf(planning: Planning, items: readonly Planned[]): Pick<Plan, 'fingerprints'> {
  const key = planning.ledger?.key ?? planning.key
  if (key === undefined || items.length === 0) return {}
  const digest = (...parts: Json[]): string =>
    createHmac('sha256', Buffer.from(key, 'hex'))
      .update(canonicalJson(['plan', ...parts]))
      .digest('hex')
      .slice(0, LENGTH)
  const entries = items.map(({ shown: { ref }, type, name, resource }): [string, Fingerprint] => {
    // What is only let go of is not read.
    const observed = planning.readings.has(type.type) ? stateIn(planning.readings, type.type, name) : undefined
    return [
      ref,
      {
        ...(observed === undefined || observed instanceof Unknown
          ? {}
          : { observed: digest('observed', ref, observed) }),
        ...(resource === undefined
          ? {}
          : { declared: digest('declared', ref, resource.desired, valuesIn(planning, resource.desired)) }),
      },
    ]
  })
  return { fingerprints: Object.fromEntries(entries) }
}

function valuesIn({ secrets }: Planning, desired: Json): Json {
  return secretNames(desired).map((name) => [name, secrets.get(name) ?? null])
}
