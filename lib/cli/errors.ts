/**
 * Converts whatever was thrown to a problem that can be shown, and an exit code.
 */
import { exitOfError, KeelsonError, Stale, wordsOf } from '../engine/errors.ts'
import { type Diagnostic, placeOf, RecipeError } from '../engine/catalog/evaluate.ts'
import type { HostProblem } from '../engine/report.ts'
import { isMistake } from '../render/view/problem.ts'

/** The command line names something that does not exist, or asks for what cannot be done. Exit 64. */
export class UsageError extends KeelsonError {
  readonly exit = 'usage'

  constructor(message: string, next = '') {
    super(message, { next })
  }
}

/** The operator pressed Ctrl-C. Exit 130. */
export class Interrupted extends KeelsonError {
  readonly exit = 'interrupted'

  constructor(message: string, next = '') {
    super(message, { next })
  }
}

/** Converts an error to its form in a report. Its message and exit were decided where it was created. */
export function describeError(error: unknown, verbose = false): HostProblem {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), said: '', next: '', exit: 'error' }
  const { name } = error
  if (error instanceof RecipeError) return describeMistakes(error)
  const [message = '', ...more] = error.message.split('\n')
  const { said, next, ...words } = wordsOf(error)
  const stack = isMistake(name) || verbose ? (error.stack ?? '') : ''
  const why = words.why || more.join('\n') || (said === '' ? stack : '')
  const moved = error instanceof Stale ? error.moved : undefined
  return {
    name,
    message: message || name,
    said,
    ...(why === '' ? {} : { why }),
    next,
    exit: exitOfError(error),
    ...(moved === undefined ? {} : { moved }),
  }
}

/** The first mistake becomes the message, the others follow below it. */
function describeMistakes({ name, diagnostics: [first, ...others] }: RecipeError): HostProblem {
  const sentence = (one: Diagnostic): string => {
    const place = placeOf(one)
    return place === undefined ? one.message : `${place}: ${one.message}`
  }
  const message = first === undefined ? name : sentence(first)
  const why = others.map(sentence).join('\n')
  return { name, message, said: '', ...(why === '' ? {} : { why }), next: first?.next ?? '', exit: 'error' }
}
