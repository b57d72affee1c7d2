/**
 * redis.conf lines: arguments, their quoting (sdssplitargs in sds.c), and one canonical form for values.
 */

/** Directives whose value has several arguments; every other one takes its text as a single argument. */
const MANY_ARGUMENTS = new Set([
  'bind',
  'client-output-buffer-limit',
  'latency-tracking-info-percentiles',
  'oom-score-adj-values',
  'replicaof',
  'save',
])

/** Directives whose value is a secret; only a digest of the stored value leaves the host. */
export const SECRET_DIRECTIVES: ReadonlySet<string> = new Set(['requirepass', 'masterauth'])

/** Directives that a running server does not accept by CONFIG SET, seen on Redis 7.0.15 and 8.0.2. */
export const AT_START: ReadonlySet<string> = new Set(
  `aclfile always-show-logo aof-rewrite-cpulist aof_rewrite_cpulist appenddirname appendfilename bgsave-cpulist
bgsave_cpulist bio-cpulist bio_cpulist cluster-config-file cluster-enabled cluster-port daemonize databases disable-thp
enable-debug-command enable-module-command enable-protected-configs io-threads io-threads-do-reads logfile pidfile
rdbchecksum replicaof server-cpulist server_cpulist set-proc-title socket-mark-id supervised syslog-enabled
syslog-facility syslog-ident tcp-backlog unixsocket unixsocketperm dir dbfilename`.split(/\s+/),
)

/** The arguments of one line's value as a recipe writes it. */
export function valueArguments(directive: string, value: string): string[] {
  if (!MANY_ARGUMENTS.has(directive)) return [value]
  const words = value.split(' ').filter((word) => word !== '')
  return words.length === 0 ? [''] : words
}

/**
 * An argument as redis.conf and redis-cli read it. In double quotes every byte can be written as `\xHH`.
 * @throws {TypeError} On a NUL, which ends a C string.
 */
export function quoteArgument(argument: string): string {
  if (argument.includes('\0')) throw new TypeError('a Redis setting cannot hold a NUL character')
  if (/^[A-Za-z0-9_.:/@%+,*=-]+$/.test(argument)) return argument
  const escaped = [...Buffer.from(argument)].map((byte) => {
    const character = String.fromCharCode(byte)
    if (character === '"' || character === '\\') return `\\${character}`
    return byte >= 0x20 && byte < 0x7f ? character : `\\x${byte.toString(16).padStart(2, '0')}`
  })
  return `"${escaped.join('')}"`
}

export function confLine(directive: string, value: string): string {
  return [directive, ...valueArguments(directive, value).map(quoteArgument)].join(' ')
}

/** @returns The arguments of a line; undefined for one that Redis cannot parse either. */
export function splitArguments(line: string): string[] | undefined {
  const found: string[] = []
  const word = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)'|([^\s"']+))(?=\s|$)/y
  const text = line.trim()
  while (word.lastIndex < text.length) {
    const match = word.exec(text)
    if (match === null) return undefined
    const [, double, single, bare] = match
    if (double !== undefined) found.push(unescapeDouble(double))
    else if (single !== undefined) found.push(single.replaceAll("\\'", "'"))
    else found.push(bare!)
  }
  return found
}

const ESCAPES: { [letter: string]: string } = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

function unescapeDouble(text: string): string {
  const bytes = text.replace(/\\(x[0-9a-fA-F]{2}|[\s\S])|[^\\]/gu, (all: string, escape: string | undefined) => {
    if (escape === undefined) return Buffer.from(all).toString('latin1')
    if (/^x[0-9a-fA-F]{2}$/.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return ESCAPES[escape] ?? escape
  })
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

const BYTES: { [unit: string]: number } = { k: 1e3, kb: 2 ** 10, m: 1e6, mb: 2 ** 20, g: 1e9, gb: 2 ** 30 }

/** `256mb` becomes 268435456, YES becomes yes, a slave a replica. */
export function canonicalArgument(argument: string): string {
  const size = /^(\d+)(kb?|mb?|gb?)$/i.exec(argument)
  if (size !== null) return String(Number(size[1]) * BYTES[size[2]!.toLowerCase()]!)
  if (/^(yes|no)$/i.test(argument)) return argument.toLowerCase()
  return argument === 'slave' ? 'replica' : argument
}

/** Converts a server's answer in bytes to the unit of the recipe's value: `67108864` is `64mb`. */
export function inUnits(answer: string, like: string): string {
  const bytes = /^[1-9]\d*$/.test(answer) && /^\d+(kb?|mb?|gb?)$/i.test(like) ? Number(answer) : NaN
  const fits = (['gb', 'mb', 'kb'] as const).map((unit) => ({ unit, count: bytes / BYTES[unit]! }))
  const fit = fits.find(({ count }) => Number.isInteger(count))
  return fit === undefined ? answer : `${fit.count}${fit.unit}`
}

/** Lines of one directive as one text, in the form of CONFIG GET. */
export function canonicalLines(lines: readonly string[]): string {
  return lines
    .flatMap((line) => line.split(' '))
    .filter((argument) => argument !== '')
    .map(canonicalArgument)
    .join(' ')
}

/** Whether a running server has what the lines say. It reports the limits of all client classes, lines only some. */
export function isRunning(directive: string, lines: readonly string[], answer: string): boolean {
  const [want, have] = [canonicalLines(lines), canonicalLines([answer])]
  if (directive !== 'client-output-buffer-limit') return want === have
  const limits = (text: string): string[] => text.match(/\S+ \S+ \S+ \S+/g) ?? []
  return limits(want).every((limit) => limits(have).includes(limit))
}
