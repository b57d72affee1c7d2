/**
 * Reads a file that another account than root may replace, without letting that account stall the reader.
 */
/** Maximum number of 64 KiB blocks that are read. */
const BLOCKS = 128

/**
 * Shell text that prints a file at once. A pipe without a writer is empty when it is opened without blocking, one with
 * a silent writer is an error (open(2), O_NONBLOCK).
 *
 * @param path Shell text of one word.
 */
export function readNow(path: string): string {
  return `dd if=${path} iflag=nonblock bs=64K count=${BLOCKS} status=none 2>/dev/null`
}
