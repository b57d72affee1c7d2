/** Faults in plans that are saved and applied later. */
import type { Fault } from '../fault.ts'

const DIFFERENCE = 'lib/engine/plan/difference.ts'

export const PLAN_FILE_FAULTS: readonly Fault[] = [
  {
    what: 'compare only what a saved plan shows',
    file: DIFFERENCE,
    find: 'wasPrint[side] !== nowPrint[side]',
    replace: 'wasPrint[side] !== wasPrint[side]',
    tests: ['engine/plan/difference'],
  },
  {
    what: 'leave the values of secrets out of what a plan relies on',
    file: 'lib/engine/plan/fingerprints.ts',
    find: 'secrets.get(name) ?? null',
    replace: 'secrets.has(name)',
    tests: ['engine/plan/fingerprints'],
  },
  {
    what: 'make fingerprints without a key',
    file: 'lib/engine/plan/fingerprints.ts',
    find: "createHmac('sha256', Buffer.from(key, 'hex'))",
    replace: "createHmac('sha256', Buffer.from(key.slice(64), 'hex'))",
    tests: ['engine/plan/fingerprints'],
  },
  {
    what: 'digest the text before it is masked',
    file: 'lib/engine/plan/summarize.ts',
    find: 'digest: planDigest(changes),',
    replace: 'digest: planDigest(shown),',
    tests: ['engine/plan/fingerprints'],
  },
  {
    what: 'converge a host that a plan file has no plan for',
    file: 'lib/cli/planScope.ts',
    find: '!known.some((host) => host.name === name)',
    replace: "known.length === 0 && name === ''",
    tests: ['cli/planFile'],
  },
  {
    what: 'take a changed plan file for the one that was written',
    file: 'lib/engine/plan/planFile.ts',
    find: 'if (digest !== planDigest(changes))',
    replace: 'if (digest.length !== planDigest(changes).length)',
    tests: ['engine/plan/planFile'],
  },
]
