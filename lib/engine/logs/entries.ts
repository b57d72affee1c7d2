/**
 * Log lines of a host as entries: the journal's JSON (systemd.journal-fields(7)) and Nginx's JSON access log. Pure. A
 * line comes from outside: what does not fit is shown as it is, and never stops the rest.
 */
import { isObject, parseJson } from '../../kit/form.ts'

/** As in syslog(3); the lower, the worse. */
export const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

export type Entry = {
  /** Microseconds since 1970. */
  time: number
  service: string
  level: Level
  message: string
  /** Of the request, where the line tells it. */
  request?: string
}

/** Service name of the access log. */
export const ACCESS = 'nginx.access'
/** Maximum values in one line, and characters of a message. */
const MOST_VALUES = 5000
const LONGEST = 65_536

/** @returns The entry with its cursor; undefined for a line that is none. */
export function journalEntry(line: string): (Entry & { cursor: string }) | undefined {
  const fields = fieldsIn(line)
  const time = Number(fields?.['__REALTIME_TIMESTAMP'])
  const cursor = fields?.['__CURSOR']
  if (fields === undefined || !Number.isSafeInteger(time) || typeof cursor !== 'string') return undefined
  return {
    time,
    cursor,
    service: nameIn(fields),
    level: LEVELS[Number(fields['PRIORITY'])] ?? 'info',
    message: textOf(fields['MESSAGE']),
  }
}

/** The unit a line is about; what systemd says of a unit counts as that unit's. */
function nameIn(fields: { readonly [field: string]: unknown }): string {
  const names = ['UNIT', '_SYSTEMD_UNIT', 'SYSLOG_IDENTIFIER', '_COMM'].map((field) => fields[field])
  const name = names.find((one): one is string => typeof one === 'string' && one !== '') ?? 'kernel'
  return name.replace(/\.service$/, '').slice(0, 256)
}

/** A message that is no UTF-8 is a list of bytes, one that was too long is null. */
function textOf(message: unknown): string {
  if (typeof message === 'string') return message.slice(0, LONGEST)
  if (!Array.isArray(message)) return ''
  const bytes = message.filter((byte): byte is number => typeof byte === 'number' && byte >= 0 && byte < 256)
  return Buffer.from(bytes.slice(0, LONGEST)).toString()
}

/** @returns Undefined for a line without a time. */
export function accessEntry(line: string): Entry | undefined {
  const fields = fieldsIn(line)
  const time = Date.parse(String(fields?.['ts']))
  if (fields === undefined || !Number.isFinite(time)) return undefined
  const of = (field: string): string => (isPlain(fields[field]) ? String(fields[field]).slice(0, 8192) : '')
  const status = Number(fields['status'])
  const upstream = of('upstream') === '' ? '' : ` from ${of('upstream')}`
  const request = of('id')
  return {
    time: time * 1000,
    service: ACCESS,
    level: status >= 500 ? 'err' : status >= 400 ? 'warning' : 'info',
    message: `${of('ip')} ${of('method')} ${of('host')}${of('uri')} ${of('status')} ${of('bytes')} B ${of('seconds')} s${upstream}`,
    ...(request === '' ? {} : { request }),
  }
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

function fieldsIn(line: string): { readonly [field: string]: unknown } | undefined {
  try {
    // Messages of other kinds than text are lists of as many values as they have bytes.
    const value = parseJson(line, line.includes('"MESSAGE":[') ? 4 * LONGEST : MOST_VALUES)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
