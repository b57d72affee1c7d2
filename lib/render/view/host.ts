/**
 * What a host is called, and the machine that stands in for it. Pure.
 */
import { cleanLine } from '../clean.ts'

/** `web-1`, or `sandbox try (stands in for web-1)`. */
export function hostTitle(name: string, standIn: string | undefined): string {
  return standIn === undefined ? cleanLine(name) : `${cleanLine(standIn)} (stands in for ${cleanLine(name)})`
}
