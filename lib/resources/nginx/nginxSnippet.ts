/**
 * Any other file of nginx's configuration: nginx.conf, a file in conf.d, a snippet that vhosts include. Read with
 * find(1) and cat(1); nginx(8) tests the complete new tree before anything is replaced.
 */
import { refOf } from '../../kit/ref.ts'
import type { Change, ResourceType } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure, textValue } from '../../kit/schema.ts'
import { isPrivate } from '../../kit/files/paths.ts'
import type { TextValue } from '../../kit/value.ts'
import {
  desiredNginxFile,
  NGINX,
  observedNginxFile,
  replaceNginxFiles,
  undoNginxFile,
  NGINX_FILE,
  type NginxFileState,
  type NginxWork,
} from './tree.ts'
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'

/**
 * @example
 * // For `raw: 'include snippets/inside.conf;'` of a site.
 * nginxSnippet({ path: 'snippets/inside.conf', content: 'allow 10.0.0.0/8;\ndeny all;\n' })
 */
export type NginxSnippet = {
  /** Below /etc/nginx: `nginx.conf`, `conf.d/zones.conf`, `snippets/headers.conf`. */
  path: string
  /** The whole file. */
  content?: TextValue
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export const nginxSnippet: ResourceType<NginxSnippet, NginxFileState> = {
  type: 'nginx-snippet',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      // sites-available and sites-enabled belong to vhosts.
      path: {
        type: 'string',
        maxLength: 300,
        pattern: '^(?!sites-)([A-Za-z0-9_][A-Za-z0-9._-]*/)*[A-Za-z0-9_][A-Za-z0-9._-]*$',
        description: 'a path below /etc/nginx, such as "conf.d/zones.conf", and not a site',
      },
      content: textValue,
      ensure,
    },
  },
  name: (props) => props.path,
  check: ({ content }) => (content === undefined ? ['give its content, or ensure: absent'] : []),
  desired: ({ content = '' }) => desiredNginxFile(typeof content === 'string' ? content : content.toJSON()),
  needs: () => [refOf('package', 'nginx'), refOf('file', '/etc/nginx/nginx.conf')],
  claims: (name) => [`path:${fullPath(name)}`],
  state: form.fields<NginxFileState>(NGINX_FILE),
  read: {
    command: (entries) => readSmallFiles(entries.map(({ name }) => fullPath(name))),
    parse(output, entries) {
      const files = parseSmallFiles(output)
      return new Map(
        entries.map(({ name, desired }) => {
          const file = files.get(fullPath(name))
          return [name, file ? observedNginxFile(file, desired) : null]
        }),
      )
    },
  },
  isPrivate: ({ mode }) => isPrivate(mode),
  steps: (change, context) => [replaceNginxFiles([workOf(change)], context)],
  remove: (change, context) => [replaceNginxFiles([workOf(change)], context)],
  batch: (changes, context) => [replaceNginxFiles(changes.map(workOf), context)],
  undo: undoNginxFile,
}

const fullPath = (name: string): string => `${NGINX}/${name}`

function workOf({ name, after }: Change<NginxFileState>): NginxWork {
  const path = fullPath(name)
  return after === null ? { path, content: null, mode: '' } : { path, content: after.content, mode: after.mode }
}
