/** Faults of root's hands in folders of other accounts. */
import type { Fault } from '../fault.ts'

const ENTER = 'lib/kit/enter.ts'
const HANDS = 'lib/kit/hands.ts'

export const HANDS_FAULTS: readonly Fault[] = [
  {
    what: 'follow a link of another account',
    file: ENTER,
    find: '  [ "$alone" = yes ] ||\n    fail "$here/$1 is a link',
    replace: '  true ||\n    fail "$here/$1 is a link',
    tests: ['kit/hands'],
  },
  {
    what: 'go wherever a folder leads that was exchanged while it was entered',
    file: ENTER,
    find: '  look "$1" || fail',
    replace: '  look "$1" || : fail',
    tests: ['kit/hands'],
  },
  {
    what: 'come from a link into the folder beside it',
    file: ENTER,
    find: '[ "$h_kind" = d ] && [ "$h_id" = "$h_named" ] &&',
    replace: 'true &&',
    tests: ['kit/hands'],
  },
  {
    what: 'a folder that others may write in counts as that of root alone',
    file: ENTER,
    find: '! -uid 0 -o -perm /022',
    replace: '-uid 4294967294',
    tests: ['kit/hands'],
  },
  {
    what: 'a folder of one account below that of another',
    file: ENTER,
    find: '[ "$owner" = "$h_uid" ] ||',
    replace: 'true ||',
    tests: ['kit/hands'],
  },
  {
    what: 'make a file ready wherever another account likes',
    file: HANDS,
    find: '  is_private "$h_nest" && is_empty || fail',
    replace: '  true || fail',
    tests: ['kit/hands'],
  },
  {
    what: 'a file with names elsewhere',
    file: HANDS,
    find: '  [ "\\${identity%% *}" = 2 ] || fail',
    replace: '  true || fail',
    tests: ['kit/hands'],
  },
  {
    what: 'give away whatever has the name by now',
    file: HANDS,
    find: '  [ $# -gt 0 ] || return 0\n',
    replace: '  return 0\n',
    tests: ['kit/hands'],
  },
  {
    what: 'the text of one file with the owner of another',
    file: HANDS,
    find: '  [ -z "$identity" ] || [ "$identity" =',
    replace: '  true || [ "$identity" =',
    tests: ['kit/hands'],
  },
  {
    what: 'leave behind what a killed run had made ready',
    file: HANDS,
    find: '  clear_left\n',
    replace: '',
    tests: ['kit/hands'],
  },
  {
    what: 'keep a file however long it is',
    file: HANDS,
    find: 'ulimit -f 131072 && ',
    replace: '',
    tests: ['kit/hands'],
  },
  {
    what: 'remove what another hand has put in the place of a file',
    file: 'lib/resources/files/file.ts',
    find: '  if (owner === applied.owner ||',
    replace: '  if (owner !== applied.owner ||',
    tests: ['hosts/hands'],
  },
  {
    what: 'write into a home that is yet to come',
    file: 'lib/resources/accounts/user.ts',
    find: "=== true ? [refOf('directory', home)] : []",
    replace: '=== true ? [].slice(home.length) : []',
    tests: ['hosts/hands'],
  },
  {
    what: 'the mask of an ACL becomes the right of the group',
    file: HANDS,
    find: '--preserve=mode,ownership,xattr',
    replace: '--no-preserve=mode',
    tests: ['hosts/hands'],
  },
  {
    what: 'hands: give root a file that somebody has open for writing',
    file: 'lib/resources/files/file.ts',
    find: 'isOfRights(change) && !(hasContent(after) && mayBeHeldOpen(change))',
    replace: 'isOfRights(change)',
    tests: ['hosts/hands'],
  },
]
