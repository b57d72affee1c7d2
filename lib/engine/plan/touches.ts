/**
 * What a change touches, and whether that may lock its operator out. The engine judges by paths, units, kernel settings
 * and accounts, whatever the resource type: a type that writes to a way in is guarded without declaring so. Pure.
 */
import { type AnyType, type Change, type Context, type Json, pathsOf, Unknown } from '../../kit/resourceType.ts'
import type { Touch } from '../../kit/touch.ts'
import { type HostWays, isWayIn, NO_WAYS, ownWays } from '../host/ways.ts'
import { PACKAGES, isKeptSetting, isKeptUnit, SYSCTL_FOLDER, unitAt } from '../host/waysIn.ts'

/** The context of types, plus the ways in that this host has besides those that every host has. */
export type WaysContext = Context & { ways?: HostWays }

/** Paths that a change writes or removes, or whose rights it sets. */
export function pathsOfChange(type: AnyType, change: Change<Json>): string[] {
  const state = change.after ?? change.before
  return state === null || state instanceof Unknown ? [] : pathsOf(type, change.name, state)
}

/** What a change touches. A path whose new content the type states appears once, as the type states it. */
export function touchesOf(type: AnyType, change: Change<Json>): Touch[] {
  const own = type.touches?.(change) ?? []
  const said = new Set(own.flatMap((touch) => ('path' in touch ? [touch.path] : [])))
  const bare = pathsOfChange(type, change).filter((path) => !said.has(path))
  return [...bare.map((path) => ({ path })), ...own]
}

export function touchesWayIn(type: AnyType, change: Change<Json>, { operator, ways = NO_WAYS }: WaysContext): boolean {
  const touches = touchesOf(type, change)
  const own = ownWays(ways, operator?.account)
  // The effect of a sysctl.d file is known when it holds one named setting.
  const isNamed = touches.some((touch) => 'setting' in touch)
  return touches.some((touch) => {
    if ('unit' in touch) return isKeptUnit(touch.unit)
    if ('setting' in touch) return isKeptSetting(touch.setting)
    if ('account' in touch) return touch.account === 'root' || touch.account === operator?.account
    if ('without' in touch) return PACKAGES.includes(touch.without)
    if (!('path' in touch)) return false
    if (isNamed && touch.path.startsWith(`${SYSCTL_FOLDER}/`)) return false
    return isWayIn(touch.path, own) || isKeptUnit(unitAt(touch.path) ?? '')
  })
}

/** Whether applying the change may use files that it comes after. */
export function usesFiles(type: AnyType, change: Change<Json>): boolean {
  return (type.touches?.(change) ?? []).some((touch) => 'unit' in touch || 'program' in touch)
}
