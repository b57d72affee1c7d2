/**
 * What a file may be made from, and what happens to one without content.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { file } from '../../../lib/resources/files/file.ts'

const test = suite('file')
const folder = mkdtempSync(join(tmpdir(), 'keelson-file-'))
process.once('exit', () => rmSync(folder, { recursive: true }))

test('a source is a regular file: a device or a pipe is refused and not opened', () => {
  const pipe = join(folder, 'pipe')
  assert.is(spawnSync('sh', ['-c', `mkfifo ${pipe}`]).status, 0)
  const text = join(folder, 'text')
  writeFileSync(text, 'text\n')
  symlinkSync(text, join(folder, 'link'))
  symlinkSync('/dev/zero', join(folder, 'endless'))
  for (const path of ['/dev/null', '/dev/zero', pipe, join(folder, 'endless')])
    for (const source of [path, pathToFileURL(path)])
      assert.match(file.check?.({ path: '/etc/x', source })[0] ?? '', 'is not a regular file', path)
  for (const path of [folder, join(folder, 'none')])
    assert.match(file.check?.({ path: '/etc/x', source: path })[0] ?? '', 'cannot be read')
  for (const path of [text, join(folder, 'link')]) {
    assert.equal(file.check?.({ path: '/etc/x', source: path }), [])
    assert.is(file.desired({ path: '/etc/x', source: path })?.content, 'text\n')
  }
})

test.run()
