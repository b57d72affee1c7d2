/**
 * Whether the kernel protects links (fs.protected_symlinks, fs.protected_hardlinks). One kernel serves all hosts of this
 * machine, and hosts cannot set it: cases of one setting go on beside each other, and those of the other wait for them.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const SETTINGS = ['/proc/sys/fs/protected_symlinks', '/proc/sys/fs/protected_hardlinks'] as const
let found: string[] | undefined
let present: boolean | undefined
const under = new Set<Promise<unknown>>()

/** Does some work while links are protected, or not. */
export async function withLinks<Result>(protects: boolean, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    if (present === protects || under.size === 0) break
    await Promise.allSettled(under)
  }
  protect(protects)
  const working = work()
  under.add(working)
  return working.finally(() => under.delete(working))
}

/** What it was comes back at the end. */
function protect(on: boolean): void {
  if (found === undefined) {
    found = SETTINGS.map((path) => readFileSync(path, 'utf8'))
    process.once('exit', () => SETTINGS.forEach((path, index) => writeFileSync(path, found?.[index] ?? '1')))
  }
  for (const path of SETTINGS) writeFileSync(path, on ? '1' : '0')
  present = on
}
