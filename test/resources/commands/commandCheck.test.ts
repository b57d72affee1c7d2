/** Which line of a check says no: run by dash, as on a host. */
import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../../lib/resources/commands/command.ts'

const test = suite('checks that say no')

const { explain } = command

function sentence(check: string): string | undefined {
  const wanted = [{ name: 'a', desired: { done: true, how: { check } } }]
  const stdout = execFileSync('dash', ['-c', explain!.command(wanted)], { encoding: 'utf8' })
  return explain!.parse({ stdout, stderr: '', exit: 0 }, wanted).get('a')
}

test('the only line is named with its exit status', () => {
  assert.is(
    sentence('test -e /nowhere'),
    'its check ended with exit 1, at line 1: test -e /nowhere\nit printed nothing',
  )
})

test('of several lines the one that failed is named, whatever comes after it', () => {
  const check = 'test -e /etc/passwd\n\ntest -d "/nowhere" # the folder\necho never\n'
  assert.match(sentence(check)!, /^its check ended with exit 1, at line 3: test -d "\/nowhere" # the folder\n/)
})

test('a line with expansions, pipes, negation and redirections is found', () => {
  const lines = ['a=1', 'who=$(cat /etc/hostname)', '! cat /etc/passwd | grep -q "^root:"']
  assert.match(sentence(lines.join('\n'))!, /at line 3: ! cat \/etc\/passwd \| grep -q "\^root:"\n/)
  assert.match(
    sentence('a=1\n[ "$(cat /etc/hostname)" = nobody ] 2>/dev/null\ntrue')!,
    'at line 2: [ "$(cat /etc/hostname)" = nobody ]',
  )
  assert.match(sentence('true\nif true; then\n  cat /nowhere >/dev/null\nfi')!, 'at line 3: cat /nowhere >/dev/null')
})

test('what it printed is told, its last lines only, and no value that sh had put in', () => {
  const printed = sentence('secret=$(echo hunter2)\nprintf "%s\\n" 1 2 3 4 5 6 7 8 9 10 11 12\n[ "$secret" = other ]')!
  assert.match(printed, /\nit printed:\n3\n4\n[\s\S]*\n12$/)
  assert.not.match(printed, 'hunter2')
})

test('endless output is bounded', () => {
  assert.ok(sentence('yes | head -c 10000000\nfalse')!.length < 1000)
})

test('what has come true meanwhile is not explained', () => {
  assert.is(sentence('true'), undefined)
})

test.run()
