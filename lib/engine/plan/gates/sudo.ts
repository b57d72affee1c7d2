/**
 * Whether sudo would let the operator become root after a plan. sudo itself answers (`sudo -l -U`, sudo(8)).
 */
import type { Gate, GateView } from '../../../kit/resourceType.ts'
import { sh } from '../../../kit/shell.ts'
import type { Touch } from '../../../kit/touch.ts'
import { isBelow, trialText } from './trial.ts'

const ROOTS = ['/etc/sudoers', '/etc/sudoers.d']

export const SUDO_GATE: Gate = {
  name: 'sudo',
  reads: (touch, { account }) => account !== 'root' && (isBelow(ROOTS, touch) || isRemoval(touch)),
  command(view) {
    if (isRemoved(view)) return ':'
    // The transport's wrapper runs env first.
    return trialText(ROOTS, view, sh`sudo -n -l -U ${view.operator.account} env || echo "exit $?"`)
  },
  judge({ stdout, stderr }, view) {
    const { account } = view.operator
    if (isRemoved(view)) return `without sudo, ${account} cannot become root`
    // sudo prints nothing when it denies the command; any other output is about something else.
    return stdout === 'exit 1\n' && stderr === '' ? `sudo would no longer let ${account} become root` : undefined
  },
}

function isRemoval(touch: Touch): boolean {
  return 'without' in touch && touch.without === 'sudo'
}

function isRemoved({ touches }: GateView): boolean {
  return touches.some(isRemoval)
}
