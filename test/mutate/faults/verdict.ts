/** Faults in how a run judges what it did. */
import type { Fault } from '../fault.ts'

const VERDICT = 'lib/engine/apply/verdict.ts'
const HOSTS = ['hosts/verdict']

export const VERDICT_FAULTS: readonly Fault[] = [
  {
    what: 'take a check for true while what it comes after is open',
    file: 'lib/engine/plan/plan.ts',
    find: '(item.type.altersOthers || type.alteredByOthers)',
    replace: 'item.type.altersOthers',
    tests: HOSTS,
  },
  {
    what: 'settle what comes after something that failed',
    file: VERDICT,
    find: 'this.items.filter((item) => !isRecord(item))',
    replace: 'this.items.filter((item) => isRecord(item) && !isRecord(item))',
    tests: HOSTS,
  },
  {
    what: 'leave alone what the run itself has altered',
    file: VERDICT,
    find: "return change !== undefined || kind === 'recheck'",
    replace: "return this.#planned.has(ref) && (change !== undefined || kind === 'recheck')",
    tests: HOSTS,
  },
  {
    what: 'call drift what a run left undone',
    file: 'lib/engine/plan/causes.ts',
    find: "return left ?? 'drift'",
    replace: "return left === 'both' ? left : 'drift'",
    tests: ['engine/plan/causes'],
  },
  {
    what: 'forget who was to do what was skipped',
    file: 'lib/engine/apply/runLedger.ts',
    find: 'for (const item of later) this.#leave(item)',
    replace: 'for (const item of later.slice(later.length)) this.#leave(item)',
    tests: ['engine/apply/runLedger'],
  },
  {
    what: 'leave no mark of a command',
    file: 'lib/engine/host/marks.ts',
    find: "if (marks.length === 0) return ''",
    replace: "if (marks.length >= 0) return ''",
    tests: HOSTS,
  },
  {
    what: 'watch no file of an edit',
    file: 'lib/resources/files/edit.ts',
    find: 'paths: (_name, { how }) => [how.wish.path],',
    replace: 'paths: (_name, { how }) => [how.wish.path].slice(1),',
    tests: HOSTS,
  },
  {
    what: 'look for the template of an instance at its first dot',
    file: 'lib/resources/systemd/watch.ts',
    find: "unit.replace(/@.*\\./, '@.')",
    replace: "unit.replace(/@[^.]+\\./, '@.')",
    tests: ['resources/systemd/service'],
  },
  {
    what: 'believe systemctl that there was a restart',
    file: 'lib/resources/systemd/serviceProgram.ts',
    find: '[ "$(trace)" != "$was" ] || give_up',
    replace: '[ "$(trace)" != "-$was" ] || give_up',
    tests: HOSTS,
  },
  {
    what: 'a daemon that was restarted need not stay up',
    file: 'lib/kit/restart.ts',
    find: '  [ "$settle_ms" -eq 0 ] || settle\n',
    replace: '',
    tests: ['hosts/restart'],
  },
  {
    what: 'a daemon that was restarted need not answer',
    file: 'lib/kit/restart.ts',
    find: "  wait_for 'the probe failed' probe\n",
    replace: '',
    tests: ['hosts/restart'],
  },
  {
    what: 'a daemon that does not come up keeps what it did not come up with',
    file: 'lib/kit/restart.ts',
    find: '  re_files=$(put_before) ||',
    replace: '  re_files=none ||',
    tests: ['hosts/restart'],
  },
  {
    what: 'append a line to the last Match of sshd_config',
    file: 'lib/resources/files/editLines.ts',
    find: 'if (!at && want[4] == "head") at = head + 1',
    replace: 'if (!at && want[4] == "head") at = NR + 1',
    tests: ['resources/files/editPlace'],
  },
  {
    what: 'verdict: take a start that a unit had begun by itself for one of this run',
    file: 'lib/resources/systemd/serviceProgram.ts',
    find: `if [ "$action" = start ] && [ "$(trace)" = "$was" ]; then`,
    replace: `if false; then`,
    tests: ['hosts/systemd'],
  },
]
