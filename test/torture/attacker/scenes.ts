/**
 * Where resources lie in folders of an account that is not root, one scene for each way of lying there. Some are layouts of
 * every day, some are mistakes of an administrator: in neither may root do another account's bidding.
 */
import {
  authorizedKeys,
  command,
  conf,
  directory,
  edit,
  file,
  secret,
  sshKey,
  symlink,
  user,
} from '../../../lib/index.ts'
import { ALL, appScene, MORE, NAMES, ownFolders, presence, type Scene, text } from './scene.ts'
import { SYSTEM_SCENES } from './systemScenes.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'

const FILES = '/srv/files'
const files: Scene = {
  ...appScene(FILES),
  name: 'files',
  types: ['file'],
  phases: ALL,
  declare(version) {
    const rights = version === 1 ? { owner: 'root', mode: '0600' } : { owner: 'app', mode: '0640' }
    file({ path: `${FILES}/conf/environment`, content: text(version), ...presence(version) })
    file({ path: `${FILES}/conf/passwd`, content: text(version), owner: 'app', mode: '0640', ...presence(version) })
    file({ path: `${FILES}/conf/shadow`, content: 'the same\n', ...rights, ...presence(version) })
    file({ path: `${FILES}/conf/sudoers`, content: conf`${secret('canary')} ${text(version)}`, ...presence(version) })
    file({ path: `${FILES}/conf/hosts`, content: text(version), validate: 'grep -q version %', ...presence(version) })
    file({ path: `${FILES}/conf/sub/a`, content: text(version, 'x'.repeat(20_000)), ...presence(version) })
    file({ path: `${FILES}/b`, content: text(version), group: 'app', ...presence(version) })
    file({
      path: `${FILES}/conf/a`,
      content: conf`${secret('canary')} ${text(version)}`,
      mode: '0640',
      ...presence(version),
    })
    for (const name of MORE) file({ path: `${FILES}/conf/${name}`, content: text(version), ...presence(version) })
  },
}

const DIRECTORIES = '/srv/directories'
const directories: Scene = {
  ...appScene(DIRECTORIES),
  name: 'directories',
  types: ['directory'],
  phases: ['create', 'change', 'absent', 'undo'],
  setUp: `${ownFolders(DIRECTORIES)}
for name in passwd shadow; do install -d -o app ${DIRECTORIES}/conf/$name ${DIRECTORIES}/conf/$name/sub; install -o app /dev/null ${DIRECTORIES}/conf/$name/b; done`,
  declare(version) {
    const going = version === 0 ? { ensure: 'absent' as const, recursive: true } : {}
    const owner = version === 1 ? 'root' : 'app'
    directory({
      path: `${DIRECTORIES}/conf/environment`,
      mode: version === 1 ? '0755' : '0700',
      owner: 'app',
      ...going,
    })
    directory({ path: `${DIRECTORIES}/conf/hosts`, mode: '0750', owner, ...going })
    for (const name of MORE)
      directory({ path: `${DIRECTORIES}/conf/sub/${name}`, mode: `075${version}`, owner: 'app', ...going })
    directory({ path: `${DIRECTORIES}/conf/sub/deep/er`, owner, ...going })
    directory({ path: `${DIRECTORIES}/b`, mode: '2775', owner: 'app', ...going })
    if (version === 0) {
      for (const name of ['passwd', 'shadow']) directory({ path: `${DIRECTORIES}/conf/${name}`, ...going })
      return
    }
    directory({ path: `${DIRECTORIES}/conf/passwd`, owner: 'app', only: version === 1 ? ['sub', 'b'] : ['b'] })
    directory({ path: `${DIRECTORIES}/conf/shadow`, owner: 'app', only: ['a'] })
  },
}

const LINKS = '/srv/links'
const links: Scene = {
  ...appScene(LINKS),
  name: 'links',
  types: ['symlink'],
  phases: ALL,
  setUp: `${ownFolders(LINKS)}\ninstall -o app /dev/null ${LINKS}/conf/hosts`,
  declare(version) {
    for (const name of ['environment', 'passwd', 'sub/shadow', ...MORE])
      symlink({ path: `${LINKS}/conf/${name}`, target: `to-${version}`, ...presence(version) })
    symlink({ path: `${LINKS}/conf/hosts`, target: `to-${version}`, force: true, ...presence(version) })
    symlink({ path: `${LINKS}/a`, target: `conf-${version}`, ...presence(version) })
  },
}

const EDITS = '/srv/edits'
const edits: Scene = {
  ...appScene(EDITS),
  name: 'edits',
  types: ['edit'],
  folders: [EDITS, '/home/app'],
  names: ['.profile', ...NAMES],
  phases: ALL,
  setUp: `${ownFolders(EDITS)}
install -d -o app -g app -m 0700 /home/app
printf 'umask 022\\nPATH=/bin\\n' | install -o app -m 0644 /dev/stdin /home/app/.profile
for name in passwd shadow; do printf 'a = 0\\nb = 0\\n' | install -o app -m 0640 /dev/stdin ${EDITS}/conf/$name; done`,
  declare(version) {
    const going = presence(version)
    edit({ path: '/home/app/.profile', line: `PATH=/bin:/${version}`, replaces: 'PATH=', ...going })
    edit({ path: '/home/app/.profile', block: { name: 'ours', content: text(version) }, ...going })
    edit({ path: `${EDITS}/conf/passwd`, line: `a = ${version}`, replaces: 'a =', validate: 'test -s %', ...going })
    edit({ path: `${EDITS}/conf/shadow`, block: { name: 'x', content: text(version) }, position: 'top', ...going })
    for (const name of MORE) edit({ path: `${EDITS}/conf/${name}`, line: `v = ${version}`, create: true, ...going })
    edit({ path: `${EDITS}/conf/environment`, line: `made = ${version}`, replaces: 'made', create: true, ...going })
  },
}

const keys: Scene = {
  name: 'authorized keys',
  types: ['authorized-keys', 'file', 'ssh-key'],
  account: 'deploy',
  folders: ['/home/deploy'],
  names: ['authorized_keys', '.ssh', 'config', 'id', 'id.pub'],
  packages: [],
  phases: ALL,
  setUp: `install -d -o deploy -g deploy -m 0700 /home/deploy /home/deploy/.ssh`,
  evil: KEY,
  declare(version) {
    authorizedKeys({ user: 'deploy', keys: [`${KEY} v${version}`], ...presence(version) })
    sshKey({ path: '/home/deploy/.ssh/id', owner: version === 1 ? 'root' : 'deploy', ...presence(version) })
    file({ path: '/home/deploy/.ssh/config', content: text(version), owner: 'deploy', ...presence(version) })
  },
}

const HOMES = '/srv/homes'
const home: Scene = {
  ...appScene(HOMES),
  name: 'a home in a folder of another',
  types: ['user', 'authorized-keys'],
  names: ['attacked', 'attacked2', '.ssh', 'authorized_keys', 'homes'],
  setUp: `${ownFolders(HOMES)}
install -d -o app ${HOMES}/homes`,
  phases: ['create'],
  rewritten: ['passwd', 'shadow', 'group', 'gshadow', 'subuid', 'subgid'].flatMap((name) => [
    `/etc/${name}`,
    `/etc/${name}-`,
  ]),
  declare(version) {
    for (const name of ['attacked', 'attacked2', 'attacked3']) {
      const account = user({ name, home: `${HOMES}/homes/${name}` })
      authorizedKeys({ user: name, keys: [`${KEY} v${version}`], after: account })
    }
  },
}

const COMMANDS = '/srv/commands'
const commands: Scene = {
  ...appScene(COMMANDS),
  name: 'commands',
  // A check that hangs is given up after a minute.
  spares: ['stop'],
  types: ['command'],
  phases: ['create', 'change', 'gone', 'undo'],
  declare(version) {
    for (const name of ['environment', 'passwd']) {
      command({
        name,
        user: 'app',
        directory: `${COMMANDS}/conf`,
        // What it reads may never end.
        check: `timeout 2 grep -qx ${version} ${COMMANDS}/conf/${name}`,
        // Whatever it was given open beside its own three is not for it.
        apply: `for fd in /proc/self/fd/*; do case \${fd##*/} in 0|1|2) ;; *) echo x 2>/dev/null >"$fd" && cat "$fd" >> ${COMMANDS}/b; esac; done; echo ${version} > ${name}`,
        undo: `rm -f ${name}`,
      })
    }
  },
}

export const SCENES: readonly Scene[] = [files, directories, links, edits, keys, home, commands, ...SYSTEM_SCENES]
