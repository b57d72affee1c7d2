/** Faults in connections and in the bounds of what is read. */
import type { Fault } from '../fault.ts'

const SSH = 'lib/transport/ssh.ts'
const LOGIN = 'lib/transport/login.ts'

export const TRANSPORT_FAULTS: readonly Fault[] = [
  {
    what: 'transport: wait for a silent host to take leave',
    file: SSH,
    find: 'await Promise.race([this.#closed, delay(LEAVE_MS, undefined, { ref: false })])',
    replace: 'await this.#closed',
    tests: ['transport/breaks'],
  },
  {
    what: 'transport: take a time-out of the line for a refusal',
    file: LOGIN,
    find: "level === 'client-socket' || ",
    replace: '',
    tests: ['transport/breaks'],
  },
  {
    what: 'transport: go through a jump host that is lost',
    file: SSH,
    find: 'if (route.through && jump?.lost !== undefined) jump = undefined',
    replace: '',
    tests: ['transport/breaks'],
  },
  {
    what: 'transport: read authorized keys of any length',
    file: 'lib/resources/accounts/authorizedKeys.ts',
    find: ' -type f -size -${LONGEST + 1}c -print0',
    replace: ' -type f -print0',
    tests: ['hosts/bounds'],
  },
  {
    what: 'transport: hash what others own however long it is',
    file: 'lib/resources/files/file.ts',
    find: '-type f \\\\( -user root -o -size -${HASHED + 1}c \\\\)',
    replace: '-type f',
    tests: ['hosts/bounds'],
  },
  {
    what: 'transport: read the paths of all accounts as those of root',
    file: 'lib/kit/files/byAccount.ts',
    find: '$1 == of { print $2 }',
    replace: 'of == "root" { print $2 }',
    tests: ['hosts/bounds'],
  },
  {
    what: 'transport: list a folder however full it is',
    file: 'lib/resources/files/directory.ts',
    find: 'if (count > MOST) return',
    replace: 'if (count < 0) return',
    tests: ['hosts/bounds'],
  },
  {
    what: 'transport: give each check of an account its whole time',
    file: 'lib/resources/commands/commandCheck.ts',
    find: '  [ "$k_s" -gt 0 ] || k_s=1\n',
    replace: '  k_s=${CHECK_S}\n',
    tests: ['hosts/bounds'],
  },
  {
    what: 'transport: stop at what keeps changing',
    file: 'lib/engine/plan/planHost.ts',
    find: 'moving.push(...movingIn(items, next.items))',
    replace: '',
    tests: ['hosts/bounds'],
  },
  {
    what: 'transport: follow no links that a recipe declares',
    file: 'lib/engine/catalog/places.ts',
    find: ', ...declaredLinks(resources)]',
    replace: ']',
    tests: ['engine/catalog/places'],
  },
  {
    what: 'transport: take what is to be gone by another name for something else',
    file: 'lib/engine/catalog/places.ts',
    find: 'return [...mistakes, ...gone]',
    replace: 'return mistakes',
    tests: ['engine/catalog/places'],
  },
]
