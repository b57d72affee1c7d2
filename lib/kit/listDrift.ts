import type { FieldChange } from './resourceType.ts'

/** Items that somebody else added to a list and removed from it. */
export function listDrift(
  { before, after }: FieldChange,
  came: (items: string) => string,
  went: (items: string) => string,
): string {
  const [now, then] = [before, after].map((side) => (Array.isArray(side) ? side.map(String) : []))
  const gained = now!.filter((item) => !then!.includes(item))
  const lost = then!.filter((item) => !now!.includes(item))
  return [
    ...(gained.length === 0 ? [] : [came(gained.join(', '))]),
    ...(lost.length === 0 ? [] : [went(lost.join(', '))]),
  ].join(' and ')
}
