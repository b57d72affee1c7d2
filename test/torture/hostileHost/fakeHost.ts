/**
 * Stands in for lib/transport/ssh.ts: connections to a host that is a function. What runs above it is real, the
 * transport's own framing of a program's output included.
 */
import { Readable, Writable } from 'node:stream'
import type { Connection } from '../../../lib/transport/connection.ts'
import type { Child, Ending } from '../../../lib/transport/run.ts'
import { Runner } from '../../../lib/transport/runner.ts'

/** Bytes as latin1 text. With `more` the output goes on with that for ever. */
export type Answer = {
  stdout: string
  stderr: string
  exit: string
  more?: string
  /** Changes what the wrapper of a program prints, its marks included. */
  wire: (stdout: string) => string
}

export type Host = { answer: (program: string, input: Buffer) => Answer }

let host: Host | undefined
const written: Buffer[] = []

/** What the next connections lead to. */
export function become(next: Host): void {
  host = next
  written.length = 0
}

/** All that has been sent to the host. */
export function sent(): Buffer {
  return Buffer.concat(written)
}

/** Addresses and ports as sshd names them. */
const LINE = '192.0.2.1 50000 192.0.2.12 22'

export function connectSsh(): Promise<Connection> {
  const runner = new Runner(() => Promise.resolve(startChild()), {}, { account: 'root', label: 'root@host' })
  return Promise.resolve({
    run: (program, options = {}) => runner.run(program, options),
    close: () => runner.settle(),
    get trips() {
      return { connections: 1, execs: runner.execs }
    },
    get peer() {
      return runner.peer
    },
  })
}

/** A wrapper (lib/transport/wrap.ts) that waits for its program. */
function startChild(): Child {
  const pieces: Buffer[] = []
  const [stdout, stderr] = [new Readable({ read() {} }), new Readable({ read() {} })]
  let end: (ending: Ending) => void
  const ended = new Promise<Ending>((resolve) => (end = resolve))
  const closed = new Promise<void>((resolve) => stdout.once('close', () => resolve()))
  const stdin = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece)
      written.push(piece)
      done()
    },
    final(done) {
      setImmediate(respond)
      done()
    },
  })
  /** Outside of the stream, which would keep a mistake of the host to itself. */
  const respond = (): void => {
    const { mark, program, input } = received(Buffer.concat(pieces))
    const { stdout: text, stderr: said, exit, more, wire } = host!.answer(program, input)
    stderr.push(Buffer.from(`\x1e${mark}\n${said}\x1e${mark}\n`, 'latin1'))
    const opened = `\x1e${mark} 4242 ${LINE}\n${text}`
    if (more === undefined) {
      stdout.push(Buffer.from(wire(`${opened}\x1e${mark} ${exit}\n`), 'latin1'))
      for (const stream of [stdout, stderr]) stream.push(null)
      end({ exit: Number(exit) || 0 })
    } else pour(stdout, Buffer.from(opened, 'latin1'), Buffer.from(more, 'latin1'))
  }
  const release = (): void => [stdin, stdout, stderr].forEach((stream) => stream.destroy())
  return { stdin, stdout, stderr, ended, closed, release }
}

/** What the envelope holds, and what comes after it. */
function received(bytes: Buffer): { mark: string; program: string; input: Buffer } {
  const line = bytes.indexOf('\n')
  const [mark = '', length = ''] = bytes.subarray(0, line).toString().split(' ')
  const start = line + 1
  const end = start + Number(length)
  // `: MARK; PROGRAM`, and a comment that ends it.
  const program = bytes.subarray(start + mark.length + 4, end - 2).toString()
  return { mark, program, input: bytes.subarray(end) }
}

/** Bytes without an end, until nobody reads them any more. */
function pour(stdout: Readable, first: Buffer, more: Buffer): void {
  stdout.push(first)
  const turn = (): void => {
    if (stdout.destroyed) return
    stdout.push(more)
    setImmediate(turn)
  }
  setImmediate(turn)
}
