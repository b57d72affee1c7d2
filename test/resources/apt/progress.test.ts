/** How far apt is: what a step tells of the lines of APT::Status-Fd, in the shell of the hosts. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PROGRESS } from '../../../lib/resources/apt/aptTransaction.ts'

const test = suite('progress of apt')

const folder = mkdtempSync(join(tmpdir(), 'keelson-apt-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
const owned = join(folder, 'owned')

/** What is told of one line. */
function told(line: string): string {
  const { stdout, stderr, status } = spawnSync('dash', ['-euc', `tell() { printf '%s' "$*"; }\n${PROGRESS}progress`], {
    input: `${line}\n`,
    env: { ...process.env, P: folder, LC_ALL: 'C' },
    encoding: 'utf8',
  })
  assert.is(status, 0, stderr)
  assert.is(stderr, '')
  return stdout.replace(/\d+\.\d MB/, 'N MB')
}

const LINES: [line: string, told: string][] = [
  // Recorded: Debian 12, apt 2.6.1.
  ['pmstatus:tree:20.0000:Installing tree (amd64)', 'does 20 %  Installing tree (amd64)'],
  ['pmstatus:dpkg-exec:0.0000:Running dpkg', 'does 0 %  Running dpkg'],
  ['pmstatus:libc6:i386:57.1429:Unpacking libc6:i386 (i386)', 'does 57 %  Unpacking libc6:i386 (i386)'],
  [
    'dlstatus:3:24.0381:Retrieving file 3 of 18 (9s remaining)',
    'does 24 %  fetching file 3 of 18 (9s remaining), N MB',
  ],
  ['media-change:Please insert', ''],
  ['pmerror:nginx:12:no', ''],
  ['', ''],
  [
    `pmstatus:x:1.0:$(touch ${owned}) \`touch ${owned}\` ; touch ${owned} -n \\n %s`,
    `does 1 %  $(touch ${owned}) \`touch ${owned}\` ; touch ${owned} -n \\n %s`,
  ],
]

for (const [line, expected] of LINES) {
  test(JSON.stringify(line.replaceAll(folder, '')), () => {
    assert.is(told(line), expected)
    assert.not.ok(existsSync(owned))
  })
}

test('of all lines within a second one is told', () => {
  const many = Array.from({ length: 2000 }, () => 'pmstatus:x:1.0:Unpacking x').join('\n')
  assert.ok(told(many).split('does ').length <= 4)
})

test.run()
