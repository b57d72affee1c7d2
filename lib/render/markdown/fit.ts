/** Joins as many items, from the first on, as there is room for. @returns The text, and how many items are left out. */
export function fit(items: readonly string[], separator: string, room: number): { text: string; left: number } {
  let length = -separator.length
  const end = items.findIndex((item) => (length += item.length + separator.length) > room)
  const shown = end === -1 ? items : items.slice(0, end)
  return { text: shown.join(separator), left: items.length - shown.length }
}
