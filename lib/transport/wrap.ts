/**
 * How a program gets to a host and starts there as root in known surroundings, whatever the account's login shell is.
 *
 * The text handed to the login shell is fixed: it holds nothing of the program, and only what sh, bash, zsh, fish and
 * tcsh read alike (single quotes without `!`, backslash-quote or newline). Everything else travels on stdin: a line
 * `MARK LENGTH`, LENGTH bytes of program, then the program's own input.
 */
import { randomBytes } from 'node:crypto'

/** How a program becomes root. `sudo-password` waits for sudo's prompt before it sends anything. */
export type Privilege = 'root' | 'sudo' | 'sudo-password'

/** Written to stderr by the wrapper once it reads stdin, so that nobody sends a program to a password prompt. */
export const READY = '\x1eready\n'

/** Exit of a wrapper that did not get its program whole, and so did not run it. */
export const INCOMPLETE = 125

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Reads the program and runs it. Nothing of a program that arrives cut off, or shifted because a start file read from
 * stdin, is executed: its first bytes and its length are checked first. Positional parameters instead of variables
 * keep the program out of the environment of what it starts. The subshell lets a program `exit` or `exec` and still
 * be followed by the closing mark, which tells its output from that of background processes it left behind. The
 * opening mark gives the process group, the fifth word of /proc/PID/stat, so that a program given up can be ended.
 */
const WRAPPER = [
  'umask 022; cd /; unset OLDPWD',
  'printf "\\036ready\\n" >&2',
  'read -r m n || exit 125',
  'set -- "$m" "$n" "$(head -c "$n")"; unset m n',
  'case $3 in ": $1; "*) ;; *) exit 125 ;; esac',
  '[ ${#3} -eq "$2" ] || exit 125',
  'read -r p c s f g r </proc/$$/stat; printf "\\036%s %s %s\\n" "$1" "$g" "$SSH_CONNECTION"; printf "\\036%s\\n" "$1" >&2',
  'unset p c s f g r',
  '(eval "set --; $3")',
  'set -- "$1" $?',
  'printf "\\036%s %s\\n" "$1" "$2"; printf "\\036%s\\n" "$1" >&2',
  'exit "$2"',
].join('; ')

/** The environment starts empty, so ENV, CDPATH, LANGUAGE and exported functions have no say. */
const CLEAN = `env -i SSH_CONNECTION="$SSH_CONNECTION" LC_ALL=C PATH=${PATH} HOME=/root USER=root LOGNAME=root SHELL=/bin/sh`

/**
 * Command text for the login shell: starts the wrapper as root.
 *
 * @param prompt What sudo shows when it wants the password; used with `sudo-password` only.
 */
export function startCommand(privilege: Privilege, prompt: string): string {
  // sudo speaks the account's language unless told otherwise, and its refusals are read here.
  const becomeRoot: Record<Privilege, string> = {
    root: '',
    sudo: 'env LC_ALL=C sudo -n -- ',
    'sudo-password': `env LC_ALL=C sudo -S -p "${prompt}" -- `,
  }
  return `exec sh -c 'exec ${becomeRoot[privilege]}${CLEAN} sh -c "$0"' '${WRAPPER}'`
}

/** Random text of one run, for marks and prompts: hexadecimal, so it needs no quoting anywhere. */
export function randomMark(): string {
  return `keelson-${randomBytes(16).toString('hex')}`
}

/**
 * What stands on stdin before the program's input.
 *
 * @throws {TypeError} When the program holds a NUL byte, which no shell variable can.
 */
export function envelope(program: string, mark: string): Buffer {
  if (program.includes('\0')) throw new TypeError('a program cannot hold a NUL byte: sh would drop it')
  // Command substitution strips trailing newlines; the comment keeps the length what it was.
  const text = Buffer.from(`: ${mark}; ${program}\n#`)
  return Buffer.concat([Buffer.from(`${mark} ${text.length}\n`), text])
}
