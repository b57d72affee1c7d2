/**
 * The schedules of crontab(5), as Debian's cron reads them. Written here, because checking a recipe must not load a
 * package.
 */
type Field = { name: string; min: number; max: number; words?: readonly string[] }

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const FIELDS: readonly [Field, Field, Field, Field, Field] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 0, max: 7, words: DAYS },
]
const NICKNAMES = ['@reboot', '@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']
/** In a leap year, because 29 February occurs. */
const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** What is wrong with a schedule, one sentence each; a date that never occurs is a mistake too. */
export function scheduleMistake(schedule: string): string[] {
  const words = schedule.trim().split(/ +/)
  if (words[0]?.startsWith('@')) {
    const known = words.length === 1 && NICKNAMES.includes(words[0])
    return known ? [] : [`schedule ${JSON.stringify(schedule)} is none of ${NICKNAMES.join(', ')}`]
  }
  if (words.length !== FIELDS.length) {
    return [`schedule ${JSON.stringify(schedule)} has ${words.length} fields; minute, hour, day, month, weekday are 5`]
  }
  const mistakes = FIELDS.flatMap((field, index) => fieldMistake(field, words[index]!))
  if (mistakes.length > 0) return mistakes
  return comesRound(words[2]!, words[3]!, words[4]!) ? [] : [`schedule ${JSON.stringify(schedule)} never comes round`]
}

function fieldMistake(field: Field, word: string): string[] {
  return word.split(',').flatMap((part) => {
    const wrong = `schedule: ${JSON.stringify(part)} is not a ${field.name}`
    const [, range, step] = /^(\*|[0-9]+-[0-9]+|[0-9]+|[A-Za-z]+)(?:\/([0-9]+))?$/.exec(part) ?? []
    if (range === undefined) return [wrong]
    if (step !== undefined && !/\*|-/.test(range)) return [`${wrong}: a step needs a range or *`]
    if (step !== undefined && (Number(step) < 1 || Number(step) > field.max)) return [`${wrong}: step ${step}`]
    if (/[A-Za-z]/.test(range)) return field.words?.includes(range.toLowerCase()) ? [] : [wrong]
    const [from = field.min, to = from] = range === '*' ? [] : range.split('-').map(Number)
    return from >= field.min && to <= field.max && from <= to ? [] : [`${wrong}: ${field.min} to ${field.max}`]
  })
}

/** With a weekday given, cron runs on either day (crontab(5)); otherwise some month must have the day. */
function comesRound(day: string, month: string, weekday: string): boolean {
  if (!weekday.startsWith('*') || day.startsWith('*')) return true
  const days = valuesOf(FIELDS[2], day)
  return [...valuesOf(FIELDS[3], month)].some((one) => Math.min(...days) <= DAYS_IN_MONTH[one - 1]!)
}

function valuesOf(field: Field, word: string): Set<number> {
  const values = word.split(',').flatMap((part) => {
    const [range = '*', step = '1'] = part.split('/')
    const named = field.words?.indexOf(range.toLowerCase()) ?? -1
    if (named >= 0) return [named + field.min]
    const [from = field.min, to = range === '*' ? field.max : from] = range === '*' ? [] : range.split('-').map(Number)
    return Array.from({ length: Math.floor((to - from) / Number(step)) + 1 }, (_, index) => from + index * Number(step))
  })
  return new Set(values)
}
