/**
 * What a job promises: that cron runs, and that each run left something in time.
 */
import * as form from '../../kit/form.ts'
import type { Output } from '../../kit/resourceType.ts'
import { lines, sh } from '../../kit/shell.ts'
import type { Declared, Finding, Verify } from '../../kit/verify.ts'

/** What each run of a job leaves. */
export type Leaves = {
  /** Folder in which every run makes a new entry whose name does not begin with a dot: `'/var/backups/shop'`. */
  folder: string
  /** Age in hours that the newest entry must not exceed: `26`. */
  hours: number
}

export const LEAVES = form.fields<Leaves>({ folder: form.line(), hours: form.whole(1, 100_000) })

/** What is needed of a job. */
type Job = { content: string; how?: { leaves?: Leaves | undefined } }
type Jobs = readonly Declared<Job>[]

export function jobVerify(pathOf: (name: string) => string): Verify<Job> {
  return {
    means: { job: 'cron runs, and what each job `leaves` is there and not older than it says: the last backup' },
    look: { command: (entries) => lookAtJobs(entries, pathOf), parse: parseLooks },
  }
}

/** For each job one line: when its file was written, and the time of the newest entry, if any. */
function lookAtJobs(entries: Jobs, pathOf: (name: string) => string): string {
  const jobs = entries.map(({ name, state }) => {
    const newest = state.how?.leaves && newestIn(state.how.leaves.folder)
    return `printf '%s %s\\n' "$(${sh`stat -c %Y -- ${pathOf(name)} 2>/dev/null`})" "${newest === undefined ? '' : `$(${newest})`}"`
  })
  return ['systemctl is-active cron.service', 'date +%s', ...jobs].join('\n')
}

function newestIn(folder: string): string {
  return sh`find ${folder} -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1`
}

/** @throws {Error} When there is not a line for each job. */
function parseLooks({ stdout, stderr }: Output, entries: Jobs): Finding[] {
  const [active = '', clock = '', ...found] = lines(stdout)
  if (found.length !== entries.length) throw new Error(`cron jobs: ${stderr || stdout.slice(0, 300)}`)
  return entries.map((one, index) => judge(one, found[index]!, active, Number(clock)))
}

function judge({ name, state }: Declared<Job>, line: string, active: string, now: number): Finding {
  const about = { check: 'job', about: name }
  const [made = '', newest = ''] = line.split(' ')
  const next = `look at journalctl -u cron and at what the job says; its command: ${state.content.split('\t').at(-1)?.trim() ?? ''}`
  if (active !== 'active') return { ...about, state: 'wrong', said: 'cron does not run', next: 'systemctl start cron' }
  if (made === '') return { ...about, state: 'wrong', said: 'its file is not there', next: 'converge' }
  const leaves = state.how?.leaves
  if (leaves === undefined) return { ...about, state: 'ok', said: 'cron has it' }
  const limit = leaves.hours * 3600
  if (newest === '') {
    if (now - Number(made) < limit)
      return {
        ...about,
        state: 'unchecked',
        said: `declared ${span(now - Number(made))} ago; it has not had to run yet`,
      }
    return { ...about, state: 'wrong', said: `there is nothing in ${leaves.folder}`, next }
  }
  const age = Math.max(0, Math.round(now - Number(newest)))
  const measure = { name: 'job_age_seconds', value: age }
  if (age <= limit) return { ...about, state: 'ok', said: `it ran ${span(age)} ago`, measure }
  return { ...about, state: 'wrong', said: `the last of it in ${leaves.folder} is ${span(age)} old`, next, measure }
}

function span(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  if (hours < 1) return `${Math.floor(seconds / 60)} min`
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`
}
