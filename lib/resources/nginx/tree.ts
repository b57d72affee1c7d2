/**
 * Files below /etc/nginx: their state, and a step that replaces several at once after nginx has tested the resulting
 * tree.
 */
import { createHash } from 'node:crypto'
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import type { Context, Step, Was, UndoTarget } from '../../kit/resourceType.ts'
import { quote, sh } from '../../kit/shell.ts'
import { holdsSecret, type StateText } from '../../kit/value.ts'
import type { SmallFile } from '../../kit/files/smallFiles.ts'

export const NGINX = '/etc/nginx'

export type NginxFileState = {
  /** For a desired state with secrets, the reading contains only `sha256:…`. */
  content: StateText
  mode: string
  /** `user:group` */
  owner: string
}

/** For `state`. */
export const NGINX_FILE = {
  content: form.shownAs('text', form.stateText),
  mode: form.inner(form.line()),
  owner: form.inner(form.line()),
} as const

/** Only root may read text with secrets; nginx reads its configuration as root. */
export function desiredNginxFile(content: StateText): NginxFileState {
  return { content, mode: holdsSecret(content) ? '0600' : '0644', owner: 'root:root' }
}

export function observedNginxFile(file: SmallFile, desired: NginxFileState | null): NginxFileState {
  if (file.kind === 'link') return { content: `(a link to ${file.target})`, mode: '', owner: '' }
  if (file.kind !== 'file') return { content: '(not a file, or a very long one)', mode: '', owner: '' }
  const { bytes, mode, owner } = file
  const hidden = desired !== null && holdsSecret(desired.content)
  return { content: hidden ? digest(bytes) : bytes.toString('utf8'), mode, owner }
}

function digest(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Something other than a file that was there is only described in words. */
export function undoNginxFile<State extends NginxFileState>({ before }: Was<State>): UndoTarget<State> | undefined {
  return before !== null && before.mode === '' ? { cannot: 'something other than a file stood there' } : undefined
}

/** A file and its link to be brought about; content null takes the file away, link target null the link. */
export type NginxWork = {
  path: string
  content: StateText | null
  mode: string
  link?: { path: string; target: string | null }
}

/**
 * Makes one step for all files: tests the resulting tree in a private place, and only then replaces the live files,
 * each atomically. Links are removed first and created last, so that no incomplete vhost is ever enabled. The step does
 * not reload nginx.
 */
export function replaceNginxFiles(work: readonly NginxWork[], { reveal }: Context): Step {
  const files = work.map((one, index) => ({ ...one, source: `file${index}` }))
  const writes = files.filter(({ content }) => content !== null)
  return {
    title: titleOf(work),
    command: 'nginx -t',
    run: [
      CHECK_INSTALLED,
      'tree=$P/tree; rm -rf -- "$tree" "$P/before"; cp -a -- /etc/nginx "$tree"',
      CANDIDATE,
      ...files.flatMap(placeInCandidate),
      TEST_CANDIDATE,
      ...files.flatMap(dropLink),
      ...files.filter(({ content }) => content === null).map(({ path }) => sh`remove_file ${path}`),
      ...writes.map(putFile),
      ...writes.flatMap(putLink),
      ...directoriesOf(work).map((dir) => sh`if [ -d ${dir} ]; then sync -- ${dir}; fi`),
    ].join('\n'),
    payload: Object.fromEntries(writes.map(({ source, content }) => [source, reveal(content ?? '')])),
  }
}

function titleOf(work: readonly NginxWork[]): string {
  const names = work.map(({ path }) => path.slice(NGINX.length + 1))
  const shown = names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ')
  return `nginx -t with ${shown}, then put in place`
}

type Sourced = NginxWork & { source: string }

const CHECK_INSTALLED = `if [ ! -d /etc/nginx ] || ! command -v nginx >/dev/null; then
  fail 'nginx is not installed on this host: declare its package before its configuration'
fi`

/**
 * `candidate PATH` sets `place` to the path's candidate in the tree. A link in the tree that leads out of it would lead
 * to the live files.
 */
const CANDIDATE = `candidate() {
  place=$tree\${1#${NGINX}}
  case $(realpath -m -- "\${place%/*}")/ in
    "$tree"/*) rm -rf -- "$place" ;;
    *) fail "\${1%/*} leads out of ${NGINX} by a link: $1 is left alone. Make it a folder" ;;
  esac
}`

function placeInCandidate({ path, content, link, source }: Sourced): string[] {
  const text = sh`candidate ${path}`
  const file = content === null ? [] : [sh`mkdir -p -- "\${place%/*}"; cat -- ${payload(source)} > "$place"`]
  if (link === undefined) return [text, ...file]
  const made = link.target === null ? [] : [sh`ln -s -- ${link.target} "$place"`]
  return [text, ...file, sh`candidate ${link.path}`, ...made]
}

/**
 * Warnings of a configuration that has effect as it is written: what a later nginx spells otherwise, a certificate
 * without a responder to staple, a type or an address named more precisely than counts, and memory or open files that
 * depend on the host; the limit of open files is that of the test, not of the service.
 */
const HARMLESS = [
  ' is (deprecated|obsolete)',
  '^"ssl_stapling" ignored, ',
  '^duplicate MIME type ',
  '^low address bits of .* are meaningless',
  '^could not build optimal ',
  ' exceed open file resource limit',
].join('|')

/**
 * `nginx -t` opens logs, creates its pid file and temporary directories (seen on Debian 12 and 13 with nginx stopped),
 * so it runs in a mount namespace in which the candidate is /etc/nginx, and log and state directories are empty copies.
 * nginx does not fail on a warning, but a second vhost of the same name only causes one; so warnings count, except
 * those that the present tree causes too (their time and process id, which differ, are cut off), and those of HARMLESS.
 * Server names may have to be looked up, which is slow, and nginx would wait forever for a pipe in the tree.
 */
const TEST_CANDIDATE = `pipes=$(find "$tree" -type p -printf ' /etc/nginx/%P' | head -c 1000)
most=60
[ -z "$pipes" ] || most=10
test_tree() {
  timeout --kill-after=5 "$most" unshare --mount sh -c '
    set -eu
    rm -rf -- "$2"; mkdir -m 0700 -- "$2"
    (cd /var/log && find . -type d -print0) | (cd "$2" && xargs -0 mkdir -p --)
    mount --bind -- "$1" /etc/nginx
    mount --bind -- "$2" /var/log
    if [ -d /var/lib/nginx ]; then mount -t tmpfs -o mode=0755 tmpfs /var/lib/nginx; fi
    exec nginx -t
  ' sh "$1" "$P/logs" 2>&1
}
had_pid=no; [ ! -e /run/nginx.pid ] || had_pid=yes
verdict=ok
said=$(test_tree "$tree") || case $? in 124 | 137) verdict=late ;; *) verdict=refused ;; esac
warnings() { grep -F '[warn]' | sed 's/^.*\\[warn\\] *\\([0-9#]*: \\)\\{0,1\\}//; s/:[0-9]*$//' | grep -Ev ${quote(HARMLESS)} | sort -u || :; }
if [ "$verdict" = ok ]; then
  printf '%s\\n' "$said" | warnings > "$P/warnings"
  if [ -s "$P/warnings" ]; then
    cp -a -- /etc/nginx "$P/before"
    { test_tree "$P/before" || :; } | warnings > "$P/known"
    [ -z "$(comm -23 -- "$P/warnings" "$P/known")" ] || verdict=warned
  fi
fi
if [ "$had_pid" = no ] && [ -e /run/nginx.pid ] && [ ! -s /run/nginx.pid ]; then rm -f -- /run/nginx.pid; fi
case $verdict in
  late) fail "nginx -t did not end within $most s\${pipes:+: it may be waiting for pipes:$pipes}; nothing was replaced" ;;
  refused) printf '%s\\n' "$said" >&2; fail 'nginx refuses this configuration; nothing was replaced' ;;
  warned) printf '%s\\n' "$said" >&2; fail 'nginx warns of this configuration, which means a part of it is ignored; nothing was replaced' ;;
esac`

/** Removes the link when it is to be absent. A link to the wrong place is replaced later, at once. */
function dropLink({ link, content }: Sourced): string[] {
  return link !== undefined && (link.target === null || content === null) ? [sh`remove_file ${link.path}`] : []
}

function putFile({ path, mode, source }: Sourced): string {
  return sh`make_folder ${path.slice(0, path.lastIndexOf('/'))}
replace_file ${path} root root ${mode} ${payload(source)}`
}

function putLink({ link }: Sourced): string[] {
  if (link === undefined || link.target === null) return []
  return [
    sh`make_folder ${link.path.slice(0, link.path.lastIndexOf('/'))}; make_link ${link.path} ${link.target} force`,
  ]
}

function directoriesOf(work: readonly NginxWork[]): string[] {
  const paths = work.flatMap(({ path, link }) => [path, ...(link ? [link.path] : [])])
  return [...new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))))]
}
