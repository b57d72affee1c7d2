/**
 * From whatever was thrown to a problem that can be shown and an exit code.
 */
import { formatSource } from '../engine/catalog/catalog.ts'
import { wordsOf } from '../engine/errors.ts'
import { type Diagnostic, RecipeError } from '../engine/catalog/evaluate.ts'
import { type ExitName, EXIT_CODES, type HostProblem } from '../engine/report.ts'
import { isMistake } from '../render/view/problem.ts'

/** The command line asks for something that does not exist or cannot be done as asked. Exit 64. */
export class UsageError extends Error {
  readonly said = ''
  readonly next: string
  readonly exit = 'usage'

  constructor(message: string, next = '') {
    super(message)
    this.name = 'UsageError'
    this.next = next
  }
}

/** The operator pressed Ctrl-C. Exit 130. */
export class Interrupted extends Error {
  readonly said = ''
  readonly next: string
  readonly exit = 'interrupted'

  constructor(message: string, next = '') {
    super(message)
    this.name = 'Interrupted'
    this.next = next
  }
}

/** Transport errors that say nothing about the host except that it was not reached. They carry no exit name. */
const NOT_REACHED = new Set(['Unreachable', 'WrongHostKey', 'LoginRefused'])

/** An error as a report holds it. Errors of the engine and of the transport bring `said`, `next` and maybe `exit`. */
export function describeError(error: unknown, verbose = false): HostProblem {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), said: '', next: '', exit: 'error' }
  const { name } = error
  if (error instanceof RecipeError) return describeMistakes(error)
  const [message = '', ...more] = error.message.split('\n')
  const { said, next, ...words } = wordsOf(error)
  const stack = isMistake(name) || verbose ? (error.stack ?? '') : ''
  const why = words.why || more.join('\n') || (said === '' ? stack : '')
  return { name, message: message || name, said, ...(why === '' ? {} : { why }), next, exit: exitOf(error) }
}

/** The first mistake is the sentence, the others stand below it. */
function describeMistakes({ name, diagnostics: [first, ...others] }: RecipeError): HostProblem {
  const sentence = ({ source, message }: Diagnostic): string =>
    source === undefined ? message : `${formatSource(source)}: ${message}`
  const message = first === undefined ? name : sentence(first)
  const why = others.map(sentence).join('\n')
  return { name, message, said: '', ...(why === '' ? {} : { why }), next: first?.next ?? '', exit: 'error' }
}

function exitOf(error: Error): ExitName {
  const own = 'exit' in error ? error.exit : undefined
  if (typeof own === 'string' && isExitName(own)) return own
  if (error.name === 'AbortError') return 'interrupted'
  return NOT_REACHED.has(error.name) ? 'unreachable' : 'error'
}

function isExitName(name: string): name is ExitName {
  return Object.hasOwn(EXIT_CODES, name)
}
