/** plan --watch on a real host, as a person saves a recipe, breaks it, and mends it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost } from '../support/host.ts'
import { startSite, writeSite } from '../support/siteFile.ts'

const test = suite('watch on a host')
const LIMIT_MS = 120_000

const host = await freshHost('debian-13')
const site = writeSite({ one: host }, "file({ path: '/etc/one', content: 'a\\n' })")
const text = readFileSync(site, 'utf8')

test('each save shows what differs from the plan before, with the time', async () => {
  const { child, ended } = startSite(site, ['plan', '--watch'])
  let seen = ''
  const pieces: [string, () => void][] = []
  const look = (): void => {
    for (const [piece, found] of pieces) if (seen.includes(piece)) found()
  }
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      look()
    })
  /** Waits for a text that comes after what was seen before, and returns all until then. */
  const until = (piece: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${piece} in:\n${seen}`)), LIMIT_MS)
      pieces.push([
        piece,
        () => {
          clearTimeout(late)
          resolve()
        },
      ])
      look()
    })
  const save = async (content: string): Promise<string> => {
    seen = ''
    pieces.length = 0
    writeFileSync(site, content)
    await until('waiting for a save')
    return seen
  }
  try {
    await until('waiting for a save')
    assert.match(seen, /^\n\d\d:\d\d:\d\d {2}planning\n/)
    assert.match(seen, '+ file /etc/one')
    const more = await save(text.replace("'/etc/one'", "'/etc/two'"))
    assert.match(more, /^\n\d\d:\d\d:\d\d {2}site\.ts saved: planning again\n/)
    assert.match(
      more,
      'Since the plan before, on one:\n  no longer to be made: + file /etc/one\n  new: + file /etc/two\n',
    )
    const broken = await save(text.replace('content:', 'content: = '))
    assert.match(broken, /\nsite\.ts:4:\d+: Unexpected "="\n {2}line /)
    assert.not.match(broken, /esbuild|\n {4}at /)
    const mended = await save(`// a line above\n${text.replace("'/etc/one'", "'/etc/two'")}`)
    assert.match(mended, '\none  as before  Plan: 1 to create.\n')
    // oxlint-disable-next-line no-control-regex -- control characters are what it is about
    assert.not.match(more + broken + mended, /[\x07\x1b]/)
  } finally {
    child.kill('SIGINT')
    await ended
  }
  assert.is((await ended).code, 130)
})

test.run()
