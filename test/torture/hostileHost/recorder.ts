/**
 * A connection over SSH that notes what the host answers (see recording.ts).
 */
import type { Connection, RunOptions, RunResult } from '../../../lib/transport/connection.ts'
import { connectSsh as reallyConnect } from '../../../lib/transport/ssh.ts'
import { MARK, markIn, purposeOf, REPOSITORY, ROOT, takeApart, Texts, type Trip } from './recording.ts'

export const texts = new Texts()
let trips: Trip[] = []

/** @returns The trips since it was last called. */
export function takeTrips(): Trip[] {
  const taken = trips
  trips = []
  return taken
}

export async function connectSsh(...target: Parameters<typeof reallyConnect>): Promise<Connection> {
  const connection = await reallyConnect(...target)
  return {
    run: (program, options) => note(connection, program, options),
    close: () => connection.close(),
    get trips() {
      return connection.trips
    },
    get peer() {
      return connection.peer
    },
  }
}

async function note(connection: Connection, program: string, options: RunOptions = {}): Promise<RunResult> {
  const pieces: Buffer[] = []
  const { onStdout } = options
  const tapped = onStdout === undefined ? {} : { onStdout: (piece: Buffer) => (pieces.push(piece), onStdout(piece)) }
  const result = await connection.run(program, { ...options, ...tapped })
  const stdout = Buffer.concat([...pieces, result.stdout])
    .toString('latin1')
    .replaceAll(REPOSITORY, ROOT)
  const { head, sections } = takeApart(stdout.replaceAll(markIn(program) ?? MARK, MARK))
  const isFramed = markIn(program) !== undefined
  trips.push({
    purpose: purposeOf(program),
    exit: result.exit,
    head: texts.number(isFramed ? head : stdout),
    sections: isFramed
      ? sections.map(([names, text, said, exit]) => [names, texts.number(text), texts.number(said), exit])
      : [],
  })
  return result
}
