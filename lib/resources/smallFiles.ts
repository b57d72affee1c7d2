/**
 * Reading small files whole, in one trip: configuration a type owns from the first to the last byte.
 */
import { type Output } from '../engine/resource.ts'
import { quote } from '../engine/shell.ts'

/** What stands at a path. A link is read itself, not what it points to. */
export type SmallFile =
  | { kind: 'file'; bytes: Buffer; mode: string; owner: string }
  | { kind: 'link'; target: string }
  /** Something else, or a file that is too long for what is read here. */
  | { kind: 'other' }

/** Bytes. */
const LONGEST = 8 * 2 ** 20

/**
 * Shell text that prints each path's kind, mode, owner and link target, then the bytes of all regular files, in base64.
 * Four processes, however many paths; nothing is opened but regular files, so a pipe cannot stall it, and none that is
 * too long, so that no answer is without end.
 */
export function readSmallFiles(paths: readonly string[]): string {
  if (paths.length === 0) return ':'
  const words = paths.map(quote).join(' ')
  // find exits 1 when some path is missing: an answer, not a failure.
  return `(
find ${words} -maxdepth 0 -printf '%p\\0%y\\0%m\\0%u:%g\\0%s\\0%l\\0' 2>/dev/null || [ $? -eq 1 ]
find ${words} -maxdepth 0 -type f -size -${LONGEST + 1}c -print0 2>/dev/null | xargs -0 -r cat -- | base64 -w0
)`
}

const FIELDS = 6

/**
 * The files found, by path; a path missing from the map is not there.
 * @throws {Error} When the output is of another form, such as after a file changed between listing and reading.
 */
export function parseSmallFiles({ stdout }: Pick<Output, 'stdout'>): Map<string, SmallFile> {
  const fields = stdout.split('\0')
  const bytes = Buffer.from(fields.pop() ?? '', 'base64')
  if (fields.length % FIELDS !== 0) throw new Error(`files: unexpected listing ${JSON.stringify(stdout.slice(0, 500))}`)
  const found = new Map<string, SmallFile>()
  let offset = 0
  for (let at = 0; at < fields.length; at += FIELDS) {
    const [path = '', type = '', mode = '', owner = '', size = '', target = ''] = fields.slice(at, at + FIELDS)
    if (type === 'l') found.set(path, { kind: 'link', target })
    else if (type !== 'f' || Number(size) > LONGEST) found.set(path, { kind: 'other' })
    else {
      const end = offset + Number(size)
      found.set(path, { kind: 'file', bytes: bytes.subarray(offset, end), mode: mode.padStart(4, '0'), owner })
      offset = end
    }
  }
  if (offset !== bytes.length)
    throw new Error(`files: ${offset} bytes listed, ${bytes.length} read; a file is changing`)
  return found
}
