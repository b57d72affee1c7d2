/**
 * What a timer promises: that it waits for its next time, at boot too, and that what it starts ends well.
 */
import type { Output } from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'
import type { Declared, Finding, Verify } from '../../kit/verify.ts'
import { parseShown, type Shown } from './unitFiles.ts'

/** What is needed of a timer: the text of its file. */
type TimerFile = { content: string }

export const timerVerify: Verify<TimerFile> = {
  means: { timer: 'every declared timer waits for its next time, at boot too, and what it starts did not fail' },
  units: (name, { content }) => [`${name}.timer`, startedBy(name, content)],
  look: {
    command: (entries) =>
      sh`systemctl show -p Id,LoadState,ActiveState,UnitFileState,Result -- ${entries.flatMap(unitsOf)}`,
    parse: parseLooks,
  },
}

function unitsOf({ name, state }: Declared<TimerFile>): string[] {
  return [`${name}.timer`, startedBy(name, state.content)]
}

function startedBy(name: string, content: string): string {
  return /^Unit=(.+)$/m.exec(content)?.[1] ?? `${name}.service`
}

/** @throws {Error} When systemctl did not answer for each unit. */
function parseLooks({ stdout, stderr }: Output, entries: readonly Declared<TimerFile>[]): Finding[] {
  const blocks = stdout
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map(parseShown)
  if (blocks.length !== 2 * entries.length) throw new Error(`systemctl show: ${stderr || stdout.slice(0, 300)}`)
  return entries.map((one, index) => {
    const about = { check: 'timer', about: `${one.name}.timer` }
    const problem = problemOf(one, blocks[2 * index]!, blocks[2 * index + 1]!)
    return problem === undefined
      ? { ...about, state: 'ok', said: 'it waits for its next time' }
      : { ...about, state: 'wrong', ...problem }
  })
}

function problemOf(one: Declared<TimerFile>, timer: Shown, started: Shown): { said: string; next: string } | undefined {
  const unit = unitsOf(one)[1]!
  if (timer['LoadState'] === 'not-found') return { said: 'the host has no such timer', next: 'converge' }
  if (timer['ActiveState'] !== 'active') return { said: 'it does not wait for its next time', next: 'converge' }
  if (timer['UnitFileState'] !== 'enabled') return { said: 'it does not start at boot', next: 'converge' }
  if (started['ActiveState'] !== 'failed') return undefined
  return {
    said: `${unit} failed the last time (${(started['Result'] ?? '').slice(0, 40)})`,
    next: `look at journalctl -u ${unit}`,
  }
}
