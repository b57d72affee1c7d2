/**
 * Reads the text of regular files with tar(1), one process for any number of files. tar opens files without blocking
 * and without following a link, checks what it has opened, and outputs exactly as many bytes as announced: a file that
 * an account replaces meanwhile (a pipe, a link, a file that grows) neither stalls it nor shifts another file's bytes.
 */

/** Maximum bytes of all files together, and the lower limit used when that was too much; the rest is cut off and ignored. */
const MOST = { first: 32 * 2 ** 20, less: 2 ** 20 }

/** Prefix for a program that must read less of files, because its answer was too long with everything that accounts have. */
export const LESS_OF_FILES = `k_most=${MOST.less}`

/**
 * Shell text that prints the files whose paths come NUL-terminated on stdin, in base64. The output does not depend on
 * their times.
 */
export const TAR_FILES = `tar -c --format=gnu -b 1 --null --verbatim-files-from -T - --no-recursion -P --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0 2>/dev/null | head -c "\${k_most:-${MOST.first}}" | base64 -w0`

const BLOCK = 512

/** Regular files in a tar stream of GNU format, by name; a file that was cut off is omitted. */
export function filesInTar(stream: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  let longName: string | undefined
  for (let at = 0; at + BLOCK <= stream.length && stream[at] !== 0;) {
    const header = stream.subarray(at, at + BLOCK)
    const size = sizeIn(header)
    const data = stream.subarray(at + BLOCK, at + BLOCK + size)
    const kind = String.fromCharCode(header[156] ?? 0)
    if (kind === 'L') longName = textIn(data)
    else if (kind !== 'K') {
      if (kind === '0' && data.length === size) files.set(longName ?? textIn(header.subarray(0, 100)), data)
      longName = undefined
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

/** Octal digits; from 8 GiB on, a number of base 256. */
function sizeIn(header: Buffer): number {
  const field = header.subarray(124, 136)
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(textIn(field), 8) || 0
  return Number(field.readBigUInt64BE(4))
}

function textIn(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end)
}
