/**
 * What every command is given.
 */
import type { Site } from '../dsl/site.ts'
import type { Output } from './output.ts'

export type CommandContext = {
  site: Site
  output: Output
  /** Stdout is read by a program: its last line is the report, and nothing else stands there. */
  json: boolean
  verbose: boolean
}
