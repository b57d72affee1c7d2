/**
 * Finds the line of a command's check that fails, and what the check printed.
 *
 * The check runs once more for its output, and once in bash, which reports the lines that it reaches (LINENO,
 * BASH_XTRACEFD, bash(1)). Only line numbers of the trace leave the host: values may be secrets.
 */
import type { Output } from '../../kit/resourceType.ts'
import { quote } from '../../kit/shell.ts'

/** Prefix on the first line of a check that bash runs, with descriptor 9 for its trace. */
export const TRACING = `PS4='keelson:$LINENO '; BASH_XTRACEFD=9; set -x; `
/** Maximum bytes of a check's output, from its end, that leave the host, and maximum lines shown. */
const MOST_BYTES = 8192
const MOST_LINES = 10

/** Prints, NUL-separated: name, exit status, the number of the last line reached, and the end of the output. */
export function traceText(name: string, plain: string, traced: string): string {
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
