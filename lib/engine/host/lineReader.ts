/**
 * Splits a text that arrives in chunks into lines. It reads each byte once, however small the chunks are.
 */

export class LineReader {
  readonly #most: number
  /** Chunks of a line whose end has not arrived. */
  #open: Buffer[] = []
  #openBytes = 0
  #piece: Buffer = Buffer.alloc(0)
  readonly #tooLong: (start: string) => Error

  /** @param most Maximum bytes of a line. @param tooLong Makes the error for a longer line from its beginning. */
  constructor(most: number, tooLong: (start: string) => Error) {
    this.#most = most
    this.#tooLong = tooLong
  }

  /** Adds a chunk; all lines before it must have been taken. */
  push(piece: Buffer): void {
    this.#piece = piece
  }

  /** The next whole line; undefined when its end has not arrived. */
  next(): string | undefined {
    const end = this.#piece.indexOf(10)
    this.#hold(end === -1 ? this.#piece : this.#piece.subarray(0, end))
    this.#piece = end === -1 ? Buffer.alloc(0) : this.#piece.subarray(end + 1)
    return end === -1 ? undefined : this.#taken().toString()
  }

  /** What follows the last line that was taken. */
  rest(): Buffer {
    this.#hold(this.#piece)
    this.#piece = Buffer.alloc(0)
    return this.#taken()
  }

  #hold(bytes: Buffer): void {
    this.#openBytes += bytes.length
    if (this.#openBytes > this.#most) throw this.#tooLong(bytes.subarray(0, 200).toString())
    if (bytes.length > 0) this.#open.push(bytes)
  }

  #taken(): Buffer {
    const line = this.#open.length === 1 ? this.#open[0]! : Buffer.concat(this.#open)
    this.#open = []
    this.#openBytes = 0
    return line
  }
}
