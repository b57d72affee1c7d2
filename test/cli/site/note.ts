/** A small resource type, so that the command line is tried without depending on any of the real ones. */
import { resource } from '../../../lib/dsl/declare.ts'
import * as form from '../../../lib/kit/form.ts'
import type { ResourceType } from '../../../lib/kit/resourceType.ts'
import type { PropsSchema } from '../../../lib/kit/schema.ts'
import { forEach, raw, sh, type ShellText } from '../../../lib/kit/shell.ts'

export type Note = {
  /** File name below /etc/notes. */
  title: string
  text: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}
export type NoteState = { text: string }

/** Texts that make writing a note go wrong, or wait for a word from outside. */
const HINDRANCES: { [text: string]: ShellText } = {
  fail: raw('echo "no ink left" >&2; exit 3'),
  wait: raw('until [ -e /run/go-on ]; do sleep 0.1; done'),
}

/** Text of a note that is certain to lock its writer out. */
const SHUT = 'shut the door'

const noteType: ResourceType<Note, NoteState> = {
  type: 'note',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['title', 'text'],
    properties: {
      title: { type: 'string', pattern: '^[a-z0-9-]+$' },
      text: { type: 'string' },
      ensure: { enum: ['present', 'absent'] },
    },
  } as const satisfies PropsSchema<Note>,
  name: ({ title }) => title,
  desired: ({ text, ensure = 'present' }) => (ensure === 'present' ? { text } : null),
  state: form.fields<NoteState>({ text: form.text() }),
  read: {
    command: (wanted) =>
      forEach(
        wanted.map(({ name }) => `/etc/notes/${name}`),
        `sh -c 'for note do [ -e "$note" ] || continue; printf "%s\\0" "\${note##*/}"; cat -- "$note"; printf "\\0"; done' sh`,
      ),
    parse: ({ stdout }) => {
      const parts = stdout.split('\0')
      return new Map(
        parts.flatMap((part, index) => (index % 2 === 0 && part !== '' ? [[part, { text: parts[index + 1]! }]] : [])),
      )
    },
  },
  consequence: ({ after }) => (after?.text === SHUT ? 'lockout' : 'safe'),
  touches: ({ name }) => [{ path: `/etc/notes/${name}` }],
  gates: [
    {
      name: 'door',
      reads: (touch) => 'path' in touch,
      command: () => 'echo shut',
      judge: ({ stdout }, { operator }) => `${operator.account} would find the door ${stdout.trim()}`,
    },
  ],
  steps: ({ name, after }) => [
    {
      title: `write ${name}`,
      run: sh`${HINDRANCES[after.text] ?? raw('true')}
mkdir -p /etc/notes
cp -- "$P/note" ${`/etc/notes/${name}`}`,
      payload: { note: after.text },
    },
  ],
  remove: ({ name }) => [{ title: `remove ${name}`, run: sh`rm -f -- ${`/etc/notes/${name}`}` }],
  readsAlone: true,
}

export const note = resource(noteType)
