/**
 * Reading small files whole, in one trip: configuration a type owns from the first to the last byte.
 */
import { type Output } from '../resourceType.ts'
import { findEach } from './paths.ts'
import { filesInTar, TAR_FILES } from './tarStream.ts'

/** What stands at a path. A link is read itself, not what it points to. */
export type SmallFile =
  | { kind: 'file'; bytes: Buffer; mode: string; owner: string }
  | { kind: 'link'; target: string }
  /** Something else, or a file that is too long for what is read here. */
  | { kind: 'other' }
  /** A file that another hand changed, or took away, while it was read. */
  | { kind: 'moving' }

/** Bytes, of a file of root and of any other account: it may have as many as it likes. */
const LONGEST = { root: 8 * 2 ** 20, others: 2 ** 20 }

/**
 * Shell text that prints each path's kind, mode, owner and link target, then the bytes of all regular files, in base64.
 * A handful of processes, however many paths; none that is too long (8 MiB of root's, 1 MiB of others'), so that no
 * answer is without end.
 *
 * @example readSmallFiles(['/etc/hosts'])
 */
export function readSmallFiles(paths: readonly string[]): string {
  if (paths.length === 0) return ':'
  const [ofRoot, ofOthers] = [`-user root -size -${LONGEST.root + 1}c`, `-size -${LONGEST.others + 1}c`]
  // find exits 1 when some path is missing: an answer, not a failure. Where less is taken, what is root's comes first.
  return `(
k_files() { ${findEach(paths)} -type f "$@" -print0 2>/dev/null; }
${findEach(paths)} -printf '%p\\0%y\\0%m\\0%u:%g\\0%s\\0%l\\0' 2>/dev/null || [ $? -eq 1 ]
if [ -z "\${k_most:-}" ]; then k_files '(' ${ofOthers} -o ${ofRoot} ')'
else k_files ${ofRoot}; k_files ! -user root ${ofOthers}; fi | ${TAR_FILES}
)`
}

const FIELDS = 6

/**
 * The files that `readSmallFiles` found, by path; a path missing from the map is not there.
 *
 * @example parseSmallFiles(output).get('/etc/hosts')
 * @param ofOthers Whether accounts other than root may be at these files: one that changes meanwhile is then no error.
 * @throws {Error} When the output is of another form, such as after a file changed between listing and reading.
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
