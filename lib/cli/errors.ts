/**
 * From whatever was thrown to a problem that can be shown and an exit code.
 */
import { formatSource } from '../engine/catalog.ts'
import { type Diagnostic, RecipeError } from '../engine/evaluate.ts'
import { type ExitName, EXIT_CODES, type HostReport } from '../engine/report.ts'
import { isMistake } from './render/problem.ts'

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

type HostError = NonNullable<HostReport['error']>

/** Transport errors that say nothing about the host except that it was not reached. They carry no exit name. */
const NOT_REACHED = new Set(['Unreachable', 'WrongHostKey', 'LoginRefused'])

/** An error as a report holds it. Errors of the engine and of the transport bring `said`, `next` and maybe `exit`. */
export function describeError(error: unknown, verbose = false): HostError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), said: '', next: '', exit: 'error' }
  const { name } = error
  if (error instanceof RecipeError) return describeMistakes(error)
  const [message = '', ...more] = error.message.split('\n')
  const said = textIn(error, 'said') || more.join('\n')
  const stack = isMistake(name) || verbose ? (error.stack ?? '') : ''
  return { name, message: message || name, said: said || stack, next: textIn(error, 'next'), exit: exitOf(error) }
}

/** The first mistake is the sentence, the others stand below it. */
function describeMistakes({ name, diagnostics: [first, ...others] }: RecipeError): HostError {
  const sentence = ({ source, message }: Diagnostic): string =>
    source === undefined ? message : `${formatSource(source)}: ${message}`
  const message = first === undefined ? name : sentence(first)
  return { name, message, said: others.map(sentence).join('\n'), next: first?.next ?? '', exit: 'error' }
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

function textIn(error: Error, key: 'said' | 'next'): string {
  const value: unknown = Reflect.get(error, key)
  return typeof value === 'string' ? value : ''
}
