/**
 * Words that people bring along from other tools, and what to say in their place.
 */

/** What takes the place of a key, by key; with `needs`, only for types that have that prop. */
const KEYS: { readonly [key: string]: { say: string; needs?: string } } = {
  dest: { say: 'the path is `path`', needs: 'path' },
  src: { say: 'a local file is `source`', needs: 'source' },
  pkg: { say: 'the package is `name`', needs: 'name' },
  regexp: { say: '`replaces` takes the beginning of the lines that `line` replaces', needs: 'replaces' },
  password: { say: '`passwordHash` takes a secret with a hash', needs: 'passwordHash' },
  creates: { say: "`check` says when there is nothing to do: 'test -e PATH'", needs: 'check' },
  onlyif: { say: '`check` says when there is nothing to do', needs: 'check' },
  unless: { say: '`check` says when there is nothing to do', needs: 'check' },
  notify: { say: 'a service says what it watches: restartOn or reloadOn, with this handle' },
  subscribe: { say: 'a service says what it watches: restartOn or reloadOn' },
  register: { say: 'the call returns a handle: keep it in a const' },
  require: { say: '`after` takes the handles of what comes first' },
  before: { say: 'the other one says `after`, with this handle' },
  depends_on: { say: '`after` takes the handles of what comes first' },
  when: { say: 'write `if (…)` around the call' },
  loop: { say: 'write `for (… of …)` around the call' },
  with_items: { say: 'write `for (… of …)` around the call' },
  count: { say: 'write `for (… of …)` around the call' },
  for_each: { say: 'write `for (… of …)` around the call' },
  become: { say: 'everything is done as root; only a command has a `user`' },
  become_user: { say: 'everything is done as root; only a command has a `user`' },
  ignore_errors: { say: 'what does not need a failed resource goes on by itself' },
}

/** What the values of `state` mean here. */
const STATES: { readonly [state: string]: string } = {
  present: 'what is declared is present: leave it out',
  installed: 'what is declared is present: leave it out',
  latest: 'leave it out; `version` asks for one',
  absent: 'absent(…) removes what it is given',
  started: 'say running: true',
  stopped: 'say running: false',
  restarted: '`restartOn` says after what changes it is restarted',
  reloaded: '`reloadOn` says after what changes it is reloaded',
  directory: 'a folder is a directory(…)',
  link: 'a link is a symlink(…)',
  touch: 'a file is there once it is declared',
}

/** Modules of Ansible, as names of functions. */
const MODULES: { readonly [module: string]: string } = {
  apt: 'aptPackage',
  package: 'aptPackage',
  authorized_key: 'authorizedKeys',
  blockinfile: 'edit',
  copy: 'file',
  cron: 'cronJob',
  exec: 'command',
  lineinfile: 'edit',
  link: 'symlink',
  nginx: 'nginxVhost',
  postgresql_db: 'postgresDatabase',
  postgresql_user: 'postgresRole',
  shell: 'command',
  systemd: 'service',
  template: 'file',
  ufw: 'ufwRule',
}

/**
 * What to say in the place of a key that no type has.
 *
 * @param known The keys that the type has.
 */
export function foreignKey(key: string, value: unknown, known: readonly string[]): string | undefined {
  if (key === 'state') return own(STATES, String(value)) ?? 'what is declared is present, and absent(…) removes'
  const found = own(KEYS, key)
  return found?.needs === undefined || known.includes(found.needs) ? found?.say : undefined
}

/** The function that does what a module of another tool does. */
export function foreignModule(name: string): string | undefined {
  return own(MODULES, name)
}

function own<Value>(table: { readonly [key: string]: Value }, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
