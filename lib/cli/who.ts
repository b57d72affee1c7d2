/**
 * Who runs the command, for the host's lock and for the record of a run.
 */
import { execFile } from 'node:child_process'
import { hostname, userInfo } from 'node:os'
import { promisify } from 'node:util'
import type { Who } from '../engine/host/runRecord.ts'

const run = promisify(execFile)

/** @param folder The site's folder. Outside a git work tree, or without git, `commit` and `dirty` are absent. */
export async function whoIsAtWork(folder: string): Promise<Who> {
  const who = { user: process.env['SUDO_USER'] ?? userInfo().username, host: hostname() }
  try {
    const [head, status] = await Promise.all([
      run('git', ['-C', folder, 'rev-parse', 'HEAD']),
      // Without optional locks: reading the status must not block a commit in another window.
      run('git', ['--no-optional-locks', '-C', folder, 'status', '--porcelain']),
    ])
    return { ...who, commit: head.stdout.trim(), dirty: status.stdout !== '' }
  } catch {
    return who
  }
}
