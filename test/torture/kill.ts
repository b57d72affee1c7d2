/**
 * A connection that kills the run's worker, or all of the host, right after a chosen step: the step's own program does it.
 */
import { createTar, parseTar } from 'nanotar'
import { WHOLE } from '../../lib/engine/onHost/runText.ts'
import type { Connection } from '../../lib/transport/connection.ts'

const KILL = {
  /** Worker, step and all else that runs in the unit. */
  worker: "\nsystemctl kill --signal=KILL 'keelson-[0-9]*.service'\nsleep 60\n",
  /** reboot(2) at once: nothing is stopped before, nothing written. */
  power: '\nsystemctl reboot --force --force\nsleep 60\n',
}

/** Counts the steps that go over its connections, and lets the one numbered `at` (from 0) be the last of its run. */
export class Killer {
  readonly #at: number
  readonly #what: keyof typeof KILL
  /** Steps seen so far. */
  steps = 0

  constructor(at: number, what: keyof typeof KILL = 'worker') {
    this.#at = at
    this.#what = what
  }

  get hasKilled(): boolean {
    return this.steps > this.#at
  }

  over(connection: Connection): Connection {
    return {
      run: (program, options) => {
        const input = options?.input
        return connection.run(program, input instanceof Buffer ? { ...options, input: this.#arm(input) } : options)
      },
      get trips() {
        return connection.trips
      },
      get peer() {
        return connection.peer
      },
      close: () => connection.close(),
    }
  }

  #arm(archive: Buffer): Buffer {
    // A copy: what is read is all that lies below a buffer, which may be more than the buffer shows.
    const files = parseTar(new Uint8Array(archive)).map(({ name, data, type, attrs }) => {
      const isStep = type === 'file' && /^\d+\/\d+\/\d+\/program$/.test(name)
      const dies = isStep && this.steps === this.#at
      if (isStep) this.steps += 1
      const text = dies ? Buffer.concat([data ?? Buffer.alloc(0), Buffer.from(KILL[this.#what])]) : data
      return type === 'directory'
        ? { name, ...(attrs === undefined ? {} : { attrs }) }
        : { name, data: text ?? '', ...(attrs === undefined ? {} : { attrs }) }
    })
    // parseTar does not see a last entry that ends with the archive.
    const rest = files.some(({ name }) => name === WHOLE.name) ? [] : [WHOLE]
    return Buffer.from(createTar([...files, ...rest]))
  }
}
