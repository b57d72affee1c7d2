/**
 * Lines of /etc/fstab (fstab(5)): found in its text here, changed by awk(1) on the host, so that those of others stay.
 */
import { changeText } from '../../kit/files/changeText.ts'
import { parseSmallFiles } from '../../kit/files/smallFiles.ts'
import { lines, sh } from '../../kit/shell.ts'

export const FSTAB = '/etc/fstab'

export type FstabEntry = { source: string; path: string; type: string; options: string; pass: number }

/** Which of its lines is meant: the place of a file system, or a swap file. */
export type Which = { path: string } | { swap: string }

/** @param output Of `readSmallFiles([FSTAB])`. */
export function parseFstab(output: { stdout: string }): FstabEntry[] {
  const file = parseSmallFiles(output).get(FSTAB)
  if (file?.kind !== 'file') return []
  return lines(file.bytes.toString('utf8')).flatMap((line) => {
    const [source = '', path = '', type, options = 'defaults', _dump, pass = '0'] = line.trim().split(/[ \t]+/)
    if (type === undefined || source.startsWith('#')) return []
    return [
      {
        source: decoded(source),
        path: decoded(path).replace(/(?!^)\/+$/, ''),
        type,
        options: decoded(options),
        pass: Number(pass) || 0,
      },
    ]
  })
}

/** Octal for what would end a field or begin a comment. */
function encoded(field: string): string {
  return field.replaceAll(/[ \t\n\\#]/g, octal)
}

function octal(char: string): string {
  return `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`
}

/** Also of /proc/self/mountinfo and /proc/swaps (proc(5)). */
export function decoded(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function lineOf({ source, path, type, options, pass }: FstabEntry): string {
  return [source, path, type, options, '0', String(pass)].map((field) => encoded(field)).join(' ')
}

/** Values come by the environment, in which awk(1) leaves backslashes alone. */
const PROGRAM = `
function bare(path) { if (length(path) > 1) sub(/\\/+$/, "", path); return path }
BEGIN { line = ENVIRON["k_line"]; place = ENVIRON["k_place"]; swap = ENVIRON["k_swap"] }
$1 !~ /^#/ && NF > 2 && (swap == "yes" ? $3 == "swap" && $1 == place : $3 != "swap" && bare($2) == place) {
  if (line != "" && !done) print line
  done = 1
  next
}
{ print }
END { if (line != "" && !done) print line }`

/** Shell text that puts a line in the place of the one that is meant, or takes that away, and tells systemd. */
export function changeFstab(which: Which, entry: FstabEntry | null): string {
  const place = 'swap' in which ? which.swap : which.path
  const variables = sh`k_line=${entry === null ? '' : lineOf(entry)} k_place=${encoded(place)} k_swap=${'swap' in which ? 'yes' : 'no'}`
  return `[ -e ${FSTAB} ] || { : > "$P"/fstab; replace_file ${FSTAB} root root 0644 "$P"/fstab; }
${changeText(FSTAB, `${variables} awk ${sh`${PROGRAM}`}`)}
systemctl daemon-reload`
}
