/**
 * Hostile text in cron's files: the command and a variable of a job.
 *
 * The jobs are due when cron starts (`@reboot`), and their shell is a program that tells what cron handed it: the command
 * as it is, the variable, and what came on standard input, where cron puts what stands behind a `%`. A few jobs are
 * converged; the files of the others hold what the type says, as a step for each would take minutes.
 */
import { quote, sh } from '../../../lib/kit/shell.ts'
import { cronJob } from '../../../lib/index.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { catalogOf } from '../../support/converge.ts'
import { accepted, assertKept, converge, type HostileClass, PLACE, recordsOf, runProgram } from './batch.ts'

const TELL = '/usr/local/bin/tell-cron'
const CONVERGED = 20
/** Jobs that cron starts at once. */
const AT_ONCE = 250

export const cron: HostileClass = {
  name: 'cron',
  packages: ['cron'],
  own: [
    '%',
    '%%',
    '\\%',
    '\\\\%',
    '\\',
    '\\\\',
    '\\\\\\',
    '\\n',
    '%\n',
    '"',
    "'",
    '""',
    "''",
    '\\"',
    "\\'",
    '#',
    ' # x',
    '=',
    ' = ',
    '$',
    '$X',
    '*',
    '* * * * *',
    '@reboot',
    'root',
    'MAILTO=x',
    'PATH=',
    ' ',
    '  ',
    'x',
    '~',
    '!',
    '&',
    ';',
    '`',
    '\n* * * * * root touch /srv/canary/hit\n',
    '%touch /srv/canary/hit',
    '%%touch /srv/canary/hit%',
    '- ',
    'a=b',
    'é',
  ],
  setUp: `systemctl disable --now cron 2>/dev/null
cat > ${TELL} <<'EOF'
#!/bin/sh
{ printf '%s\\0' "$#" "$1" "$2" "$V"; cat; printf '\\0'; } > "$OUT.new" && mv "$OUT.new" "$OUT"
EOF
chmod 755 ${TELL}`,
  async bring(host, values) {
    const commands = accepted(host, values, (value) => job('x', value, 'x'))
    const variables = accepted(host, values, (value) => job('x', ':', value))
    const jobs = Array.from({ length: Math.max(commands.length, variables.length) }, (_, n) => ({
      name: `h${n}`,
      command: commands[n] ?? ':',
      variable: variables[n] ?? '',
    }))
    const declare = (some: typeof jobs) => (): void => {
      for (const { name, command, variable } of some) job(name, command, variable)
    }
    for (let from = 0; from < jobs.length; from += AT_ONCE) {
      const some = jobs.slice(from, from + AT_ONCE)
      await runProgram(
        host,
        `rm -rf -- /etc/cron.d/keelson-* /var/lib/keelson ${PLACE}/h*\n${catalogOf(host, declare(some)).resources.map(fileText).join('\n')}`,
      )
      if (from === 0) await convergeSome(host, declare(some.slice(0, CONVERGED)))
      await runJobs(host, some.length)
      const told = recordsOf(await runProgram(host, `cd ${PLACE} && cat ${some.map(({ name }) => name).join(' ')}`))
      assertKept(
        told,
        some.flatMap(({ command, variable }) => ['2', '-c', command, variable, '']),
        'jobs',
      )
    }
    return new Set(commands)
  },
}

function job(name: string, command: string, variable: string): unknown {
  const environment = { V: variable, OUT: `${PLACE}/${name}`, SHELL: TELL }
  return cronJob({ name, schedule: '@reboot', command, environment })
}

/** Puts the file there as the type's step would. */
function fileText({ name, desired }: { name: string; desired: unknown }): string {
  if (typeof desired !== 'object' || desired === null || !('content' in desired))
    throw new Error(`${name} has no content`)
  return sh`printf %s ${String(desired.content)} > ${`/etc/cron.d/keelson-${name}`}`
}

/** They are there already as the type has them, so that the converge of a few only finds them; then they are made anew. */
async function convergeSome(host: SandboxHost, declare: () => void): Promise<void> {
  const { resources } = catalogOf(host, declare)
  await runProgram(host, `rm -- ${resources.map(({ name }) => quote(`/etc/cron.d/keelson-${name}`)).join(' ')}`)
  await converge(host, declare)
}

/** cron runs what is due at a reboot when it starts and has not yet done so (misc.c, REBOOT_FILE). */
async function runJobs(host: SandboxHost, count: number): Promise<void> {
  await runProgram(
    host,
    `systemctl stop cron; rm -f /run/crond.reboot; systemctl start cron
for i in $(seq 600); do [ "$(ls ${PLACE} | grep -c '^h[0-9]*$')" -ge ${count} ] && break; sleep 0.1; done
systemctl stop cron
journalctl -u cron -b --no-pager | grep -i -m1 'error (\\|bad ' >&2 || :
[ "$(ls ${PLACE} | grep -c '^h[0-9]*$')" -ge ${count} ] || { echo "only $(ls ${PLACE} | wc -l) of ${count} jobs ran" >&2; exit 1; }`,
  )
}
