/** Faults in how a host's answers are taken. */
import type { Fault } from '../fault.ts'

export const HOSTILE_FAULTS: readonly Fault[] = []
