/**
 * The second door: what a resource type is written with, here and outside of this repository. A type is one object of the
 * shape `ResourceType`; `resource(type)`, from the front door, makes it callable in recipes.
 */
export { byField } from './byField.ts'
export * as form from './form.ts'
export {
  ancestors,
  fieldsOf,
  findEach,
  fullMode,
  isPrivate,
  nameMistakes,
  parsePaths,
  PATH_KINDS,
  pathNeeds,
  type PathState,
  readPaths,
  replaceText,
  type Rights as PathRights,
  rightsFunction,
} from './files/paths.ts'
export { parseSmallFiles, readSmallFiles, type SmallFile } from './files/smallFiles.ts'
export { diffWholeFile, restoreWholeFile, WHOLE_FILE, wholeFileReader, type WholeFileState } from './files/wholeFile.ts'
export { groupBy } from './groupBy.ts'
export { listDrift } from './listDrift.ts'
export { payload } from './prelude.ts'
export {
  type Change,
  type Consequence,
  type Context,
  type Fetched,
  type FieldChange,
  type Interpreter,
  type Json,
  labelOf,
  NOTHING_LEFT,
  type Operator,
  type Output,
  type PlannedChange,
  type Ref,
  refOf,
  type ResourceType,
  type Rights,
  type Step,
  Unknown,
  type Wanted,
  type Was,
  type WayBack,
} from './resourceType.ts'
export {
  absolutePath,
  accountName,
  ensure,
  entryPath,
  fileMode,
  handle,
  type JsonSchema,
  oneLine,
  port,
  type PropsSchema,
  secretToken,
  text,
  textValue,
} from './schema.ts'
export { bytesTo, forEach, lines, quote, raw, records, sh, ShellText } from './shell.ts'
export type { Becomes, Keys, Login, PacketMatch, PacketPolicy, PacketRule, Touch } from './touch.ts'
export { markOf } from './stateFolders.ts'
export {
  holdsSecret,
  isSecretToken,
  isTextToken,
  type Reveal,
  Secret,
  type SecretToken,
  type StateText,
  Text,
  type TextToken,
  type TextValue,
} from './value.ts'
