/** Faults in how a host's answers are taken. */
import type { Fault } from '../fault.ts'

const FORM = 'lib/kit/form.ts'
const SECRECY = 'lib/engine/plan/secrecy.ts'

export const HOSTILE_FAULTS: readonly Fault[] = [
  {
    what: 'let a host name a file of this machine',
    file: 'lib/engine/host/undoRecord.ts',
    find: '  if (form.localField(type.state, state) !== undefined) return true\n',
    replace: '',
    tests: ['hosts/believed'],
  },
  {
    what: 'resolve whatever secret a host names',
    file: 'lib/engine/undo/undoHost.ts',
    find: '.filter(([name]) => named.includes(name))',
    replace: ".filter(([name]) => named.includes(name) || name !== '')",
    tests: ['hosts/believed'],
  },
  {
    what: 'own what an entry calls itself, wherever it stands',
    file: 'lib/engine/host/ledger.ts',
    find: '  if (ref !== refOf(type, name)) return `is of ${form.shown(refOf(type, name))}`\n',
    replace: '',
    tests: ['engine/host/ledger'],
  },
  {
    what: 'take a record for that of the run it says it is of',
    file: 'lib/engine/host/storedRun.ts',
    find: ' && stored.run === file ? stored',
    replace: ' ? stored',
    tests: ['engine/host/storedRun'],
  },
  {
    what: 'read JSON of any depth',
    file: FORM,
    find: 'if (depth > DEEPEST)',
    replace: 'if (depth > DEEPEST * 1e6)',
    tests: ['kit/form'],
  },
  {
    what: 'take fields that a state does not have',
    file: FORM,
    find: "if (wrong !== undefined || more === 'more') return wrong",
    replace: 'if (wrong !== undefined || more !== undefined) return wrong',
    tests: ['kit/form'],
  },
  {
    what: 'let a host tell of tasks that there are none of',
    file: 'lib/engine/apply/workerEvents.ts',
    find: "if (OF_TASKS.has(word ?? '') && ",
    replace: "if (OF_TASKS.has('') && ",
    tests: ['engine/apply/workerEvents'],
  },
  {
    what: 'know a secret only by the path that it was written to, not by links to it',
    file: SECRECY,
    find: 'paths.has(followed(path, links))',
    replace: 'paths.has(path)',
    tests: ['engine/plan/secrecy'],
  },
  {
    what: 'show what is not for everybody to read',
    file: SECRECY,
    find: 'type.isPrivate?.(observed) === true',
    replace: 'type.isPrivate === undefined',
    tests: ['engine/plan/secrecy'],
  },
  {
    what: 'know a secret only where its base64 is not broken into lines',
    file: 'lib/kit/redactWrapped.ts',
    find: 'spans: [...spansOf(joined, forms.joined), ',
    replace: 'spans: [',
    tests: ['kit/redact'],
  },
  {
    what: 'show a stream while a dump in it goes on',
    file: 'lib/kit/redactWrapped.ts',
    find: '    open = run[0]?.start ?? (isOpen ? start : text.length)\n',
    replace: '    open = isOpen ? start : text.length\n',
    tests: ['kit/redact'],
  },
  {
    what: 'take away what another site has declared',
    file: 'lib/engine/plan/plan.ts',
    find: '!kept.has(ref) && isOfSite(entry, planning.catalog.site)',
    replace: '!kept.has(ref)',
    tests: ['engine/sites'],
  },
]
