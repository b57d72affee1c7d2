/**
 * The argument of every command.
 */
import type { Site } from '../dsl/site.ts'
import type { Output } from './output.ts'

export type CommandContext = {
  site: Site
  output: Output
  /** A program reads stdout: its last line is the report, and it contains nothing else. */
  json: boolean
  verbose: boolean
}
