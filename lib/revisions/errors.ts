/**
 * The errors of comparing revisions.
 */
import { KeelsonError } from '../engine/errors.ts'

/** A revision cannot be found, checked out or evaluated. */
export class RevisionError extends KeelsonError {
  readonly exit: 'error' | 'usage'

  constructor(
    message: string,
    { exit = 'error', ...words }: { said?: string; next: string; exit?: 'error' | 'usage' },
  ) {
    super(message, words)
    this.exit = exit
  }
}
