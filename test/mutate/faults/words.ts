/** Faults in the words and sums of plans and reports. */
import type { Fault } from '../fault.ts'

export const WORDS_FAULTS: readonly Fault[] = []
