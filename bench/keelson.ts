/**
 * site.ts as `--at` runs it against a server, with the size of a throw-away host in place of the inventory's.
 * `--sandbox` would find that out by itself, but cannot go over a line with latency.
 */
import site from '../site.ts'
import { size } from './size.ts'

const standIn = { ...size, container: true }
const here: typeof site = { ...site, evaluate: (name, override) => site.evaluate(name, { ...override, ...standIn }) }

process.exitCode = await here.run(process.argv.slice(2))
