/**
 * What all ways are told of the machine they build TakeClient on, so that they build the same: a container sees the
 * processors and the memory of the machine it runs on.
 */
import { availableParallelism, totalmem } from 'node:os'

export const size = { cpus: availableParallelism(), memoryMiB: Math.round(totalmem() / 2 ** 20) }

/** Of the database role takeclient; no host that knows it lives longer than the benchmark. */
export const PASSWORD = 'no-secret-of-a-throw-away-host'
