/** Faults that let an account lead root's hands elsewhere, stop a converge, or see more than it may. */
import type { Fault } from '../fault.ts'

const ENTER = 'lib/kit/enter.ts'
const KEEP = 'lib/engine/onHost/guardKeep.ts'
const SLICE = ['hosts/attacker']

export const ATTACKER_FAULTS: readonly Fault[] = [
  {
    what: 'attacker: it is not looked at where a step into a folder of another has led',
    file: ENTER,
    find: 'look "$1" || fail "$here/$1 was exchanged while it was entered',
    replace: 'look "$1" || : "$here/$1 was exchanged while it was entered',
    tests: SLICE,
  },
  {
    what: 'attacker: what is to come is made ready under a name that can be guessed, in the folder of another',
    file: 'lib/kit/hands.ts',
    find: 'new=./keelson.new dest=../$name up=..',
    replace: 'cd ..; new=./.keelson.$name dest=./$name up=.',
    tests: SLICE,
  },
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
    file: 'lib/resources/commands/commandCheck.ts',
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
    what: 'attacker: the guard keeps whole what an account may write in',
    file: KEEP,
    find: "'(' -type d -o -type f -size",
    replace: "'(' -false -o -type f -size",
    tests: ['hosts/guard'],
  },
  {
    what: 'attacker: the guard keeps a file of an account, however large',
    file: KEEP,
    find: '-o -type f -size +${HOME_FILE_KIB}k',
    replace: '-o -false',
    tests: ['hosts/guard'],
  },
  {
    what: 'attacker: what the guard has not kept of an account goes when it takes back',
    file: 'lib/engine/onHost/guardRevert.ts',
    find: '  left_back "$path"\n  rm -rf',
    replace: '  rm -rf',
    tests: ['hosts/guard'],
  },
  {
    what: 'attacker: a pipe among its files holds nginx up',
    file: 'lib/resources/nginx/tree.ts',
    find: 'timeout --kill-after=5 "$most" unshare',
    replace: 'unshare',
    tests: ['hosts/nginx'],
  },
  {
    what: 'attacker: a pipe among its files holds up the trial of a login',
    file: 'lib/engine/plan/gates/trial.ts',
    find: 'timeout --kill-after=5 ${LIMITS.seconds} unshare',
    replace: 'unshare',
    tests: ['hosts/bounds'],
  },
  {
    what: 'attacker: who judges a file has no end of time',
    file: 'lib/kit/hands.ts',
    find: 'timeout --kill-after=5 60 "$@" && return',
    replace: '"$@" && return',
    tests: ['hosts/endless'],
  },
  {
    what: 'attacker: what it has fills the whole answer',
    file: 'lib/engine/host/ask.ts',
    find: 'answersTo(`${LESS_OF_FILES}\\n${program}`)',
    replace: 'answersTo(program)',
    tests: ['hosts/bounds'],
  },
  {
    what: 'attacker: what it has fills what is read at the end of a run',
    file: 'lib/engine/apply/workerClient.ts',
    find: 'if (!(error instanceof TooMuchOutput && events.over))',
    replace: 'if (error instanceof Error)',
    tests: ['hosts/bounds'],
  },
  {
    what: 'attacker: redis.conf fills the whole answer',
    file: 'lib/resources/redis/program.ts',
    find: '| head -c ${LONGEST_CONF + 1}',
    replace: '',
    tests: ['hosts/redisSetting'],
  },
  {
    what: 'attacker: a candidate for nginx is written where a link leads',
    file: 'lib/resources/nginx/tree.ts',
    find: '    *) fail "\\${1%/*} leads out of',
    replace: '    *) : "\\${1%/*} leads out of',
    tests: ['hosts/nginx'],
  },
  {
    what: 'attacker: a line of redis.conf is evaluated',
    file: 'lib/resources/redis/program.ts',
    find: "port | bind | unixsocket | ${SECRETS.join(' | ')}) eval",
    replace: '*) eval',
    tests: ['hosts/redisSetting'],
  },
]
