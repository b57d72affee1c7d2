/**
 * The mark of each sign, the same in every form of output.
 */
import type { Sign } from './view.ts'

export const MARKS: { readonly [sign in Sign]: string } = {
  create: '+',
  change: '~',
  remove: '-',
  'follow-up': '↻',
  adopt: '←',
  forget: '.',
  recheck: '?',
  opaque: '?',
  guarded: '!',
}
