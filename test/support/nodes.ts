/**
 * Runs the tests without hosts on other releases of Node: each comes from npm as a package with the binary in it.
 *
 *     node --import tsx test/support/nodes.ts [RELEASE…]        22, 24 and 26 when none is named
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { join } from 'node:path'

const RELEASES = ['22', '24', '26']

/** Kept from one call to the next. */
const KEPT = join(tmpdir(), 'keelson-nodes')

function nodeOf(release: string): string {
  const folder = join(KEPT, release)
  const name = `node-linux-${arch()}`
  mkdirSync(folder, { recursive: true })
  run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${release}`])
  return join(folder, 'node_modules', name, 'bin/node')
}

function run(program: string, args: readonly string[]): number {
  const { error, status } = spawnSync(program, args, { stdio: 'inherit' })
  if (error !== undefined) throw error
  return status ?? 1
}

const asked = process.argv.slice(2)
const failed = (asked.length > 0 ? asked : RELEASES).filter((release) => {
  console.log(`Node ${release}`)
  return run(nodeOf(release), ['--import', 'tsx', 'test/support/run.ts', '--no-hosts']) !== 0
})
console.log(failed.length === 0 ? 'every release passes' : `failed on Node ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
