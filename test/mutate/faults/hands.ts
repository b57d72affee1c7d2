/** Faults of root's hands in folders of other accounts. */
import type { Fault } from '../fault.ts'

export const HANDS_FAULTS: readonly Fault[] = []
