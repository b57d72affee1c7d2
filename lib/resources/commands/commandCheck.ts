/**
 * The checks of commands: their texts, and what a check that fails says.
 *
 * To find the line that fails, the check runs once more for its output, and once in bash, which reports the lines that it
 * reaches (LINENO, BASH_XTRACEFD, bash(1)). Only line numbers of the trace leave the host: values may be secrets.
 */
import { groupBy } from '../../kit/groupBy.ts'
import type { Output } from '../../kit/resourceType.ts'
import { quote, raw, sh, type ShellText } from '../../kit/shell.ts'

/** How the texts of a command are run. */
export type Setting = {
  user?: string | undefined
  directory?: string | undefined
  env?: { [name: string]: string } | undefined
}

/** A check, by the name of its command. */
export type Check = { name: string; check: string; setting: Setting }

/** Seconds that a check may take, and that all checks of one account may take before each gets one second only. */
const CHECK_S = 60
const ALL_S = 90

const LIMITED = ['timeout', '--kill-after=5', String(CHECK_S)]
/** Instead of the exit status of a check that was killed. */
export const LATE = -1
export const LATE_TEXT = `its check did not end within ${CHECK_S} s, or checks of the same account before it took all of their time`

/**
 * Runs the checks of each account one after another, and those of different accounts at the same time: a check that
 * hangs delays only those of its own account.
 */
export function checkTexts(all: readonly Check[]): string {
  const accounts = [...groupBy(all, ({ setting }) => setting.user ?? 'root').values()]
  const texts = accounts.map((ofOne) => ofOne.map((one) => checkText(one)).join('\n'))
  if (texts.length === 0) return ':'
  const begin = `read -r k_now k_idle </proc/uptime; k_end=$((\${k_now%.*} + ${ALL_S}))`
  // Lanes of a pipeline: each copies the output of the lanes before it, so that the order is always the same.
  const lanes = texts.map((text, index) => `{\n${text}\n${index === 0 ? '' : 'cat\n'}}`)
  return `${TIMED}\n${begin}\n${texts.length === 1 ? texts[0] : lanes.join(' |\n')}`
}

/**
 * `k_timed` sets `k_s`, the seconds that the next check may take: after one that hung, the account's other checks get
 * less, and in the end one second. `k_late` distinguishes timeout(1)'s exit status for a check that it killed, with or
 * without SIGKILL, from the same status of a check itself.
 */
const TIMED = `k_timed() {
  read -r k_now k_idle </proc/uptime
  k_s=$((k_end - \${k_now%.*}))
  [ "$k_s" -lt ${CHECK_S} ] || k_s=${CHECK_S}
  [ "$k_s" -gt 0 ] || k_s=1
  k_limit=$((\${k_now%.*} + k_s))
}
k_late() {
  read -r k_now k_idle </proc/uptime
  case $k_exit in 124 | 137) [ "\${k_now%.*}" -lt $k_limit ] || k_exit=${LATE} ;; esac
}`

function checkText({ name, check, setting }: Check): string {
  const text = running(check, setting, ['timeout', '--kill-after=1', raw('"$k_s"')])
  return `k_timed; ${text} >/dev/null 2>&1 </dev/null; k_exit=$?; k_late; printf '%s\\0%s\\0' ${quote(name)} $k_exit`
}

export function explainText({ name, check, setting }: Check): string {
  const traced = running(TRACING + check, setting, LIMITED, ['bash', '--posix', '-euc'])
  return traceText(name, running(check, setting, LIMITED), traced)
}

/**
 * Runs the text in a shell of its own, so that it can neither exit the surrounding program nor change its variables. A
 * check, which runs in a login, has the same environment as `apply`, which runs in a unit.
 */
export function running(
  text: string,
  { user = 'root', directory = '/', env = {} }: Setting,
  before: readonly (string | ShellText)[] = [],
  shell: readonly string[] = ['sh', '-euc'],
): string {
  const as = user === 'root' ? [] : ['runuser', '-u', user, '--']
  const variables = { USER: user, LOGNAME: user, LC_ALL: 'C', ...env }
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  // The schema's pattern makes the account's name safe, and `~` is only expanded unquoted. The account itself enters
  // the folder: it could redirect root into a folder that it may not enter.
  const setting = [...words, ...shell]
  return `( cd / && home=~${user} && exec ${[...before, ...as].map((word) => sh`${word}`).join(' ')} ${sh`env -i --chdir=${directory} PATH="$PATH" HOME="$home" ${setting} ${text}`} )`
}

export function exitsIn(fields: readonly string[]): Map<string, number> {
  const exits = new Map<string, number>()
  for (let at = 0; at + 1 < fields.length; at += 2) exits.set(fields[at]!, Number(fields[at + 1]))
  return exits
}

/** Prefix on the first line of a check that bash runs, with descriptor 9 for its trace. */
const TRACING = `PS4='keelson:$LINENO '; BASH_XTRACEFD=9; set -x; `
/** Maximum bytes of a check's output, from its end, that leave the host, and maximum lines shown. */
const MOST_BYTES = 8192
const MOST_LINES = 10

/** Prints, NUL-separated: name, exit status, the number of the last line reached, and the end of the output. */
function traceText(name: string, plain: string, traced: string): string {
  return `k_line=$({ ${traced} 9>&1 >/dev/null 2>&1 </dev/null; } | sed -n 's/^keelson:\\([0-9]*\\) .*/\\1/p' | tail -n 1)
k_said=$({ ${plain} 2>&1 </dev/null; printf '\\n%s' "$?"; } | tail -c ${MOST_BYTES})
printf '%s\\0%s\\0%s\\0%s\\0' ${quote(name)} "\${k_said##*
}" "$k_line" "\${k_said%
*}"`
}

/** @param checks By name. */
export function parseTraces({ stdout }: Output, checks: ReadonlyMap<string, string>): Map<string, string> {
  const fields = stdout.split('\0')
  const sentences = new Map<string, string>()
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [name = '', exit = '', line = '', said = ''] = fields.slice(at, at + 4)
    const check = checks.get(name)
    if (check !== undefined && exit !== '0') sentences.set(name, sentenceOf(check, exit, Number(line), said))
  }
  return sentences
}

function sentenceOf(check: string, exit: string, line: number, said: string): string {
  const text = check.split('\n')[line - 1]?.trim()
  const how = exit === '124' ? 'did not end in time' : `ended with exit ${exit}`
  const printed = said.split('\n').filter((each) => each !== '')
  return [
    `its check ${how}${text === undefined ? '' : `, at line ${line}: ${text}`}`,
    ...(printed.length === 0 ? ['it printed nothing'] : ['it printed:', ...printed.slice(-MOST_LINES)]),
  ].join('\n')
}
