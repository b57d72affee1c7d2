/**
 * The ways in that a plan is certain to close for the operator. Gates judge by what changes touch; whatever might still
 * work is left to the guard on the host. Pure.
 */
import type { Peer } from '../../transport/connection.ts'
import { type Answer, notUnderstood, type Section } from '../host/read.ts'
import { isGuarded } from './stage.ts'
import type { Planned, Planning } from './planned.ts'
import type { Lockout } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Gate, GateView, Operator } from '../../kit/resourceType.ts'
import type { Touch } from '../../kit/touch.ts'
import type { CatalogResource } from '../catalog/catalog.ts'
import { SSHD_GATE } from './gates/sshd.ts'
import { SUDO_GATE } from './gates/sudo.ts'
import { touchesOf } from './touches.ts'

type Watched = { gate: Gate; view: GateView; text: string; refs: Ref[] }

/** The sections that the gates read from the host to judge these changes. */
export function gateSections(items: readonly Planned[], planning: Planning): Section[] {
  return watchedIn(items, planning).map(({ gate, text }) => ({ name: sectionOf(gate), text }))
}

/** @param answers Answers to `gateSections`. */
export function lockoutsIn(
  items: readonly Planned[],
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

function watchedIn(items: readonly Planned[], { catalog, types, context }: Planning): Watched[] {
  const { operator, reveal } = context
  if (operator === undefined || !items.some(isGuarded)) return []
  const touching = items.map((item) => ({
    item,
    touches: item.change === undefined ? [] : touchesOf(item.type, item.change),
  }))
  return gatesOf(items).flatMap((gate) => {
    const own = touching.filter(({ touches }) => touches.some((touch) => gate.reads(touch, operator)))
    const refs = own.flatMap(({ item }) => (isGuarded(item) ? [item.shown.ref] : []))
    if (refs.length === 0) return []
    const read = (touches: readonly Touch[]): Touch[] => touches.filter((touch) => gate.reads(touch, operator))
    const view: GateView = {
      operator,
      reveal,
      touches: own.flatMap(({ touches }) => read(touches)),
      get declared() {
        return catalog.resources.flatMap((resource) => read(declaredTouches(resource, types)))
      },
    }
    const text = gate.command(view)
    return text === undefined ? [] : [{ gate, view, text, refs }]
  })
}

/** Gates that every plan passes, and those of the families whose resources change. */
function gatesOf(items: readonly Planned[]): Gate[] {
  return [...new Set([SSHD_GATE, SUDO_GATE, ...items.flatMap(({ type }) => type.gates ?? [])])]
}

/** What a resource would touch if nothing of it existed yet. */
function declaredTouches({ type, name, desired }: CatalogResource, types: ReadonlyMap<string, AnyType>): Touch[] {
  const ofType = types.get(type)
  if (ofType === undefined || desired === null) return []
  return touchesOf(ofType, { kind: 'create', name, before: null, after: desired, fields: [] })
}

/** Who logged in over a connection on which a program has run; undefined for this machine itself. */
export function operatorOf({ account, localAddress, remoteAddress, remotePort, keys }: Peer): Operator | undefined {
  if (account === undefined || localAddress === undefined || remoteAddress === undefined || remotePort === undefined)
    return undefined
  const known = keys === undefined ? {} : { keys }
  return { account, from: localAddress, to: remoteAddress, port: remotePort, ...known }
}
