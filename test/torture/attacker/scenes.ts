/**
 * Where resources lie in folders of an account that is not root, one scene for each way of lying there. Some are layouts of
 * every day, some are mistakes of an administrator: in neither may root do another account's bidding.
 */
import { authorizedKeys, command, conf, directory, edit, file, secret, symlink, user } from '../../../lib/index.ts'
import { ALL, APP, APP_SCENE, MORE, NAMES, OWN_FOLDERS, presence, type Scene, text } from './scene.ts'
import { SYSTEM_SCENES } from './systemScenes.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'

const files: Scene = {
  ...APP_SCENE,
  name: 'files',
  types: ['file'],
  phases: ALL,
  declare(version, few) {
    const rights = version === 1 ? { owner: 'root', mode: '0600' } : { owner: 'app', mode: '0640' }
    file({ path: `${APP}/conf/environment`, content: text(version), ...presence(version) })
    file({ path: `${APP}/conf/passwd`, content: text(version), owner: 'app', mode: '0640', ...presence(version) })
    file({ path: `${APP}/conf/shadow`, content: 'the same\n', ...rights, ...presence(version) })
    file({ path: `${APP}/conf/sudoers`, content: conf`${secret('canary')} ${text(version)}`, ...presence(version) })
    file({ path: `${APP}/conf/hosts`, content: text(version), validate: 'grep -q version %', ...presence(version) })
    if (few) return
    file({ path: `${APP}/conf/sub/a`, content: text(version, 'x'.repeat(20_000)), ...presence(version) })
    file({ path: `${APP}/b`, content: text(version), group: 'app', ...presence(version) })
    file({
      path: `${APP}/conf/a`,
      content: conf`${secret('canary')} ${text(version)}`,
      mode: '0640',
      ...presence(version),
    })
    for (const name of MORE) file({ path: `${APP}/conf/${name}`, content: text(version), ...presence(version) })
  },
}

const directories: Scene = {
  ...APP_SCENE,
  name: 'directories',
  types: ['directory'],
  phases: ['create', 'change', 'absent', 'undo'],
  setUp: `${OWN_FOLDERS}
for name in passwd shadow; do install -d -o app ${APP}/conf/$name ${APP}/conf/$name/sub; install -o app /dev/null ${APP}/conf/$name/b; done`,
  declare(version, few) {
    const going = version === 0 ? { ensure: 'absent' as const, recursive: true } : {}
    const owner = version === 1 ? 'root' : 'app'
    directory({ path: `${APP}/conf/environment`, mode: version === 1 ? '0755' : '0700', owner: 'app', ...going })
    directory({ path: `${APP}/conf/hosts`, mode: '0750', owner, ...going })
    for (const name of few ? [] : MORE)
      directory({ path: `${APP}/conf/sub/${name}`, mode: `075${version}`, owner: 'app', ...going })
    directory({ path: `${APP}/conf/sub/deep/er`, owner, ...going })
    if (!few) directory({ path: `${APP}/b`, mode: '2775', owner: 'app', ...going })
    if (version === 0) {
      for (const name of ['passwd', 'shadow']) directory({ path: `${APP}/conf/${name}`, ...going })
      return
    }
    directory({ path: `${APP}/conf/passwd`, owner: 'app', only: version === 1 ? ['sub', 'b'] : ['b'] })
    directory({ path: `${APP}/conf/shadow`, owner: 'app', only: ['a'] })
  },
}

const links: Scene = {
  ...APP_SCENE,
  name: 'links',
  types: ['symlink'],
  phases: ALL,
  setUp: `${OWN_FOLDERS}\ninstall -o app /dev/null ${APP}/conf/hosts`,
  declare(version, few) {
    for (const name of ['environment', 'passwd', 'sub/shadow', ...(few ? [] : MORE)])
      symlink({ path: `${APP}/conf/${name}`, target: `to-${version}`, ...presence(version) })
    symlink({ path: `${APP}/conf/hosts`, target: `to-${version}`, force: true, ...presence(version) })
    symlink({ path: `${APP}/a`, target: `conf-${version}`, ...presence(version) })
  },
}

const edits: Scene = {
  ...APP_SCENE,
  name: 'edits',
  types: ['edit'],
  folders: [APP, '/home/app'],
  names: ['.profile', ...NAMES],
  phases: ALL,
  setUp: `${OWN_FOLDERS}
printf 'umask 022\\nPATH=/bin\\n' | install -o app -m 0644 /dev/stdin /home/app/.profile
for name in passwd shadow; do printf 'a = 0\\nb = 0\\n' | install -o app -m 0640 /dev/stdin ${APP}/conf/$name; done`,
  declare(version, few) {
    const going = presence(version)
    edit({ path: '/home/app/.profile', line: `PATH=/bin:/${version}`, replaces: 'PATH=', ...going })
    edit({ path: '/home/app/.profile', block: { name: 'ours', content: text(version) }, ...going })
    edit({ path: `${APP}/conf/passwd`, line: `a = ${version}`, replaces: 'a =', validate: 'test -s %', ...going })
    edit({ path: `${APP}/conf/shadow`, block: { name: 'x', content: text(version) }, position: 'top', ...going })
    for (const name of few ? [] : MORE)
      edit({ path: `${APP}/conf/${name}`, line: `v = ${version}`, create: true, ...going })
    edit({ path: `${APP}/conf/environment`, line: `made = ${version}`, replaces: 'made', create: true, ...going })
  },
}

const keys: Scene = {
  ...APP_SCENE,
  name: 'authorized keys',
  types: ['authorized-keys'],
  folders: ['/home/app'],
  names: ['authorized_keys', '.ssh'],
  phases: ALL,
  setUp: `${OWN_FOLDERS}\ninstall -d -o app -m 0700 /home/app/.ssh`,
  evil: KEY,
  declare(version) {
    authorizedKeys({ user: 'app', keys: [`${KEY} v${version}`], ...presence(version) })
  },
}

const home: Scene = {
  ...APP_SCENE,
  name: 'a home in a folder of another',
  types: ['user', 'authorized-keys'],
  names: ['attacked', 'attacked2', '.ssh', 'authorized_keys', 'homes'],
  setUp: `${OWN_FOLDERS}\nfor name in attacked attacked2 attacked3; do userdel $name 2>/dev/null; groupdel $name 2>/dev/null; done; install -d -o app ${APP}/homes`,
  phases: ['create'],
  rewritten: ['passwd', 'shadow', 'group', 'gshadow', 'subuid', 'subgid'].flatMap((name) => [
    `/etc/${name}`,
    `/etc/${name}-`,
  ]),
  declare(version) {
    for (const name of ['attacked', 'attacked2', 'attacked3']) {
      const account = user({ name, home: `${APP}/homes/${name}` })
      authorizedKeys({ user: name, keys: [`${KEY} v${version}`], after: account })
    }
  },
}

const commands: Scene = {
  ...APP_SCENE,
  name: 'commands',
  types: ['command'],
  phases: ['create', 'change', 'gone', 'undo'],
  declare(version) {
    for (const name of ['environment', 'passwd']) {
      command({
        name,
        user: 'app',
        directory: `${APP}/conf`,
        check: `grep -qx ${version} ${APP}/conf/${name}`,
        // Whatever it was given open beside its own three is not for it.
        apply: `for fd in /proc/self/fd/*; do case \${fd##*/} in 0|1|2) ;; *) echo x 2>/dev/null >"$fd" && cat "$fd" >> ${APP}/b; esac; done; echo ${version} > ${name}`,
        undo: `rm -f ${name}`,
      })
    }
  },
}

export const SCENES: readonly Scene[] = [files, directories, links, edits, keys, ...SYSTEM_SCENES, home, commands]

/** Types whose steps name no path below a folder that an account may own, and what they do instead. */
export const ELSEWHERE: { readonly [type: string]: string } = {
  group: 'groupadd and its kin, in /etc',
  package: 'apt-get and dpkg, in folders of root',
  'postgres-database': 'SQL',
  'postgres-extension': 'SQL',
  'postgres-grant': 'SQL',
  'postgres-role': 'SQL',
  'ufw-defaults': 'ufw(8), in /etc/ufw',
  'ufw-rule': 'ufw(8), in /etc/ufw',
}
