/**
 * Files below /etc/systemd/system: reads them with what systemd has loaded of them, and replaces several at once.
 * Shared by `unit`, `drop-in` and `timer`.
 */
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import { refOf, type TypedRef } from '../../kit/ref.ts'
import type { Output, Step, Was, UndoTarget } from '../../kit/resourceType.ts'
import { lines, quote, raw, sh, type ShellText } from '../../kit/shell.ts'
import { parseSmallFiles, readSmallFiles, type SmallFile } from '../../kit/files/smallFiles.ts'

const ROOT = '/etc/systemd/system'

export type UnitFileState = {
  content: string
  mode: string
  /** `user:group` */
  owner: string
  /** False while systemd still runs with an older version of this unit's files. */
  loaded: boolean
}

/** For `state`. */
export const UNIT_FILE = {
  content: form.shownAs('text', form.text()),
  mode: form.inner(form.line()),
  owner: form.inner(form.line()),
  loaded: form.inner(form.flag),
} as const

/** The path of a resource's file, and the unit that it belongs to. */
export type UnitFile = { unit: string; path: string }

export const unitPath = (unit: string): string => `${ROOT}/${unit}`
export const dropInPath = (unit: string, name: string): string => `${ROOT}/${unit}.d/${name}.conf`

export function desiredFile(content: string): UnitFileState {
  return { content, mode: '0644', owner: 'root:root', loaded: true }
}

/** One listing, one cat, one `systemctl show`. The output stays the same while the host does: no ids, no times. */
export function readUnitFiles(files: readonly UnitFile[], properties: readonly string[] = []): string {
  const shown = ['Id', 'Names', 'NeedDaemonReload', ...properties].join(',')
  const patterns = [...new Set(files.map(({ unit }) => showPattern(unit)))]
  return `${readSmallFiles(files.map(({ path }) => path))}
printf '\\0'
${sh`systemctl show -p ${shown} -- ${patterns}`}`
}

/** For `compare`: only the files. Any step that enables a unit makes systemd load all of them. */
export function readUnitFilesAlone(files: readonly UnitFile[]): string {
  return readSmallFiles(files.map(({ path }) => path))
}

/**
 * A template has no state of its own; its loaded instances do. A backslash, as in `srv-data\\x2dstore`, is special only
 * where systemctl sees a pattern.
 */
function showPattern(unit: string): string {
  return unit.includes('@.') ? unit.replaceAll('\\', '\\\\').replace('@.', '@*.') : unit
}

/** Output of `systemctl show` for one unit, by property. */
export type Shown = { [property: string]: string }

export type ReadUnitFiles = { files: Map<string, SmallFile>; shown: Shown[] }

/** @throws {Error} When systemctl did not answer. */
export function parseUnitFiles({ stdout, stderr, exit }: Output): ReadUnitFiles {
  const end = stdout.lastIndexOf('\0')
  if (end < 0 || exit !== 0) throw new Error(`systemctl show: exit ${exit}, said ${JSON.stringify(stderr || stdout)}`)
  const shown = stdout
    .slice(end + 1)
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map(parseShown)
  return { files: parseSmallFiles({ stdout: stdout.slice(0, end) }), shown }
}

/** `Property=value` lines. */
export function parseShown(block: string): Shown {
  return Object.fromEntries(
    lines(block.trim()).map((line) => {
      const equals = line.indexOf('=')
      if (equals < 1) throw new Error(`systemctl show: expected Property=value, got ${JSON.stringify(line)}`)
      return [line.slice(0, equals), line.slice(equals + 1)]
    }),
  )
}

/** State of one file; null when nothing is there. A link or directory in its place is reported as such. */
export function fileState({ unit, path }: UnitFile, read: ReadUnitFiles): UnitFileState | null {
  const file = read.files.get(path)
  if (file === undefined) return null
  const loaded = !read.shown.some((one) => isOf(unit, one) && one['NeedDaemonReload'] === 'yes')
  if (file.kind === 'file') return { content: file.bytes.toString('utf8'), mode: file.mode, owner: file.owner, loaded }
  const stands = file.kind === 'link' ? `(a link to ${file.target})` : '(not a file)'
  return { content: stands, mode: '', owner: '', loaded }
}

export function isOf(unit: string, shown: Shown): boolean {
  const names = `${shown['Id'] ?? ''} ${shown['Names'] ?? ''}`.split(' ')
  if (!unit.includes('@.')) return names.includes(unit)
  const [prefix = '', suffix = ''] = unit.split('@.')
  return names.some((name) => name.startsWith(`${prefix}@`) && name.endsWith(`.${suffix}`))
}

/** What systemd has yet to load is not restored. */
export function undoUnitFile<State extends UnitFileState>({ before }: Was<State>): UndoTarget<State> | undefined {
  if (before === null) return undefined
  if (before.mode === '') return { cannot: 'something other than a file stood there' }
  return { state: { ...before, loaded: true } }
}

/** Users, groups and environment files that a unit's text names. */
export function refsIn(content: string): TypedRef[] {
  const refs: TypedRef[] = []
  for (const line of content.split('\n')) {
    const [, key, value = ''] = /^(User|Group|EnvironmentFile|WorkingDirectory)=-?(.+)$/.exec(line) ?? []
    if (key === 'User') refs.push(refOf('user', value), refOf('group', value))
    if (key === 'Group') refs.push(refOf('group', value))
    if (key === 'EnvironmentFile') refs.push(refOf('file', value))
    if (key === 'WorkingDirectory') refs.push(refOf('directory', value))
  }
  return refs
}

/** A file to write (content) or remove (null). */
export type UnitFileWork = UnitFile & { content: string | null }

/**
 * One step: systemd checks every candidate before any is installed, then all are replaced, systemd reloads its units
 * once, and the step checks that it now runs with these files.
 *
 * @param extra Shell text that runs afterwards, such as starting a timer.
 */
export function replaceUnitFiles(work: readonly UnitFileWork[], extra: string[] = []): Step {
  const writes = work.filter(({ content }) => content !== null)
  const removals = work.filter(({ content }) => content === null)
  const program = [
    ...(writes.length > 0 ? [checkCandidates(writes)] : []),
    ...removals.map(takeAway),
    ...writes.map(put),
    'systemctl daemon-reload',
    ...writes.map(({ unit }) => observeLoaded(unit)),
    ...extra,
  ]
  return {
    title: title(work),
    run: program.join('\n'),
    payload: Object.fromEntries(writes.map(({ content }, index) => [`unit${index}`, content ?? ''])),
  }
}

function title(work: readonly UnitFileWork[]): string {
  const names = work.map(({ path }) => path.slice(ROOT.length + 1))
  const shown = names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ')
  return `${work.every(({ content }) => content === null) ? 'remove' : 'write'} ${shown}; systemctl daemon-reload`
}

/**
 * Puts the candidates in a private folder, from which systemd-analyze reads them.
 *
 * Some releases print unknown keys and bad values with exit 0 (seen on systemd 252), so the output decides. It ignores
 * complaints that may resolve later, such as a missing unit or program, and faults of other units.
 */
function checkCandidates(writes: readonly UnitFileWork[]): string {
  const placed = writes.map(({ path }, index) => {
    const place = inCheck(path.slice(ROOT.length + 1))
    return sh`mkdir -p -- "$(dirname -- ${place})"; cat -- ${payload(`unit${index}`)} > ${place}`
  })
  const units = [...new Set(writes.map(({ unit }) => unit))]
  return [
    'check=$P/check; rm -rf -- "$check"; mkdir -m 0700 -- "$check"',
    ...placed,
    'set --',
    ...units.map(addToCheck),
    CHECK,
  ].join('\n')
}

function inCheck(name: string): ShellText {
  return raw(`"$check"/${quote(name)}`)
}

/** The unit's own file: the candidate, or for a drop-in the host's. A missing unit is not checked. */
function addToCheck(unit: string): string {
  const place = inCheck(unit)
  return sh`if [ -f ${place} ]; then set -- "$@" ${place}; else
  fragment=$(systemctl show -p FragmentPath --value -- ${unit} 2>/dev/null) || fragment=
  if [ -f "$fragment" ]; then set -- "$@" "$fragment"; fi
fi`
}

const CHECK = `if [ $# -gt 0 ]; then
  said=$(in_time env SYSTEMD_UNIT_PATH="$check:" SYSTEMD_LOG_LEVEL=info SYSTEMD_LOG_TARGET=console systemd-analyze verify --man=no -- "$@" 2>&1) ||
    case $? in 124 | 137) fail "$said; nothing was replaced" ;; esac
  wrong=
  while IFS= read -r line; do
    case $line in
      *' not found.' | *'is not executable: No such file or directory' | *'Cannot add dependency job'*) ;;
      "$check/"*) wrong="$wrong
\${line#"$check/"}" ;;
      *) for file in "$@"; do case $line in "\${file##*/}: "* | "Unit \${file##*/} "*) wrong="$wrong
$line" ;; esac; done ;;
    esac
  done <<END_OF_CHECK
$said
END_OF_CHECK
  [ -z "$wrong" ] || fail "systemd refuses these unit files; nothing was replaced:$wrong"
fi`

function put({ path }: UnitFileWork, index: number): string {
  const dir = path.slice(0, path.lastIndexOf('/'))
  const makeDir = dir === ROOT ? '' : `${sh`make_folder ${dir}`}\n`
  return `${makeDir}${sh`replace_file ${path} root root 0644 ${payload(`unit${index}`)}`}`
}

/** Removing a unit stops it first: without its file nothing could stop it later. */
function takeAway({ unit, path }: UnitFileWork): string {
  if (path !== unitPath(unit)) {
    const dir = path.slice(0, path.lastIndexOf('/'))
    return sh`remove_file ${path}; remove_directory ${dir} 2>/dev/null || :`
  }
  // disable exits with 1 for a unit whose file was removed by a run that was cut off; what matters is that the links
  // are gone.
  return unit.includes('@.')
    ? sh`systemctl --quiet disable -- ${unit} || [ ! -e ${path} ]; remove_file ${path}`
    : sh`if [ -e ${path} ] && ! systemctl --quiet disable --now -- ${unit}; then
  # Systemd 257 does not disable what it cannot read, but what is gone (seen on Debian 13).
  systemctl stop -- ${unit}; remove_file ${path}; systemctl --quiet disable -- ${unit}
fi
remove_file ${path}; systemctl reset-failed -- ${unit} 2>/dev/null || :`
}

function observeLoaded(unit: string): string {
  if (unit.includes('@.')) return ':'
  return sh`case $(systemctl show -p LoadState,NeedDaemonReload -- ${unit}) in
  *NeedDaemonReload=yes*) fail ${`${unit}: systemd still runs with the old file after daemon-reload`} ;;
  *LoadState=bad-setting* | *LoadState=error*) fail ${`${unit}: systemd cannot load this unit; see: systemctl status ${unit}`} ;;
esac`
}
