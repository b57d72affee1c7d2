/**
 * What a plan is certain to shut the operator out of. Types say so by their gates; all that might still work is left to
 * the guard on the host. Pure.
 */
import type { Peer } from '../../transport/connection.ts'
import { type Answer, notUnderstood, type Section } from '../host/read.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { isGuarded } from './stage.ts'
import type { Item, Planning } from './plan.ts'
import type { Lockout } from '../report.ts'
import type { Gate, GateView, Operator, Ref } from '../../kit/resourceType.ts'

type Watched = { gate: Gate; view: GateView; text: string; refs: Ref[] }

/** What the gates need of the host to judge these changes. */
export function gateSections(items: readonly Item[], planning: Planning): Section[] {
  return watchedIn(items, planning).map(({ gate, text }) => ({ name: sectionOf(gate), text }))
}

/** @param answers Those of `gateSections`. */
export function lockoutsIn(
  items: readonly Item[],
  planning: Planning,
  answers: ReadonlyMap<string, Answer>,
): Lockout[] {
  return watchedIn(items, planning).flatMap(({ gate, view, refs }) => {
    const because = judged(gate, answers.get(sectionOf(gate))!, view)
    return because === undefined ? [] : [{ because, refs }]
  })
}

function judged(gate: Gate, answer: Answer, view: GateView): string | undefined {
  try {
    return gate.judge(answer, view)
  } catch (error) {
    throw notUnderstood(sectionOf(gate), error, answer)
  }
}

function sectionOf({ name }: Gate): string {
  return `gate-${name}`
}

function watchedIn(items: readonly Item[], { catalog, context }: Planning): Watched[] {
  const { operator, reveal } = context
  if (operator === undefined) return []
  const pairs = items.flatMap((item) => (item.type.gates ?? []).map((gate) => ({ gate, item })))
  return [...groupBy(pairs, ({ gate }) => gate)].flatMap(([gate, ofGate]) => {
    const own = ofGate.map(({ item }) => item)
    const guarded = own.filter(isGuarded)
    if (guarded.length === 0) return []
    const view: GateView = {
      operator,
      reveal,
      changes: own.flatMap(({ type, change }) => (change === undefined ? [] : [{ type: type.type, ...change }])),
      declared: (type) =>
        catalog.resources.filter((resource) => resource.type === type).map(({ name, desired }) => ({ name, desired })),
    }
    const text = gate.command(view)
    return text === undefined ? [] : [{ gate, view, text, refs: guarded.map(({ plan }) => plan.ref) }]
  })
}

/** Who came in by a connection on which a program has run; undefined for this machine itself. */
export function operatorOf({ account, localAddress, remoteAddress, remotePort, keys }: Peer): Operator | undefined {
  if (account === undefined || localAddress === undefined || remoteAddress === undefined || remotePort === undefined)
    return undefined
  const known = keys === undefined ? {} : { keys }
  return { account, from: localAddress, to: remoteAddress, port: remotePort, ...known }
}
