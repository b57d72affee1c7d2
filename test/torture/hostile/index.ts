/**
 * Hostile text by class of field, as kinds of `npm run torture`: a case is a string.
 */
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { type HostileClass, prepareHost, runBatch } from './batch.ts'
import { cron } from './cron.ts'
import { nginx } from './nginx.ts'
import { shell } from './shell.ts'
import { sql } from './sql.ts'
import { sudoers } from './sudoers.ts'
import { systemd } from './systemd.ts'

export const CLASSES: readonly HostileClass[] = [shell, sql, nginx, systemd, sudoers, cron]

/** Strings of a batch: what goes to a host at once. */
const COUNT = 1000
/** Batches of a run: a host takes longer to be made ready than a batch takes. */
const BATCHES = 5

export const HOSTILE = CLASSES.map((one) => ({
  name: `hostile strings: ${one.name}`,
  goal: 10_000,
  prepare: (host: SandboxHost) => prepareHost(host, one),
  async run(host: SandboxHost, seed: number) {
    for (let batch = 0; batch < BATCHES; batch += 1) await runBatch(host, one, seed + batch * 1_000_000_007, COUNT)
    return BATCHES * COUNT
  },
}))
