/** What a client tells of its cases, and which seeds they have. */

export type Told = { seed: number; problem?: string; memory?: number; shown?: string }

/** The first has the seed itself, so that it can be run again alone. */
export function seedOf(seed: number, index: number): number {
  return (seed + index * 1_000_000_007) >>> 0
}
