/**
 * What a client may come to, whatever a host told it.
 */
import type { Bait } from './planted.ts'
import type { HostileCase } from './cases.ts'

export type Outcome = { code: number; stdout: string; stderr: string; sent: Buffer }

/** Exit codes (lib/engine/exit.ts) that are an answer; 64 is one where a run is asked for that the host does not tell of. */
const CODES: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7]

/** Newline and tab are ours; nothing else that steers a terminal, reorders a line or is no character. */
const RAW = /[^\P{Cc}\n\t]|\p{Bidi_Control}|\p{Cs}|[\u2028\u2029]/u

/** What only a mistake in the client shows; a stack has lines and columns. */
const MISTAKE =
  /\b(Type|Range|Syntax|Reference|Assertion)Error\b|\bundefined\b|\[object |\bNaN\b|mistake in Keelson or in a recipe|^ +at .+:\d+:\d+\)?$|Maximum call stack|Cannot read prop|is not (a function|iterable)/m

/** @param own Secrets of this host, which it may be told but which are shown to nobody. @returns What is wrong. */
export function judge(one: HostileCase, outcome: Outcome, bait: Bait, own: readonly string[]): string | undefined {
  const { code, stdout, stderr, sent } = outcome
  const shown = `${stdout}\n${stderr}`
  const numbered = one.argv.some((word) => /^\d+$/.test(word))
  if (!CODES.includes(code) && !(numbered && code === 64)) return `it ended with ${code}: ${excerpt(shown)}`
  const raw = RAW.exec(shown)
  if (raw !== null) return `${JSON.stringify(raw[0])} reaches the terminal: ${excerpt(shown, raw.index)}`
  const mistake = MISTAKE.exec(shown)
  if (mistake !== null) return `it says ${mistake[0].trim()}: ${excerpt(shown, mistake.index)}`
  const secret = own.find((each) => shown.includes(each))
  if (secret !== undefined) return `it shows a secret: ${excerpt(shown, shown.indexOf(secret))}`
  const leak = bait.found('what is shown', Buffer.from(shown)) ?? bait.found('what the host was sent', sent)
  if (leak !== undefined) return leak
  const read = bait.read()
  if (read !== undefined) return `it has read ${read}`
  return one.argv.includes('--json') ? judgeJson(code, outcome) : judgeText(code, outcome)
}

function judgeText(code: number, { stdout, stderr }: Outcome): string | undefined {
  if (code === 0 || /^[^\n]{10,}/m.test(stderr)) return undefined
  // What failed on a host stands in its result.
  return /failed|applied in part|Not fully undone|Nothing was changed/.test(stdout)
    ? undefined
    : `exit ${code} without a sentence`
}

function judgeJson(code: number, { stdout }: Outcome): string | undefined {
  const report = reportIn(stdout)
  if (report === undefined) return `the last line is no report: ${excerpt(stdout.slice(-500))}`
  if (report.exit?.code !== code) return `the report says exit ${report.exit?.code}, the process ${code}`
  const hasSentence = report.hosts?.some(
    ({ error, changes, undo }) =>
      (error?.message ?? '') !== '' ||
      changes?.some(({ failure }) => failure !== undefined) ||
      undo?.stays.some(({ because }) => because !== ''),
  )
  return code === 0 || code === 64 || hasSentence === true
    ? undefined
    : `exit ${code} without a sentence: ${excerpt(stdout)}`
}

type Change = { ref?: string; kind?: string; failure?: object }
export type Report = {
  exit?: { code?: number }
  hosts?: {
    error?: { message?: string }
    changes?: Change[]
    runs?: { run: string }[]
    undo?: { stays: { ref: string; because: string }[] }
  }[]
}

export function reportIn(stdout: string): Report | undefined {
  try {
    const report: Report | null = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    return report ?? undefined
  } catch {
    return undefined
  }
}

/** A damaged record costs only itself: all else is as it was without the damage. */
export function judgeRest(
  { only = '', command }: HostileCase,
  before: Report,
  { stdout }: Outcome,
): string | undefined {
  const [was, now] = [before.hosts?.[0], reportIn(stdout)?.hosts?.[0]]
  if (now?.error !== undefined) return `one record stops everything: ${now.error.message}`
  if (command === 'runs') {
    const rest = (runs: { run: string }[] = []): string => JSON.stringify(runs.filter(({ run }) => run !== only))
    return rest(was?.runs) === rest(now?.runs) ? undefined : `other runs are told otherwise: ${rest(now?.runs)}`
  }
  // What is made goes after all that needs it, and stays with it.
  const stays =
    now?.undo?.stays.filter(({ because }) => /needs it, and stays|stays$/.test(because)).map(({ ref }) => ref) ?? []
  const linesOf = (changes: Change[] = []): string[] =>
    changes
      .filter(({ ref, kind }) => ref !== only && kind !== 'follow-up' && !stays.includes(ref ?? ''))
      .map(({ ref, kind }) => `${kind} ${ref}`)
  const has = new Set(linesOf(now?.changes))
  const missing = linesOf(was?.changes).filter((line) => !has.has(line))
  return missing.length === 0
    ? undefined
    : `one record changes others: without ${missing.join(', ')}, with ${[...has].join(', ')}`
}

function excerpt(text: string, at = 0): string {
  return JSON.stringify(text.slice(Math.max(0, at - 300), at + 700))
}
