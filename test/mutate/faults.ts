/**
 * Faults to plant in the engine, one at a time, each with the tests that ought to notice.
 */
export type Fault = {
  what: string
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
  /** Paths of test files, parts will do. */
  tests: readonly string[]
}

const PROGRAM = 'lib/engine/program.ts'
const CONVERGE = 'lib/engine/converge.ts'
const GUARD = 'lib/engine/guard.ts'
const PRELUDE = 'lib/engine/prelude.ts'
const SERVICE = 'lib/resources/systemd/serviceProgram.ts'
const BOOKKEEPING = 'lib/engine/bookkeeping.ts'

export const FAULTS: readonly Fault[] = [
  {
    what: 'skip the compare before a write',
    file: PROGRAM,
    find: '  exit ${STALE}\n',
    replace: '  :\n',
    tests: ['hosts/engine'],
  },
  {
    what: 'skip the lock',
    file: PROGRAM,
    find: 'if ! flock -n 9 && ! take_over; then',
    replace: 'if false; then',
    tests: ['hosts/engine'],
  },
  {
    what: 'take over from a run that is at work',
    file: PROGRAM,
    find: 'if ! flock -n 9 && ! take_over; then',
    replace: `if ! flock -n 9 && ! { systemctl kill --signal=KILL $(sed -n 's/.*"unit":"\\([^"]*\\)".*/\\1/p' /run/keelson/owner); flock -w 5 9; }; then`,
    tests: ['hosts/engine'],
  },
  {
    what: 'start though the ledger moved',
    file: PROGRAM,
    find: 'if [ "\\${was%% *}" != ${ledger.was} ]; then',
    replace: 'if false; then',
    tests: ['hosts/engine'],
  },
  {
    what: 'go on after a task that failed',
    file: PROGRAM,
    find: 'if [ "$was" != ok ]; then',
    replace: 'if false; then',
    tests: ['hosts/engine'],
  },
  {
    what: 'take an archive that did not arrive whole',
    file: PROGRAM,
    find: '[ -e "$new/${WHOLE.name}" ] ||',
    replace: '[ -d "$new" ] ||',
    tests: ['hosts/crash'],
  },
  {
    what: 'write the ledger in place',
    file: PROGRAM,
    find: '    (umask 077; cat -- "$1" > "$2.new") &&',
    replace: '    (umask 077; cat -- "$1" > "$2"; cat -- "$1" > "$2.new") &&',
    tests: ['hosts/crash'],
  },
  {
    what: 'leave the folder of a run behind',
    file: PROGRAM,
    find: '[ -e turned-away ] || rm -rf ${RUN_ROOT}/${id}',
    replace: ':',
    tests: ['hosts/crash'],
  },
  {
    what: 'no note of how tasks come out',
    file: PROGRAM,
    find: '    note "$stage/$1" ok\n',
    replace: '',
    tests: ['hosts/cli'],
  },
  {
    what: 'own nothing of a run that was cut off',
    file: BOOKKEEPING,
    find: 'if (entry !== undefined) this.#ledger.entries[item.plan.ref] = { ...entry, pending: true }',
    replace: 'if (entry === undefined) return this.#text()',
    tests: ['hosts/crash'],
  },
  {
    what: 'remember what is gone',
    file: BOOKKEEPING,
    find: 'if (item.desired === null) delete this.#ledger.entries[ref]',
    replace: 'if (item.desired === null) continue',
    tests: ['hosts/engine'],
  },
  {
    what: 'own what was there before',
    file: BOOKKEEPING,
    find: "const made = known?.made ?? (change?.kind === 'create' && change.before === null)",
    replace: 'const made = known?.made ?? (change?.kind !== undefined || true)',
    tests: ['hosts/engine'],
  },
  {
    what: 'believe a step that changed nothing',
    file: CONVERGE,
    find: 'if (difference === undefined) continue',
    replace: 'if (difference === undefined || difference !== undefined) continue',
    tests: ['hosts/command', 'hosts/cron', 'hosts/sysctl', 'hosts/paths'],
  },
  {
    what: 'apply what needs something that failed in an earlier stage',
    file: CONVERGE,
    find: '    if (failed !== undefined) done.set(',
    replace: '    if (failed === undefined && false) done.set(',
    tests: ['hosts/guard'],
  },
  {
    what: 'remove without a budget',
    file: CONVERGE,
    find: 'if (removals.length <= budget || removals.length === allowRemove) return',
    replace: 'if (removals.length >= 0 || removals.length === allowRemove) return',
    tests: ['hosts/engine'],
  },
  {
    what: 'guard nothing',
    file: GUARD,
    find: "return change !== undefined && plan.consequence === 'lockout'",
    replace: "return change !== undefined && plan.consequence === 'record' && plan.kind === 'forget'",
    tests: ['hosts/guard'],
  },
  {
    what: 'a guard that a reboot ends',
    file: GUARD,
    find: 'systemctl --quiet enable ${UNIT}.service && ',
    replace: '',
    tests: ['hosts/guard'],
  },
  {
    what: 'a guard that ends when it is killed',
    file: GUARD,
    find: 'Restart=on-failure\n',
    replace: '',
    tests: ['hosts/guard'],
  },
  {
    what: 'a guard without sudoers',
    file: GUARD,
    find: "  '/etc/sudoers.d',\n",
    replace: '',
    tests: ['hosts/guard'],
  },
  {
    what: 'a proof over the connection there is',
    file: CONVERGE,
    find: 'return prove(this.#options.connect, this.#options.signal)',
    replace: 'return prove(() => this.#connected(), this.#options.signal)',
    tests: ['hosts/guard'],
  },
  {
    what: 'leave the clock of a client that died',
    file: GUARD,
    find: '[ ! -e ${FOLDER}/armed ] || (',
    replace: 'true || (',
    tests: ['hosts/guard'],
  },
  {
    what: 'no way back for a service',
    file: SERVICE,
    find: '  [ "$goes_back" = yes ] || fail "$unit: $*"\n',
    replace: '  fail "$unit: $*"\n',
    tests: ['hosts/healthGate'],
  },
  {
    what: 'leave new files when a service goes back',
    file: PRELUDE,
    find: '        rm -f -- "$pb_path"\n',
    replace: '        :\n',
    tests: ['hosts/healthGate'],
  },
  {
    what: 'go back without telling systemd',
    file: SERVICE,
    find: '  systemctl daemon-reload\n  take_listing',
    replace: '  take_listing',
    tests: ['hosts/healthGate'],
  },
  {
    what: 'forget the reload that a cut left',
    file: SERVICE,
    find: "reload) put_record printf 'pending reload\\\\0' ;;",
    replace: 'reload) put_record cat -- "$P/listing" ;;',
    tests: ['hosts/systemd', 'hosts/crash'],
  },
  {
    what: 'never need a restart',
    file: SERVICE,
    find: '    if ! same_part restart; then printf restart\n',
    replace: '    if false; then printf restart\n',
    tests: ['hosts/systemd'],
  },
  {
    what: 'believe a service that died',
    file: SERVICE,
    find: '      *) give_up "it did not stay up after $action; above is what it said" ;;\n',
    replace: '',
    tests: ['hosts/systemd', 'hosts/healthGate'],
  },
  {
    what: 'do not wait for ports',
    file: SERVICE,
    find: 'settle; await_listeners; wait_for',
    replace: 'settle; wait_for',
    tests: ['hosts/healthGate'],
  },
  {
    what: 'no reload in the plan',
    file: 'lib/resources/systemd/watch.ts',
    find: "return { load: reload.length > 0 ? 'reload' : 'current',",
    replace: "return { load: reload.length > 0 ? 'current' : 'current',",
    tests: ['hosts/systemd', 'resources/service'],
  },
  {
    what: 'a temporary file that all may read',
    file: PRELUDE,
    find: '  (umask 077; set -C; : > "$rf_tmp") ||',
    replace: '  (umask 022; set -C; cat -- "$rf_source" > "$rf_tmp") ||',
    tests: ['hosts/canaries'],
  },
  {
    what: 'write through a link',
    file: PRELUDE,
    find: '  mv -fT -- "$rf_tmp" "$rf_dest"\n',
    replace: '  cat -- "$rf_tmp" > "$rf_dest"; rm -f -- "$rf_tmp"\n',
    tests: ['hosts/paths'],
  },
  {
    what: 'skip the judge of a candidate',
    file: PRELUDE,
    find: 'if [ $# -gt 0 ]; then "$@" "$rf_tmp"',
    replace: 'if false; then "$@" "$rf_tmp"',
    tests: ['hosts/paths'],
  },
  {
    what: 'show what a host said of a secret',
    file: 'lib/engine/redact.ts',
    find: '    shown += text.slice(from, start) + MASK\n',
    replace: '    shown += text.slice(from, end)\n',
    tests: ['engine/redact', 'hosts/canaries'],
  },
  {
    what: 'write a secret to the journal',
    file: PROGRAM,
    find: '  code=$?\n  fi\n',
    replace: '  code=$?\n    cat "$stage/$1/said" >&2\n  fi\n',
    tests: ['hosts/canaries'],
  },
  {
    what: 'keep what a step said on the disk',
    file: PROGRAM,
    find: '  note "$stage/$1" failed\n',
    replace: '  note "$stage/$1" failed; cp "$stage/$1/said" /var/lib/keelson/runs/\n',
    tests: ['hosts/canaries'],
  },
  {
    what: 'quote nothing',
    file: 'lib/engine/shell.ts',
    find: "  return `'${text.replaceAll(\"'\", `'\\\\''`)}'`",
    replace: "  return `'${text}'`",
    tests: ['engine/shell'],
  },
  {
    what: 'control characters on the terminal',
    file: 'lib/cli/render/clean.ts',
    find: '  return text.replace(UNSAFE, visible)\n',
    replace: '  return text\n',
    tests: ['cli/render'],
  },
  {
    what: 'swap two steps',
    file: 'lib/engine/stage.ts',
    find: '    for (const need of group.after) place(need)\n    sorted.push(group)\n',
    replace: '    sorted.push(group)\n    for (const need of group.after) place(need)\n',
    tests: ['engine/stage'],
  },
  {
    what: 'packages and what needs them in one stage',
    file: 'lib/engine/stage.ts',
    find: 'need.type.unsettles === true &&',
    replace: 'need.type.unsettles === undefined &&',
    tests: ['engine/stage'],
  },
  {
    what: 'guarded changes among the others',
    file: 'lib/engine/stage.ts',
    find: '    return new Set([...held, ...postponed])\n',
    replace: '    return new Set(postponed)\n',
    tests: ['engine/stage'],
  },
  {
    what: 'remove what holds data',
    file: 'lib/engine/plan.ts',
    find: "  return typeof holdsData === 'function' ? holdsData(observed) : holdsData\n",
    replace: "  return typeof holdsData === 'function' ? holdsData(observed)?.slice(0, 0) || undefined : undefined\n",
    tests: ['engine/plan'],
  },
  {
    what: 'a plan that leaves something behind',
    file: 'lib/engine/facts.ts',
    find: '`[ ! -e ${LEDGER_PATH} ] || cat ${LEDGER_PATH}`',
    replace: '`mkdir -p /var/lib/keelson; [ ! -e ${LEDGER_PATH} ] || cat ${LEDGER_PATH}`',
    tests: ['hosts/cli'],
  },
]
