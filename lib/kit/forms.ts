/**
 * The forms for writing a resource type, which lib/kit/index.ts exports as `form`.
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
