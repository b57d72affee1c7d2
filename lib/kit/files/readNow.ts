/**
 * Reading a file that an account other than root may exchange: nothing that it puts there can hold the reader up.
 */
/** Bytes that are read at most, in blocks of 64 KiB. */
const BLOCKS = 128

/**
 * Shell text that prints a file at once. A pipe without a writer is empty when it is opened without blocking, one with a
 * writer that is silent is an error (open(2), O_NONBLOCK).
 *
 * @param path Shell text of one word.
 */
export function readNow(path: string): string {
  return `dd if=${path} iflag=nonblock bs=64K count=${BLOCKS} status=none 2>/dev/null`
}
