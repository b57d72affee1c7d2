/**
 * What a forge answers when it does not do what it was asked.
 */
import { KeelsonError } from '../engine/errors.ts'

/** The forge cannot be asked, or said no. Exit 1. */
export class ForgeError extends KeelsonError {
  readonly exit = 'error'
}

/** The token lacks a right. */
export class Forbidden extends ForgeError {}

/** There is no such thing, or the token may not see it. */
export class Gone extends ForgeError {}

/** The text is longer than the forge takes. */
export class TooLong extends ForgeError {}

/** No answer, or a failure of the server: what was asked may have been done. */
export class Uncertain extends ForgeError {}
