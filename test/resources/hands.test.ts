/**
 * No type resolves a path on the host by itself: what it writes, it writes by the functions of the prelude.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as front from '../../lib/index.ts'
import { types } from '../../lib/dsl/declare.ts'

const test = suite('who writes by path')

/** How each type comes to what it changes. One that is added needs a line, and where it writes files a test on a host. */
const WRITES: { readonly [type: string]: 'by the prelude' | "by the host's own program" | 'nothing' } = {
  'authorized-keys': 'by the prelude',
  certificate: "by the host's own program",
  command: "by the host's own program",
  'cron-job': 'by the prelude',
  directory: 'by the prelude',
  'drop-in': 'by the prelude',
  edit: 'by the prelude',
  file: 'by the prelude',
  group: "by the host's own program",
  hostname: 'by the prelude',
  'kernel-module': 'by the prelude',
  'known-hosts': 'by the prelude',
  locale: 'by the prelude',
  logrotate: 'by the prelude',
  mount: 'by the prelude',
  'nginx-snippet': 'by the prelude',
  'nginx-vhost': 'by the prelude',
  package: "by the host's own program",
  'postgres-database': "by the host's own program",
  'postgres-extension': "by the host's own program",
  'postgres-grant': "by the host's own program",
  'postgres-hba': 'by the prelude',
  'postgres-role': "by the host's own program",
  'postgres-setting': 'by the prelude',
  'redis-setting': 'by the prelude',
  service: "by the host's own program",
  'ssh-key': 'by the prelude',
  sudoers: 'by the prelude',
  'swap-file': 'by the prelude',
  symlink: 'by the prelude',
  sysctl: 'by the prelude',
  timer: 'by the prelude',
  timezone: 'by the prelude',
  tmpfiles: 'by the prelude',
  'ufw-defaults': 'by the prelude',
  'ufw-rule': "by the host's own program",
  unit: 'by the prelude',
  user: 'by the prelude',
}

test('every type has said how it writes', () => {
  // Types are known once the front door has been opened.
  assert.type(front.file, 'function')
  assert.equal([...types.keys()].sort(), Object.keys(WRITES).sort())
})

/** Each time a file's text says what changes files, beyond the functions of the prelude; only in places of the run's own. */
const KNOWN: { readonly [file: string]: number } = {
  // What a function is called for with a path of the prelude's.
  'kit/files/paths.ts': 3,
  'resources/accounts/authorizedKeys.ts': 2,
  'resources/files/edit.ts': 2,
  // By a path that `at` has found to be root's alone: what is in use as swap cannot be exchanged, nor kept.
  'resources/mounts/swapFile.ts': 3,
  // In the run's folder, and below a mount namespace.
  'resources/apt/aptTransaction.ts': 1,
  'resources/nginx/tree.ts': 10,
  'resources/ssh/sshKey.ts': 1,
  // Records below /var/lib/keelson.
  'resources/commands/commandWatch.ts': 1,
  // Records below /run/keelson.
  'resources/redis/program.ts': 3,
  'resources/systemd/serviceProgram.ts': 4,
  'resources/systemd/unitFiles.ts': 3,
}

test('no type changes a path but by the prelude', () => {
  const verbs = /\b(chown|chmod|mkdir|mv|rm|rmdir|ln|cp|touch|truncate|tee|install|dd) +-|sed -i/g
  const files = ['kit/files', 'resources'].flatMap((folder) =>
    readdirSync(`lib/${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  )
  const found = files
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, readFileSync(`lib/${path}`, 'utf8').match(verbs)?.length ?? 0] as const)
    .filter(([, count]) => count > 0)
  assert.equal(Object.fromEntries(found), KNOWN)
})

test.run()
