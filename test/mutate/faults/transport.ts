/** Faults in connections and in the bounds of what is read. */
import type { Fault } from '../fault.ts'

export const TRANSPORT_FAULTS: readonly Fault[] = []
