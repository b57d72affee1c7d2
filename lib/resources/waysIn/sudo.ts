/**
 * Whether sudo, as a plan leaves it, lets the operator become root. sudo itself is asked (`sudo -l -U`, sudo(8)).
 */
import type { Gate } from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'
import { changesBelow, trialText } from './trial.ts'

const ROOTS = ['/etc/sudoers', '/etc/sudoers.d']

export const SUDO_GATE: Gate = {
  name: 'sudo',
  command(view) {
    const { operator, changes } = view
    if (operator.account === 'root') return undefined
    if (isRemoved(changes)) return ':'
    if (changesBelow(ROOTS, changes).length === 0) return undefined
    // It begins with env, see the transport's wrapper.
    const trial = trialText(ROOTS, view, sh`sudo -n -l -U ${operator.account} env || echo "exit $?"`)
    return trial
  },
  judge({ stdout, stderr }, { operator: { account }, changes }) {
    if (isRemoved(changes)) return `without sudo, ${account} cannot become root`
    // It says nothing where it does not allow it; anything else it has to say is about something else.
    return stdout === 'exit 1\n' && stderr === '' ? `sudo would no longer let ${account} become root` : undefined
  },
}

function isRemoved(changes: Parameters<Gate['judge']>[1]['changes']): boolean {
  return changes.some(({ type, name, kind }) => type === 'package' && name === 'sudo' && kind === 'remove')
}
