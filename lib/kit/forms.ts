/**
 * The forms that a resource type is written with, which the second door gives out as `form`.
 */
export {
  either,
  fields,
  flag,
  type Form,
  line,
  list,
  matching,
  missingAs,
  oneOf,
  optional,
  ref,
  shownAs,
  stateText,
  table,
  text,
  whole,
  wordOf,
} from './form.ts'
