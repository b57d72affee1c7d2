/** Where a line or block goes in files with blocks: the awk program that edits, and the reading, agree on what is for all. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sh } from '../../../lib/kit/shell.ts'
import { EDIT_AWK, found, recordOf, usualPlace, type Wish } from '../../../lib/resources/files/editLines.ts'
import { dash, scratchFolder } from '../dash.ts'

const test = suite('the place of an edit')
const folder = scratchFolder()
const SSHD = '/etc/ssh/sshd_config'

/** The text after the edit, in which it must be found as wanted. */
function placed(before: string, wish: Wish, lines: string[]): string {
  const [record, program, text] = [join(folder, 'record'), join(folder, 'program'), join(folder, 'text')]
  writeFileSync(record, recordOf(wish, lines))
  writeFileSync(program, EDIT_AWK)
  writeFileSync(text, before)
  const { stdout: after } = dash(sh`awk -v record=${record} -v ended=yes -f ${program} ${text}`)
  assert.equal(found(after, wish), [lines.join('\n')], after)
  return after
}

const line = (text: string, path = SSHD, replaces?: string): Wish => ({
  match: { line: text, ...(replaces === undefined ? {} : { replaces }) },
  position: usualPlace(path, text),
})
const block = (text: string): Wish => ({
  match: { open: '# begin keelson b', close: '# end keelson b' },
  position: usualPlace(SSHD, text),
})

test('a line for all of sshd goes before the first Match, however that is written', () => {
  for (const match of ['Match User a', '  match\tgroup b', 'MATCH all', 'Match=User c']) {
    assert.is(placed(`A 1\n${match}\nB 2\n`, line('C 3'), ['C 3']), `A 1\nC 3\n${match}\nB 2\n`)
  }
  assert.is(placed('A 1\n# Match no one\n', line('C 3'), ['C 3']), 'A 1\n# Match no one\nC 3\n')
})

test('what stands in a Match is another line, and is left alone', () => {
  const before = 'A 1\nMatch User a\nMaxSessions 2\n'
  const wish = line('MaxSessions 4', SSHD, 'MaxSessions ')
  assert.equal(found(before, wish), [])
  assert.is(placed(before, wish, ['MaxSessions 4']), 'A 1\nMaxSessions 4\nMatch User a\nMaxSessions 2\n')
  const own = 'MaxSessions 9\nMatch User a\nMaxSessions 4\n'
  assert.is(placed(own, wish, ['MaxSessions 4']), 'MaxSessions 4\nMatch User a\nMaxSessions 4\n')
})

test('a block that is a Match itself goes to the end, and is found there', () => {
  const lines = ['Match User b', 'MaxSessions 1']
  const wish = block(lines.join('\n'))
  assert.is(wish.position, 'bottom')
  const after = placed('A 1\nMatch User a\nB 2\n', wish, lines)
  assert.is(after, 'A 1\nMatch User a\nB 2\n# begin keelson b\nMatch User b\nMaxSessions 1\n# end keelson b\n')
})

test('a block that begins with lines for all goes before the first Match, and may hold one', () => {
  const lines = ['C 3', 'Match User b', 'D 4']
  const once = placed('A 1\nMatch User a\n', block(lines.join('\n')), lines)
  assert.is(once, 'A 1\n# begin keelson b\nC 3\nMatch User b\nD 4\n# end keelson b\nMatch User a\n')
  assert.is(placed(once, block(lines.join('\n')), lines), once)
})

test('so it is in the files that sshd includes, and in those of ssh, where a block for all hosts is no other', () => {
  const included = '/etc/ssh/sshd_config.d/a.conf'
  assert.is(placed('Match User a\n', line('C 3', included), ['C 3']), 'C 3\nMatch User a\n')
  for (const path of ['/etc/ssh/ssh_config', '/etc/ssh/ssh_config.d/a.conf', '/root/.ssh/config']) {
    assert.is(placed('A 1\nHost b\n  B 2\n', line('C 3', path), ['C 3']), 'A 1\nC 3\nHost b\n  B 2\n')
    assert.is(placed('A 1\nHost *\n  B 2\n', line('C 3', path), ['C 3']), 'A 1\nHost *\n  B 2\nC 3\n')
  }
  assert.is(usualPlace('/etc/app/sshd_config', 'C 3'), 'bottom')
})

test('a position by an anchor says where it goes without that', () => {
  const at = (position: Wish['position']): Wish => ({ match: { line: 'x' }, position })
  assert.is(placed('a\nb\n', at({ before: 'Match ', else: 'bottom' }), ['x']), 'a\nb\nx\n')
  assert.is(placed('a\nb\n', at({ after: 'nosuch', else: 'top' }), ['x']), 'x\na\nb\n')
  assert.is(placed('a\nMatch b\n', at({ before: 'Match ', else: 'top' }), ['x']), 'a\nx\nMatch b\n')
})

test.run()
