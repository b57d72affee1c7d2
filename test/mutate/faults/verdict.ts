/** Faults in how a run judges what it did. */
import type { Fault } from '../fault.ts'

export const VERDICT_FAULTS: readonly Fault[] = []
