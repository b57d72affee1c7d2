/** Faults in the guard of ways in. */
import type { Fault } from '../fault.ts'

const TOUCHES = 'lib/engine/plan/touches.ts'
const PLAN = 'lib/engine/plan/plan.ts'
const CHANGES = 'lib/engine/plan/changes.ts'
const KEEP = 'lib/engine/onHost/guardKeep.ts'
const REVERT = 'lib/engine/onHost/guardRevert.ts'
const PLACES = 'lib/engine/onHost/guardPlaces.ts'

export const GUARD_FAULTS: readonly Fault[] = [
  {
    what: 'ways in: only what a type says of itself',
    file: CHANGES,
    find: "if (touchesWayIn(type, change, context)) return 'lockout'",
    replace: 'void touchesWayIn',
    tests: ['engine/plan/touches'],
  },
  {
    what: 'ways in: the folders above one',
    file: 'lib/engine/host/ways.ts',
    find: '    above.has(path) ||\n',
    replace: '',
    tests: ['engine/plan/touches'],
  },
  {
    what: 'ways in: what the host names itself',
    file: 'lib/engine/host/ways.ts',
    find: 'patterns.some((pattern) => pattern.test(path))',
    replace: 'false',
    tests: ['engine/plan/touches'],
  },
  {
    what: 'ways in: what a guarded unit loads',
    file: PLAN,
    find: 'near(item).filter(isFile).forEach(guard)',
    replace: 'void near',
    tests: ['engine/plan/touches'],
  },
  {
    what: 'ways in: what loads a guarded file',
    file: PLAN,
    find: 'if (isLoaded && usesFiles(item.type, item.change)) guard(item)',
    replace: 'void (isLoaded && usesFiles)',
    tests: ['engine/plan/touches'],
  },
  {
    what: 'ways in: the home of the operator',
    file: TOUCHES,
    find: 'const own = ownWays(ways, operator?.account)',
    replace: "const own = ownWays(ways, 'root')",
    tests: ['engine/plan/touches'],
  },
  {
    what: 'guard: rights of folders stay as the change made them',
    file: REVERT,
    find: 'chown "$uid:$gid" . && chmod "$mode" .',
    replace: ':',
    tests: ['hosts/guardWays13'],
  },
  {
    what: 'guard: a home as it is',
    file: REVERT,
    find: 'while read -r number uid gid folder; do (home_back); done < homes',
    replace: ':',
    tests: ['hosts/guardWays13'],
  },
  {
    what: 'guard: all of a home whatever its size',
    file: KEEP,
    find: '-size +${HOME_FILE_KIB}k -printf',
    replace: '-size +9999999k -printf',
    tests: ['hosts/guardWays13'],
  },
  {
    what: 'guard: root goes where a home leads',
    file: PLACES,
    find: '&& [ "$(pwd -P)" = "$1" ] || return 1',
    replace: '|| return 1',
    tests: ['hosts/guardWays13'],
  },
  {
    what: 'guard: leave what arming made when it failed',
    file: 'lib/engine/onHost/guard.ts',
    find: '{ { rm -rf ${GUARD_FOLDER}; ${STOP}; } > /dev/null 2>&1; false; }',
    replace: 'false',
    tests: ['hosts/guardWays13'],
  },
  {
    what: 'guard: report what a start of the host took back as changed',
    file: 'lib/engine/apply/applying.ts',
    find: 'if (!hasGoneBack) return',
    replace: 'if (hasGoneBack || !hasGoneBack) return',
    tests: ['hosts/guard'],
  },
]
