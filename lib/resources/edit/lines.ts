/**
 * Lines of a file that belong to an edit: found in its text here, changed by awk(1) on the host. Both take a line to be
 * the same with LF and with CRLF.
 */
import type { StateText } from '../../engine/value.ts'

export type Wish = {
  /** A line (with all that begin like `replaces`), or a block by its marker lines. */
  match: { line: string; replaces?: string | undefined } | { open: string; close: string }
  position: 'top' | 'bottom' | { after: string } | { before: string }
}

export type EditState = {
  wish: EditWish
  /** The lines like it, or what stands between its markers, each time they do. */
  found: StateText[]
}

export type EditWish = Wish & {
  path: string
  /** The line, or what goes between the markers. */
  text: StateText
  create: boolean
  validate?: string | undefined
  present: boolean
}

/** As it can be read back: without the end of its last line, and with plain line ends. */
export function blockText(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/\n$/, '')
}

/** The lines that match, or what stands between the markers, each time it does. */
export function found(text: string, match: Wish['match']): string[] {
  const lines = text.split(/\r?\n/)
  if ('open' in match) return blocksIn(lines, match)
  const { line, replaces } = match
  return lines.filter((each) => each === line || (replaces !== undefined && each.startsWith(replaces)))
}

/** A block goes from the last opening marker before a closing one, so that a stray marker takes nothing in. */
function blocksIn(lines: readonly string[], { open, close }: { open: string; close: string }): string[] {
  const blocks: string[] = []
  let start = -1
  for (const [at, line] of lines.entries()) {
    if (line === open) start = at
    if (line !== close || start === -1) continue
    blocks.push(lines.slice(start + 1, at).join('\n'))
    start = -1
  }
  return blocks
}

/** What `EDIT_AWK` is told, a line each: kind, two texts that match, position, its anchor, then the lines to stand there. */
export function recordOf({ match, position }: Wish, lines: readonly string[]): string {
  const place = typeof position === 'string' ? [position, ''] : Object.entries(position)[0]!
  const [kind, ...texts] =
    'open' in match ? ['block', match.open, match.close] : ['line', match.replaces ?? '', match.line]
  const framed = kind === 'block' && lines.length > 0 ? [texts[0], ...lines, texts[1]] : lines
  return `${[kind, ...texts, ...place, ...framed].join('\n')}\n`
}

/**
 * Edits one file as its variable `record`, a file, says. `ended` is `no` when the last line of the file has no end; then
 * it has none afterwards. Every line keeps its own kind of end, a new one has that of the first line. Exits with 3 when
 * no line begins like the anchor. Only `print` is used: sprintf of mawk, Debian's awk, has a limit.
 */
export const EDIT_AWK = String.raw`
function bare(text) { sub(/\r$/, "", text); return text }
function put(text) { if (started) print last; last = text; started = 1 }
{ line[NR] = $0 }
END {
  while ((getline text < record) > 0) want[++wants] = text
  end = line[1] ~ /\r$/ ? "\r" : ""
  if (NR > 0 && ended == "no") line[NR] = line[NR] end
  at = 0
  opened = 0
  for (i = 1; i <= NR; i++) {
    text = bare(line[i])
    if (want[1] == "line") {
      if (text == want[3] || (want[2] != "" && index(text, want[2]) == 1)) { drop[i] = 1; if (!at) at = i }
      continue
    }
    if (text == want[2]) opened = i
    if (text == want[3] && opened) {
      for (j = opened; j <= i; j++) drop[j] = 1
      if (!at) at = opened
      opened = 0
    }
  }
  if (!at && want[4] == "top") at = 1
  if (!at && want[4] == "bottom") at = NR + 1
  for (i = 1; !at && i <= NR; i++) if (index(bare(line[i]), want[5]) == 1) at = want[4] == "after" ? i + 1 : i
  if (!at && wants > 5) exit 3
  for (i = 1; i <= NR + 1; i++) {
    if (i == at) for (j = 6; j <= wants; j++) put(want[j] end)
    if (i <= NR && !(i in drop)) put(line[i])
  }
  if (!started) exit
  if (ended == "no") { ORS = ""; if (end != "") last = bare(last) }
  print last
}
`
