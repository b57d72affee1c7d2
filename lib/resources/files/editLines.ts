/**
 * Lines of a file that belong to an edit: found in its text here, changed by awk(1) on the host. Both treat a line with
 * LF and the same line with CRLF as equal, and neither takes a byte order mark for a part of the first line.
 */
import * as form from '../../kit/form.ts'
import type { StateText } from '../../kit/value.ts'

export type Wish = {
  /** A line (with all that begin with `replaces`), or a block by its marker lines. */
  match: { line: string; replaces?: string | undefined } | { open: string; close: string }
  position: Position | Head
}

/** `else`: the place to use when no line begins with the anchor. */
export type Position = 'top' | 'bottom' | (({ after: string } | { before: string }) & { else?: 'top' | 'bottom' })

/**
 * The part of a file before the first line that begins a block with one of these words, which applies globally: lines
 * in a block are separate. A line appended to a file with blocks would belong to the last of them.
 */
export type Head = { head: 'match' | 'host|match' }

/** The default place of a line or block. */
export function usualPlace(path: string, text: StateText): Position | Head {
  const head = headOf(path)
  const isBlock = head !== undefined && new RegExp(`^(\\s*(#.*)?\n)*\\s*(${head.head})[\\s=]`, 'i').test(firstOf(text))
  return head === undefined || isBlock ? 'bottom' : head
}

/** Files of sshd_config(5) and ssh_config(5). */
function headOf(path: string): Head | undefined {
  if (/^\/etc\/ssh\/sshd_config(\.d\/[^/]+)?$/.test(path)) return { head: 'match' }
  return /(^\/etc\/ssh\/ssh_config(\.d\/[^/]+)?|\/\.ssh\/config)$/.test(path) ? { head: 'host|match' } : undefined
}

function firstOf(text: StateText): string {
  if (typeof text === 'string') return text
  const [first] = '$text' in text ? text.$text : []
  return typeof first === 'string' ? first : ''
}

export type EditState = {
  /** Each matching line, or each text between its markers. */
  found: StateText[]
  how: EditHow
  seen?: EditSeen
}
export type EditHow = { wish: EditWish }
/** Some accounts may not read the file. */
export type EditSeen = { private?: true }

export type EditWish = Wish & {
  path: string
  /** The line, or the text between the markers. */
  text: StateText
  create: boolean
  validate?: string | undefined
  present: boolean
}

const ELSE = form.optional(form.oneOf('top', 'bottom'))

export const EDIT_HOW = form.fields<EditHow>({
  wish: form.fields<EditWish>({
    match: form.either(
      form.fields<{ line: string; replaces?: string | undefined }>({
        line: form.text(),
        replaces: form.optional(form.text()),
      }),
      form.fields<{ open: string; close: string }>({ open: form.line(), close: form.line() }),
    ),
    position: form.either(
      form.oneOf('top', 'bottom'),
      form.fields<{ after: string; else?: 'top' | 'bottom' }>({ after: form.line(), else: ELSE }),
      form.fields<{ before: string; else?: 'top' | 'bottom' }>({ before: form.line(), else: ELSE }),
      form.fields<Head>({ head: form.oneOf('match', 'host|match') }),
    ),
    path: form.line(),
    text: form.stateText,
    create: form.flag,
    validate: form.optional(form.text()),
    present: form.flag,
  }),
})

/** The text as it is read back: without a final newline, and with plain line ends. */
export function blockText(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/\n$/, '')
}

/** Each matching line, or each text between the markers. */
export function found(text: string, { match, position }: Wish): string[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const end = typeof position === 'object' && 'head' in position ? endOfHead(lines, match, position) : lines.length
  if ('open' in match) return blocksIn(lines, match, end)
  const { line, replaces } = match
  return lines.slice(0, end).filter((each) => each === line || (replaces !== undefined && each.startsWith(replaces)))
}

/** Number of lines before the first block that is not global; the edit's own block does not count. */
function endOfHead(lines: readonly string[], match: Wish['match'], { head }: Head): number {
  const begins = new RegExp(`^[ \\t]*(${head})[ \\t="]`, 'i')
  const isForAll = (line: string): boolean =>
    head !== 'match' && /^[ \t]*(host[ \t]+\*|match[ \t]+all)[ \t]*$/i.test(line)
  let inside = false
  for (const [at, line] of lines.entries()) {
    if ('open' in match && line === match.open) inside = true
    if ('open' in match && line === match.close) inside = false
    if (!inside && begins.test(line) && !isForAll(line)) return at
  }
  return lines.length
}

/**
 * Finds blocks. A block begins at the last opening marker before a closing one, so that a stray marker includes
 * nothing.
 *
 * @param end Number of lines in which a block may begin.
 */
function blocksIn(lines: readonly string[], { open, close }: { open: string; close: string }, end: number): string[] {
  const blocks: string[] = []
  let start = -1
  for (const [at, line] of lines.entries()) {
    if (line === open && at < end) start = at
    if (line !== close || start === -1) continue
    blocks.push(lines.slice(start + 1, at).join('\n'))
    start = -1
  }
  return blocks
}

/**
 * Input of `EDIT_AWK`, one item per line: kind, two texts that match, position, its anchor, the place without an
 * anchor, then the lines to write.
 */
export function recordOf({ match, position }: Wish, lines: readonly string[]): string {
  const place = typeof position === 'string' ? [position, '', ''] : placeOf(position)
  const [kind, ...texts] =
    'open' in match ? ['block', match.open, match.close] : ['line', match.replaces ?? '', match.line]
  const framed = kind === 'block' && lines.length > 0 ? [texts[0], ...lines, texts[1]] : lines
  return `${[kind, ...texts, ...place, ...framed].join('\n')}\n`
}

function placeOf(position: Exclude<Wish['position'], string>): string[] {
  if ('head' in position) return ['head', position.head, '']
  const [where, anchor] = 'after' in position ? ['after', position.after] : ['before', position.before]
  return [where, anchor, position.else ?? '']
}

/** The line beginning to which a position refers. */
export function anchorOf(position: Wish['position']): string {
  return typeof position === 'string' ? '' : placeOf(position)[1]!
}

/**
 * Edits one file as its variable `record`, a file, specifies. `ended` is `no` when the last line of the file has no
 * newline; it then has none in the result either, while a line that is written has. Every line keeps its own line end, a new one has that of the first line.
 * Exits with 3 when no line begins with the anchor. Only `print` is used: sprintf of mawk, Debian's awk, has a limit.
 */
export const EDIT_AWK = String.raw`
function bare(text) { sub(/\r$/, "", text); return text }
function put(text) { if (started) print last; else text = mark text; last = text; started = 1 }
{ line[NR] = $0 }
END {
  while ((getline text < record) > 0) want[++wants] = text
  if (index(line[1], "\357\273\277") == 1) { mark = "\357\273\277"; line[1] = substr(line[1], length(mark) + 1) }
  end = line[1] ~ /\r$/ ? "\r" : ""
  if (NR > 0 && ended == "no") line[NR] = line[NR] end
  at = 0
  opened = 0
  head = NR
  for (i = 1; want[4] == "head" && i <= NR; i++) {
    text = bare(line[i])
    if (want[1] == "block" && text == want[2]) opened = 1
    if (want[1] == "block" && text == want[3]) opened = 0
    text = tolower(text)
    if (opened || text !~ "^[ \t]*(" want[5] ")[ \t=\"]") continue
    if (want[5] != "match" && text ~ /^[ \t]*(host[ \t]+[*]|match[ \t]+all)[ \t]*$/) continue
    head = i - 1
    break
  }
  opened = 0
  for (i = 1; i <= NR; i++) {
    text = bare(line[i])
    if (want[1] == "line") {
      if (i > head) break
      if (text == want[3] || (want[2] != "" && index(text, want[2]) == 1)) { drop[i] = 1; if (!at) at = i }
      continue
    }
    if (text == want[2] && i <= head) opened = i
    if (text == want[3] && opened) {
      for (j = opened; j <= i; j++) drop[j] = 1
      if (!at) at = opened
      opened = 0
    }
  }
  if (!at && want[4] == "top") at = 1
  if (!at && want[4] == "bottom") at = NR + 1
  if (!at && want[4] == "head") at = head + 1
  for (i = 1; !at && i <= NR; i++) if (index(bare(line[i]), want[5]) == 1) at = want[4] == "after" ? i + 1 : i
  if (!at && want[6] == "top") at = 1
  if (!at && want[6] == "bottom") at = NR + 1
  if (!at && wants > 6) exit 3
  for (i = 1; i <= NR + 1; i++) {
    if (i == at) for (j = 7; j <= wants; j++) { put(want[j] end); ours = 1 }
    if (i <= NR && !(i in drop)) { put(line[i]); ours = 0 }
  }
  if (!started) exit
  if (ended == "no" && !ours) { ORS = ""; if (end != "") last = bare(last) }
  print last
}
`
