/** Faults in what is compared of a state, what acting needs, and what is only seen. */
import type { Fault } from '../fault.ts'

const BY_FIELD = 'lib/kit/byField.ts'
const PARTS = 'lib/kit/parts.ts'
const VALUE = 'lib/kit/value.ts'

export const TYPES_FAULTS: readonly Fault[] = [
  {
    what: 'compare how a thing is done',
    file: BY_FIELD,
    find: 'const { how: _how, seen: _seen, ...compared }: Fields = { ...state }',
    replace: 'const { seen: _seen, ...compared }: Fields = { ...state }',
    tests: ['kit/parts'],
  },
  {
    what: 'take what was not read for a difference',
    file: BY_FIELD,
    find: 'if (missing !== undefined && have[field] === undefined) have[field] = missing',
    replace: 'void missing',
    tests: ['kit/parts'],
  },
  {
    what: 'believe any digest of a secret',
    file: VALUE,
    find: "createHash('sha256').update(reveal(text)).digest('hex') === sha256.replace(/^sha256:/, '')",
    replace: "sha256 !== ''",
    tests: ['kit/parts'],
  },
  {
    what: 'take what a flat state calls a part for one',
    file: PARTS,
    find: " && field !== 'how' && field !== 'seen'",
    replace: '',
    tests: ['kit/parts'],
  },
  {
    what: 'leave what acting needs among what is compared',
    file: PARTS,
    find: 'fields.filter(([field]) => !isOf(hows, field))',
    replace: 'fields',
    tests: ['kit/parts', 'engine/sites'],
  },
  {
    what: 'look at no form of what acting needs',
    file: PARTS,
    find: 'return type.how.problem(how ?? {}, more)',
    replace: 'return wrong',
    tests: ['kit/parts'],
  },
  {
    what: 'make digests of parts',
    file: 'lib/engine/host/ledger.ts',
    find: 'canonicalJson([joined(desired), values])',
    replace: 'canonicalJson([desired, values])',
    tests: ['engine/sites'],
  },
  {
    what: 'write the parts into the ledger',
    file: 'lib/engine/apply/runLedger.ts',
    find: 'canonicalJson(joinedLedger(this.#ledger))',
    replace: 'canonicalJson((joinedLedger, this.#ledger))',
    tests: ['engine/apply/runLedger'],
  },
  {
    what: 'make what is declared absent',
    file: 'lib/kit/resourceType.ts',
    find: 'return isAbsent(props) ? (type.absent?.desired?.(props) ?? null) : type.desired(props)',
    replace: 'return type.absent?.desired?.(props) ?? type.desired(props)',
    tests: ['resources/files/edit', 'kit/files/paths'],
  },
  {
    what: 'a step compares a file that an earlier one has edited',
    file: 'lib/engine/plan/stage.ts',
    find: ' && !isWritten(group, written)',
    replace: '',
    tests: ['engine/plan/stage'],
  },
  {
    what: 'a byte order mark hides the first line from an edit',
    file: 'lib/resources/files/editLines.ts',
    find: 'line[1] = substr(line[1], length(mark) + 1)',
    replace: '',
    tests: ['resources/files/edit'],
  },
  {
    what: 'a made-up hash is no hash',
    file: 'lib/cli/machine.ts',
    find: 'isHash(name) ? hash(name) : ',
    replace: '',
    tests: ['cli/machine'],
  },
  {
    what: 'an account that is there gets the defaults of a new one',
    file: 'lib/resources/accounts/user.ts',
    find: 'expires === UNFINISHED.day ? { ...how?.initial',
    replace: 'expires !== undefined ? { ...how?.initial',
    tests: ['hosts/accounts'],
  },
  {
    what: 'pg_hba.conf: a line before that of the postgres account stays before the block',
    file: 'lib/resources/postgres/hbaStep.ts',
    find: 'entry == first ? first : first - 1',
    replace: 'entry ? entry : first - 1',
    tests: ['hosts/postgresSettings'],
  },
  {
    what: 'nginx: a conflicting name is a harmless warning',
    file: 'lib/resources/nginx/tree.ts',
    find: '  \'^"ssl_stapling" ignored, \',',
    replace: "  ' ignored',",
    tests: ['hosts/nginx'],
  },
]
