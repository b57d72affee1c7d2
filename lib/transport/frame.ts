/**
 * Cuts one program's output out of a byte stream that also carries what login shells, their start files and left-over
 * background processes print. The wrapper in `wrap.ts` writes one mark line before the program and one after it:
 *
 *     noise… \x1e MARK text \n  output… \x1e MARK text \n  noise…
 */

/** First byte of a mark: ASCII record separator, rare enough that looking for half a mark at a chunk's end is cheap. */
const MARK_BYTE = 0x1e

/** How much of what comes before the first mark is kept, in bytes, to explain a program that never started. */
const KEPT_NOISE = 16 * 1024

/** A mark line longer than this is not ours: it holds at most an exit status or two addresses with ports. */
const LONGEST_LINE = 256

type Phase = 'before' | 'inside' | 'after'

export class Frame {
  phase: Phase = 'before'
  /** Text of the opening mark line: what the host says about the connection. */
  opening = ''
  /** Text of the closing mark line: the exit status, on stdout. */
  closing = ''
  readonly #mark: Buffer
  #held: Buffer = Buffer.alloc(0)
  #noise: Buffer = Buffer.alloc(0)

  /** @param mark Random text that nobody on the host can know before the program starts. */
  constructor(mark: string) {
    this.#mark = Buffer.concat([Buffer.of(MARK_BYTE), Buffer.from(mark)])
  }

  /** What came before the opening mark: its last 16 kB, as text. */
  get noise(): string {
    return this.#noise.toString()
  }

  /** Takes a piece of the stream, split at any byte, and returns what of it the program wrote. */
  push(chunk: Buffer): Buffer {
    const output: Buffer[] = []
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (this.phase !== 'after') {
      const at = rest.indexOf(this.#mark)
      const upTo = at === -1 ? startOfPartialMark(rest, this.#mark) : at
      this.#take(rest.subarray(0, upTo), output)
      rest = rest.subarray(upTo)
      const lineEnd = at === -1 ? -1 : rest.indexOf('\n')
      if (lineEnd === -1) break
      this.#pass(rest.subarray(this.#mark.length, Math.min(lineEnd, LONGEST_LINE)).toString().trim())
      rest = rest.subarray(lineEnd + 1)
    }
    // A copy: the socket's buffer would otherwise stay alive for a few held bytes.
    this.#held = this.phase === 'after' ? Buffer.alloc(0) : Buffer.from(rest)
    const [whole] = output
    return whole && output.length === 1 ? whole : Buffer.concat(output)
  }

  #take(bytes: Buffer, output: Buffer[]): void {
    if (bytes.length === 0) return
    if (this.phase === 'inside') output.push(bytes)
    else this.#noise = Buffer.concat([this.#noise, bytes]).subarray(-KEPT_NOISE)
  }

  #pass(text: string): void {
    if (this.phase === 'before') {
      this.phase = 'inside'
      this.opening = text
    } else {
      this.phase = 'after'
      this.closing = text
    }
  }
}

/** Where in `bytes` a mark may have begun whose end has not arrived; `bytes.length` when nowhere. */
function startOfPartialMark(bytes: Buffer, mark: Buffer): number {
  const from = Math.max(0, bytes.length - mark.length + 1)
  for (let at = bytes.indexOf(MARK_BYTE, from); at !== -1; at = bytes.indexOf(MARK_BYTE, at + 1)) {
    if (bytes.subarray(at).equals(mark.subarray(0, bytes.length - at))) return at
  }
  return bytes.length
}
