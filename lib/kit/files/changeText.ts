/**
 * Changes a text file in which a type owns some lines, by a filter.
 */
import { payload } from '../prelude.ts'
import { raw, sh } from '../shell.ts'

/**
 * Shell text for a step that changes a text file and preserves its owner, mode and ACL. At no instant is the file
 * missing or half written, and a filter that changes nothing writes nothing. The step fails when the file does not
 * exist, is longer than 8 MiB, or may be replaced by another account, and when the filter fails.
 *
 * @param filter Shell text, quoted already (see `sh`), that reads the present text on standard input and prints the new
 *   one. It must be idempotent, because a step may be run again.
 * @example changeText('/etc/hosts', sh`awk -v address=${'10.0.0.5'} '$1 != address'`)
 */
export function changeText(path: string, filter: string): string {
  const [was, text] = [payload('text.was'), payload('text.new')]
  return sh`read_file ${path} ${was} || fail ${`${path} cannot be read`}
{
${raw(filter)}
} < ${was} > ${text}
cmp -s -- ${was} ${text} || replace_text ${path} ${was} ${text}`
}
