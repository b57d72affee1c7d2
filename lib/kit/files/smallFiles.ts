/**
 * Reads small files whole, in one trip: configuration that a type owns from the first to the last byte.
 */
import { type Output } from '../resourceType.ts'
import { findEach } from './paths.ts'
import { filesInTar, TAR_FILES } from './tarStream.ts'

/** What exists at a path. A link is read itself, not what it points to. */
export type SmallFile =
  | { kind: 'file'; bytes: Buffer; mode: string; owner: string }
  | { kind: 'link'; target: string }
  /** Something else, or a file above the size limit. */
  | { kind: 'other' }
  /** A file that somebody changed or removed while it was read. */
  | { kind: 'moving' }

/** Maximum bytes of a file of root, and of any other account, which can make its files as large as it likes. */
const LONGEST = { root: 8 * 2 ** 20, others: 2 ** 20 }

/**
 * Shell text that prints each path's kind, mode, owner and link target, then the bytes of all regular files, in base64.
 * It takes a handful of processes, however many paths, and skips files above a limit (8 MiB of root's, 1 MiB of
 * others'), so that every answer is bounded.
 *
 * @example readSmallFiles(['/etc/hosts'])
 */
export function readSmallFiles(paths: readonly string[]): string {
  if (paths.length === 0) return ':'
  const [ofRoot, ofOthers] = [`-user root -size -${LONGEST.root + 1}c`, `-size -${LONGEST.others + 1}c`]
  // find exits with 1 when some path is missing, which is not a failure here. Root's files come first, because the
  // total may be cut.
  return `(
k_files() { ${findEach(paths)} -type f "$@" -print0 2>/dev/null; }
${findEach(paths)} -printf '%p\\0%y\\0%m\\0%u:%g\\0%s\\0%l\\0' 2>/dev/null || [ $? -eq 1 ]
if [ -z "\${k_most:-}" ]; then k_files '(' ${ofOthers} -o ${ofRoot} ')'
else k_files ${ofRoot}; k_files ! -user root ${ofOthers}; fi | ${TAR_FILES}
)`
}

const FIELDS = 6

/**
 * The files that `readSmallFiles` found, by path; a path missing from the map does not exist.
 *
 * @example parseSmallFiles(output).get('/etc/hosts')
 * @param ofOthers Whether other accounts than root can change these files: a file that changes while it is read is then
 *   not an error.
 * @throws {Error} When the output has another form, such as after a file changed between listing and reading.
 */
export function parseSmallFiles({ stdout }: Pick<Output, 'stdout'>, ofOthers = false): Map<string, SmallFile> {
  const fields = stdout.split('\0')
  const texts = filesInTar(Buffer.from(fields.pop() ?? '', 'base64'))
  if (fields.length % FIELDS !== 0) throw new Error(`files: unexpected listing ${JSON.stringify(stdout.slice(0, 500))}`)
  const found = new Map<string, SmallFile>()
  for (let at = 0; at < fields.length; at += FIELDS) {
    const [path = '', type = '', mode = '', owner = '', size = '', target = ''] = fields.slice(at, at + FIELDS)
    const bytes = texts.get(path)
    if (type === 'l') found.set(path, { kind: 'link', target })
    else if (type !== 'f' || Number(size) > longest(owner)) found.set(path, { kind: 'other' })
    else if (bytes === undefined && !ofOthers) throw new Error(`files: ${path} is changing`)
    else if (bytes === undefined) found.set(path, { kind: 'moving' })
    else found.set(path, { kind: 'file', bytes, mode: mode.padStart(4, '0'), owner })
  }
  return found
}

function longest(owner: string): number {
  return owner.startsWith('root:') ? LONGEST.root : LONGEST.others
}
