/**
 * Everything needed to write a resource type, inside or outside this repository. A type is one object of the shape
 * `ResourceType`; `resource(type)`, from lib/index.ts, makes it callable in recipes.
 */
export { byField } from './byField.ts'
export { changeText } from './files/changeText.ts'
export { fieldsOf, isPrivate, nameMistakes, parsePaths, pathNeeds, type PathState, readPaths } from './files/paths.ts'
export { parseSmallFiles, readSmallFiles, type SmallFile } from './files/smallFiles.ts'
export { undoWholeFile, WHOLE_FILE, wholeFileReader, type WholeFileState } from './files/wholeFile.ts'
export * as form from './forms.ts'
export { payload } from './prelude.ts'
export { type KnownType, type NamedType, type OwnRef, type Ref, refOf, type TypedRef, under } from './ref.ts'
export { type Restart, restartFunctions } from './restart.ts'
export {
  type Change,
  type Compared,
  type Consequence,
  type Context,
  type Fetched,
  type FieldChange,
  type Gate,
  type GateView,
  type Interpreter,
  type Json,
  NOTHING_LEFT,
  type Operator,
  type Output,
  type EarlierChange as PlannedChange,
  type ResourceType,
  type Rights,
  type Step,
  Unknown,
  type Desired as Wanted,
  type Was,
  type UndoTarget as WayBack,
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
export { forEach, lines, quote, raw, records, sh, type ShellText, type Word } from './shell.ts'
export type { Becomes, Keys, Login, PacketMatch, PacketPolicy, PacketRule, Touch } from './touch.ts'
export {
  type Comparing,
  holdsSecret,
  type Reveal,
  type Secret,
  type SecretToken,
  type StateText,
  type Text,
  type TextToken,
  type TextValue,
} from './value.ts'
export {
  type CheckState,
  type Declared,
  type Finding,
  type Look,
  markedPath,
  type Probe,
  type Verify,
} from './verify.ts'
