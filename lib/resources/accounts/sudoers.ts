/**
 * A file in /etc/sudoers.d: who may run what as whom (sudoers(5)). Read with find(1) and cat(1); checked with
 * visudo(8), alone before it is installed and with all others after.
 */
import { payload } from '../../kit/prelude.ts'
import { refOf, type TypedRef } from '../../kit/ref.ts'
import type { ResourceType } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { accountName, ensure, text } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'
import { undoWholeFile, wholeFileReader, WHOLE_FILE, type WholeFileState } from '../../kit/files/wholeFile.ts'

/**
 * @example
 * // Members of a group may do anything as the account of the application.
 * sudoers({ name: 'editors', group: 'editors', commands: ['ALL'], runAs: 'app' })
 * @example
 * sudoers({ name: 'patience', content: 'Defaults timestamp_timeout=5\n' })
 */
export type Sudoers = {
  /** File name in /etc/sudoers.d; no dot and no `~`, since sudo silently ignores such files. */
  name: string
  /** User who gets the right. */
  user?: string
  /** Group whose members get the right; with `user`, both get it. */
  group?: string
  /**
   * Full command lines, or `'ALL'`. One without arguments allows any arguments (sudoers(5)); patterns are refused,
   * because `*` also matches blanks and further arguments.
   */
  commands?: readonly string[]
  /** Account as which the commands run. @default 'root' */
  runAs?: string
  /** Whether sudo asks for no password. @default false */
  noPassword?: boolean
  /** The file's text in sudo's own syntax, instead of the fields above. */
  content?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export const sudoers: ResourceType<Sudoers, WholeFileState> = {
  type: 'sudoers',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$',
        description: 'a file name of letters, digits, "-" and "_"; sudo ignores files with a dot',
      },
      user: accountName,
      group: accountName,
      commands: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: {
          type: 'string',
          maxLength: 1000,
          pattern: '^(ALL|/[A-Za-z0-9_./@%+:=,-]+( [A-Za-z0-9_./@%+:=,~-]+)*)$',
          description:
            '"ALL", or a command by its whole path, such as "/usr/bin/systemctl restart app"; patterns are refused',
        },
      },
      runAs: accountName,
      noPassword: { type: 'boolean' },
      content: text,
      ensure,
    },
  },
  name: (props) => props.name,
  check: checkProps,
  desired: (props) => ({ content: props.content ?? render(props), mode: '0440', owner: 'root:root' }),
  needs: (_name, { content }) => [refOf('package', 'sudo'), ...accountsIn(content)],
  claims: (name) => [`path:${pathOf(name)}`],
  state: form.fields<WholeFileState>(WHOLE_FILE),
  read: wholeFileReader(pathOf),
  touches: ({ name, after }) => [
    { path: pathOf(name), becomes: after === null ? { gone: true } : { text: after.content } },
  ],
  steps: ({ name, after }) => [
    {
      title: `write ${pathOf(name)}`,
      command: `visudo -cf ${pathOf(name)}`,
      run: `${REQUIRE_SUDO}
old="$P"/old
sudo_mistakes > "$P"/known
${sh`read_file ${pathOf(name)} "$old" || [ $? = "$NOTHING" ]`}
${sh`replace_file ${pathOf(name)} root root 0440 ${payload('new')} visudo -cqf`}
if ! visudo -cq > /dev/null 2>&1 && said=$(sudo_mistakes | grep -vxF -f "$P"/known); then
  ${sh`if [ -f "$old" ]; then replace_file ${pathOf(name)} root root 0440 "$old"; else remove_file ${pathOf(name)}; fi`}
  ${sh`fail "with ${name} sudo's configuration as a whole is wrong: $said; the file was put back as it was"`}
fi`,
      payload: { new: after.content },
    },
  ],
  remove: ({ name }) => [{ title: `remove ${pathOf(name)}`, run: sh`remove_file ${pathOf(name)}` }],
  undo: undoWholeFile,
}

/** An earlier error, in this file or in others, does not prevent correcting this file. */
const REQUIRE_SUDO = `command -v visudo >/dev/null || fail 'sudo is not installed; declare the package sudo first'
sudo_mistakes() { visudo -c 2>&1 | grep -vE '(: parsed OK$|^Warning: )' || :; }`

function pathOf(name: string): string {
  return `/etc/sudoers.d/${name}`
}

function checkProps({ content, user, group, commands, runAs, noPassword }: Sudoers): string[] {
  const fields = [user, group, commands, runAs, noPassword].some((field) => field !== undefined)
  if (content !== undefined) {
    if (fields) return ['give content, or user, group and commands, not both']
    return content.endsWith('\n') ? [] : ['content must end with a newline']
  }
  if (user === undefined && group === undefined) return ['say who: user, group or content']
  if (commands === undefined) return ["say what they may run: commands, such as ['/usr/bin/systemctl restart api']"]
  return commands.flatMap((command) => {
    const [program = ''] = command.split(' ')
    if (/\/\.{0,2}$/.test(program))
      return [`command ${JSON.stringify(command)} is a folder to sudo, and allows all in it`]
    // sudo drops the folder, and takes the arguments as files to edit.
    if (program.endsWith('/sudoedit')) return [`command ${JSON.stringify(command)} is sudo's own sudoedit; use content`]
    return []
  })
}

function render({ user, group, commands = [], runAs = 'root', noPassword = false }: Sudoers): string {
  const tag = noPassword ? 'NOPASSWD: ' : ''
  const rights = `ALL=(${runAs}) ${tag}${commands.map(escape).join(', ')}`
  const who = [...(user === undefined ? [] : [user]), ...(group === undefined ? [] : [`%${group}`])]
  return who.map((one) => `${one} ${rights}\n`).join('')
}

/** In a command `,`, `:` and `=` are special and need a backslash (sudoers(5), "Other special characters"). */
function escape(command: string): string {
  return command.replaceAll(/[,:=]/g, '\\$&')
}

function accountsIn(content: string): TypedRef[] {
  return content.split('\n').flatMap((line) => {
    const [, percent, name] = /^(%?)([a-z_][a-z0-9_-]*[$]?) ALL=/.exec(line) ?? []
    return name === undefined ? [] : [percent === '%' ? refOf('group', name) : refOf('user', name)]
  })
}
