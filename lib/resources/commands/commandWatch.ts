/**
 * What a command has run for: a listing of what it watches, made before it last ran and kept on the host once it has
 * succeeded. Where the listing differs by now, or there is none, the command has to run. It survives a boot, so that a
 * run that was cut off between a change and the command loses nothing.
 */
import {
  changedSince,
  changedSinceRecord,
  isUnder,
  isWatched,
  type Listed,
  listForRecord,
  listWatched,
  overfull,
  parseListed,
  pathOfEntry,
  type Watch,
} from '../../kit/files/watched.ts'
import { findEach } from '../../kit/files/paths.ts'
import type { EarlierChange } from '../../kit/resourceType.ts'
import { raw, sh } from '../../kit/shell.ts'
import { ranFor } from '../../kit/stateFolders.ts'

export type Watching = { name: string; watch: Watch }

/** What was read of one command. `changed`: what differs from what it has run for, as the end of a sentence. */
export type Ran = { late: string } | { changed: string | undefined } | undefined

/** Text that follows what is watched and the records. */
const CHECKS = 'checks'

/** Two finds and one cat; nothing where no command watches anything. */
export function watchTexts(watching: readonly Watching[]): string {
  if (watching.length === 0) return ''
  const paths = [...new Set(watching.flatMap(({ watch }) => watch.paths))]
  return `${listWatched(paths)}
printf 'records\\0'
${findEach(watching.map(({ name }) => ranFor(name)))} -type f -print0 2>/dev/null | xargs -0 -r cat --
printf '${CHECKS}\\0'
`
}

/** @returns What was read by name, and the fields that follow. */
export function parseWatched(
  fields: readonly string[],
  watching: readonly Watching[],
): { ran: ReadonlyMap<string, Ran>; rest: readonly string[] } {
  if (watching.length === 0) return { ran: new Map(), rest: fields }
  const start = fields.indexOf('watched')
  const end = fields.indexOf('records', start)
  const last = fields.indexOf(CHECKS, end)
  if (start < 0 || end < 0 || last < 0) throw new Error('commands: what they watch was not listed')
  const { late, full } = overfull(fields.slice(0, start))
  const listed = fields.slice(start + 1, end).map(parseListed)
  const records = recordsIn(fields.slice(end + 1, last))
  const ran = watching.map(({ name, watch }): [string, Ran] => {
    const because = late
      ? 'what it watches could not be listed in time'
      : watch.paths.flatMap((path) => full.get(path) ?? [])[0]
    return [name, because === undefined ? ranOf(watch, listed, records.get(name)) : { late: because }]
  })
  return { ran: new Map(ran), rest: fields.slice(last + 1) }
}

/** `command NAME`, then an entry for each thing it has run for. */
function recordsIn(fields: readonly string[]): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>()
  let entries: string[] | undefined
  for (const field of fields) {
    if (field.startsWith(TITLE)) {
      entries = []
      found.set(field.slice(TITLE.length), entries)
    } else entries?.push(field)
  }
  return found
}

const TITLE = 'command '

/** Undefined for one that has never run. */
function ranOf({ paths, refs }: Watch, listed: readonly Listed[], record: readonly string[] | undefined): Ran {
  if (record === undefined) return undefined
  // What it no longer watches does not matter.
  const known = record.filter((entry) => paths.some((path) => isUnder(pathOfEntry(entry), path)))
  const [first, ...more] = changedSinceRecord(listed, paths, known)
  if (first === undefined) return { changed: undefined }
  return {
    changed: `${changedSince(first, { refs })}${more.length > 0 ? ` and ${more.length} more` : ''} since it ran`,
  }
}

/** What the planned changes make a command run for, as the end of a sentence; undefined when nothing does. */
export function runAfter(watch: Watch, earlier: readonly EarlierChange[]): string | undefined {
  const labels = earlier.filter((change) => isWatched(watch, change)).map(({ label }) => label)
  return labels.length === 0 ? undefined : labels.join(', ')
}

/** Shell text of a step that runs `text`, and keeps what that was for once it has succeeded. */
export function noted(name: string, { paths }: Watch, text: string): string {
  const file = ranFor(name)
  const folder = file.slice(0, file.lastIndexOf('/'))
  return sh`set -- ${paths}
{ printf 'command %s\0' ${name}; ${raw(listForRecord())}; } > "$P"/listing
${raw(text)}
[ -d ${folder} ] || mkdir -p -m 0700 ${folder}
replace_file ${file} root root 0600 "$P"/listing`
}

/** Shell text of a step that forgets what a command has run for. */
export function forgotten(name: string): string {
  return sh`remove_file ${ranFor(name)}`
}
