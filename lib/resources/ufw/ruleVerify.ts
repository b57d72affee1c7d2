/**
 * What a rule of ufw promises: a port that it denies to everybody is closed.
 */
import type { Verify } from '../../kit/verify.ts'
import type { Match } from './match.ts'

/** What is needed of a rule. */
type Rule = { action: string; how: Match }

/** Ports of a rule that are tried; of more, the first ones. */
const MOST_PORTS = 20

export const ruleVerify: Verify<Rule> = {
  outside: (_name, state) =>
    isForAll(state) && ['deny', 'reject'].includes(state.action) && ['', 'tcp'].includes(state.how.protocol)
      ? portsOf(state).map((port) => ({ probe: 'closed', port }))
      : [],
  ports: (_name, state) => (isIncoming(state) && ['allow', 'limit'].includes(state.action) ? portsOf(state) : []),
}

function isIncoming({ how: { direction, route } }: Rule): boolean {
  return direction === 'in' && !route
}

/** Whether it concerns everybody outside, on every address of the host. */
function isForAll(state: Rule): boolean {
  const { from, fromPort, to, interface: name } = state.how
  return isIncoming(state) && [from, fromPort, to, name].every((part) => part === '')
}

/** `80,443,6000:6100` */
function portsOf({ how: { port } }: Rule): number[] {
  const ports = port.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split(':').map(Number)
    return Number.isInteger(first) && part !== ''
      ? Array.from({ length: Math.min(last - first + 1, MOST_PORTS) }, (_, index) => first + index)
      : []
  })
  return ports.slice(0, MOST_PORTS)
}
