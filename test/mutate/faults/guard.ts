/** Faults in the guard of ways in. */
import type { Fault } from '../fault.ts'

export const GUARD_FAULTS: readonly Fault[] = []
