/**
 * Tries configuration on the host as a plan would leave it, before anything is written. The copies are in a mount
 * namespace (unshare(1)), which other processes do not see and which ends with the trial.
 */
import type { GateView } from '../../../kit/resourceType.ts'
import { bytesTo, quote, raw, sh } from '../../../kit/shell.ts'
import type { Becomes, Touch } from '../../../kit/touch.ts'
import type { Reveal } from '../../../kit/value.ts'

/** Limits of time and space: an account that may write below the roots could put files of endless size there. */
const LIMITS = { seconds: 20, room: '64m' }

/**
 * Shell text that runs a program with the roots, files or folders, as they would become. It exits non-zero when they
 * cannot be created. Undefined when the client does not know everything that would be written there.
 */
export function trialText(
  roots: readonly string[],
  { touches, reveal }: GateView,
  program: string,
): string | undefined {
  const texts = touches.filter((touch) => isBelow(roots, touch)).map((touch) => textOf(touch, reveal))
  if (!texts.every((text) => text !== undefined)) return undefined
  return `timeout --kill-after=5 ${LIMITS.seconds} unshare --mount sh -eu <<'END-OF-TRIAL'
umask 077
mount -t tmpfs -o size=${LIMITS.room} none /tmp
for root in ${roots.map(quote).join(' ')}; do
  mkdir -p "/tmp/new\${root%/*}"
  cp -a -- "$root" "/tmp/new$root"
done
# A link must not lead out of the copies.
place() { new=/tmp/new$1; [ "$(realpath -m -- "\${new%/*}")" = "\${new%/*}" ]; }
${texts.join('\n')}
for root in ${roots.map(quote).join(' ')}; do mount --bind -- "/tmp/new$root" "$root"; done
{ ${program}; } </dev/null
END-OF-TRIAL`
}

type PathTouch = Extract<Touch, { path: string }>

/** Whether it touches a path at or below the roots. */
export function isBelow(roots: readonly string[], touch: Touch): touch is PathTouch {
  return 'path' in touch && roots.some((root) => touch.path === root || touch.path.startsWith(`${root}/`))
}

/** A secret in a file that decides about logins stays on standard input, like the rest of the program. */
function textOf({ path, becomes }: PathTouch, reveal: Reveal): string | undefined {
  if (becomes === undefined) return undefined
  const made = makingOf(becomes, reveal)
  return made === '' ? '' : `${sh`place ${path}`}\n${made}`
}

/** Shell text that makes `$new` what the touch says it becomes. */
function makingOf(becomes: Becomes, reveal: Reveal): string {
  if ('same' in becomes) return ''
  if ('gone' in becomes) return 'rm -rf -- "$new"'
  if ('edited' in becomes) return becomes.edited(reveal)
  const folder = 'mkdir -p -- "${new%/*}"'
  if ('link' in becomes) return `${folder}\n${sh`ln -sfn -- ${becomes.link} ${raw('"$new"')}`}`
  const empty = `${folder}\nrm -rf -- "$new"`
  if ('copy' in becomes) return `${empty}\n${sh`cat -- ${becomes.copy}`} > "$new"`
  return `${empty}\n${bytesTo(reveal(becomes.text), '"$new"')}`
}
