/** --watch: what a plan is shown as after the one before. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planSince } from '../../lib/cli/commands/watch.ts'
import { change, paper, planOf } from '../render/fixture.ts'

const test = suite('watch')

const at = (line: number) => ({ source: { file: 'site.ts', line, column: 1 } })
const motd = (after: string, line = 3) =>
  change('file:/etc/motd', { ...at(line), fields: [{ field: 'mode', form: 'mode', before: '0600', after }] })
const issue = change('file:/etc/issue', { ...at(9), kind: 'create' })

test('the first plan is shown as plan shows it', () => {
  const text = planSince(undefined, planOf([motd('0644')]), paper)
  assert.match(text, /^takeclient-1 {2}95\.216\.1\.123 {2}debian-13 {2}58 resources: 1 planned, 57 in sync\n/)
  assert.match(text, 'Nothing was changed.\n')
})

test('the same plan is one line', () => {
  assert.is(
    planSince(planOf([motd('0644')]), planOf([motd('0644')]), paper),
    'takeclient-1  as before  Plan: 1 to change · 57 in sync.\n',
  )
})

test('a line above moves what follows, which is no difference', () => {
  assert.match(planSince(planOf([motd('0644', 3)]), planOf([motd('0644', 4)]), paper), 'as before')
})

test('only what is new, gone or other is shown', () => {
  assert.is(
    planSince(planOf([motd('0644')]), planOf([motd('0640'), issue]), paper),
    `Since the plan before, on takeclient-1:
  new: + file /etc/issue
  moved: file /etc/motd
      mode as declared  0644 → 0640
Plan: 1 to create, 1 to change · 57 in sync.
`,
  )
  assert.match(
    planSince(planOf([motd('0644'), issue]), planOf([motd('0644')]), paper),
    'no longer to be made: + file /etc/issue\n',
  )
})

test.run()
