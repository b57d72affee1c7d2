/** Faults that let an account stop a converge, or see more than it may. */
import type { Fault } from '../fault.ts'

export const ATTACKER_FAULTS: readonly Fault[] = [
  {
    what: 'attacker: an answer that is not understood stops all of a host',
    file: 'lib/engine/host/read.ts',
    find: "if (odd === 'fails' || !(error instanceof NotUnderstood)) throw error",
    replace: 'throw error',
    tests: ['engine/plan/planHost'],
  },
  {
    what: 'attacker: what changes at each look stops all of a host',
    file: 'lib/engine/plan/planHost.ts',
    find: 'moving.push(...movingIn(settled.items, later.items))',
    replace: '',
    tests: ['engine/plan/planHost'],
  },
  {
    what: 'attacker: root enters a folder for a command of another account',
    file: 'lib/resources/commands/command.ts',
    find: "( cd / && home=~${user} && exec ${[...before, ...as].map((word) => sh`${word}`).join(' ')} ${sh`env -i --chdir=${directory} ",
    replace:
      "( cd -- ${quote(directory)} && home=~${user} && exec ${[...before, ...as].map((word) => sh`${word}`).join(' ')} ${sh`env -i ",
    tests: ['hosts/hands'],
  },
  {
    what: 'attacker: what has no end among what sudo reads is read',
    file: 'lib/engine/host/ways.ts',
    find: 'timeout --foreground 20 grep -sHiE -D skip',
    replace: 'grep -sHiE',
    tests: ['hosts/bounds'],
  },
  {
    what: 'attacker: who changes a file that the guard keeps stops what is guarded',
    file: 'lib/engine/onHost/guardKeep.ts',
    find: ' || ! printf \'%s\\\\n\' "$said" | only_others || return 0\n',
    replace: '\n',
    tests: ['hosts/guard'],
  },
]
