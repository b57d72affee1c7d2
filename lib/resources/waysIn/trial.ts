/**
 * Configuration as a plan would leave it, tried on the host before anything is written: copies in a mount namespace
 * (unshare(1)) that nothing outside of it sees, and that end with it.
 */
import type { GateChange, GateView, Json } from '../../kit/resourceType.ts'
import { quote, raw, sh } from '../../kit/shell.ts'
import { isSecretToken, isTextToken, type Reveal } from '../../kit/value.ts'
import { blockText, EDIT_AWK, type EditState, recordOf } from '../files/editLines.ts'

/**
 * Shell text that runs a program where the roots, files or folders, are as they would be. Its exit is not zero when they
 * cannot be made so. Undefined when the client does not know all that would be written there.
 */
export function trialText(roots: readonly string[], view: GateView, program: string): string | undefined {
  const texts = changesBelow(roots, view.changes).map((change) => textOf(change, view.reveal))
  if (!texts.every((text) => text !== undefined)) return undefined
  return `unshare --mount sh -eu <<'END-OF-TRIAL'
umask 077
mount -t tmpfs none /tmp
for root in ${roots.map(quote).join(' ')}; do
  mkdir -p "/tmp/new\${root%/*}"
  cp -a -- "$root" "/tmp/new$root"
done
# A link must not lead out of the copies.
place() { new=/tmp/new$1; [ "$(realpath -m -- "\${new%/*}")" = "\${new%/*}" ]; }
${bytesTo(EDIT_AWK, '/tmp/edit.awk')}
${texts.join('\n')}
for root in ${roots.map(quote).join(' ')}; do mount --bind -- "/tmp/new$root" "$root"; done
{ ${program}; } </dev/null
END-OF-TRIAL`
}

/** Changes of what lies at or below the roots. */
export function changesBelow(roots: readonly string[], changes: readonly GateChange[]): GateChange[] {
  return changes.filter((change) => {
    const path = pathOf(change)
    return path !== undefined && roots.some((root) => path === root || path.startsWith(`${root}/`))
  })
}

function pathOf({ type, name, before, after }: GateChange): string | undefined {
  const state = after ?? before
  switch (type) {
    case 'file':
    case 'directory':
    case 'symlink':
      return name
    case 'sudoers':
      return `/etc/sudoers.d/${name}`
    case 'edit':
      return isEdit(state) ? state.wish.path : undefined
    default:
      return undefined
  }
}

/** A secret in a file that decides who comes in stays on standard input, like the rest of the program. */
function textOf(change: GateChange, reveal: Reveal): string | undefined {
  const { type, after, before, fields } = change
  const path = pathOf(change) ?? ''
  if (type === 'edit') return editText(path, after ?? before, after !== null, reveal)
  const place = sh`place ${path}`
  if (after === null || kindOf(after) === 'nothing') return `${place}\nrm -rf -- "$new"`
  if (type === 'directory') {
    const others = fields.find(({ field }) => field === 'others')?.before
    const gone = Array.isArray(others) ? others.map(String) : []
    return gone.map((name) => `${sh`place ${`${path}/${name}`}`}\nrm -rf -- "$new"`).join('\n')
  }
  const put = contentText(after, reveal)
  return put === undefined ? undefined : `${place}\nmkdir -p -- "\${new%/*}"\n${put}`
}

/** Puts at `$new` what a file or link is to be; nothing where only its rights change. */
function contentText(after: Json, reveal: Reveal): string | undefined {
  if (typeof after !== 'object' || after === null) return undefined
  if ('target' in after && typeof after.target === 'string') return sh`ln -sfn -- ${after.target} ${raw('"$new"')}`
  const content = 'content' in after ? after.content : undefined
  if (typeof content === 'string' || isSecretToken(content) || isTextToken(content))
    return `rm -rf -- "$new"\n${bytesTo(reveal(content), '"$new"')}`
  if ('kept' in after && typeof after.kept === 'string') return `rm -rf -- "$new"\n${sh`cat -- ${after.kept}`} > "$new"`
  return 'source' in after && after.source !== undefined ? undefined : ':'
}

function editText(path: string, state: unknown, present: boolean, reveal: Reveal): string | undefined {
  if (!isEdit(state)) return undefined
  const { wish } = state
  const lines = present && wish.present ? blockText(reveal(wish.text)).split('\n') : []
  return `${sh`place ${path}`}
${wish.create ? '[ -e "$new" ] || : > "$new"' : ''}
${bytesTo(recordOf(wish, lines), '/tmp/record')}
ended=yes; [ -z "$(tail -c 1 "$new")" ] || ended=no
awk -v record=/tmp/record -v ended="$ended" -f /tmp/edit.awk "$new" > /tmp/next
mv -f /tmp/next "$new"`
}

function isEdit(state: unknown): state is EditState {
  return typeof state === 'object' && state !== null && 'wish' in state
}

function kindOf(state: Json): unknown {
  return typeof state === 'object' && state !== null && 'kind' in state ? state.kind : undefined
}

/** @param to Already quoted. */
function bytesTo(text: string, to: string): string {
  return `printf %s ${Buffer.from(text).toString('base64')} | base64 -d > ${to}`
}
