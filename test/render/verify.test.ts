import { suite } from 'uvu'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { VerifyReport } from '../../lib/engine/verify/verify.ts'
import { renderPrometheus } from '../../lib/render/text/prometheus.ts'
import { renderVerify } from '../../lib/render/text/verifyText.ts'
import { viewVerify } from '../../lib/render/view/verify.ts'
import { anyVerify } from './anything.ts'
import { paper } from './fixture.ts'

const test = suite('what verify found')

const report: VerifyReport = {
  host: 'web-1',
  address: '192.0.2.1',
  checks: [
    { check: 'dns', about: 'a.example', state: 'unchecked', said: 'no names here' },
    { check: 'reboot', about: 'reboot', state: 'warning', said: 'a reboot is due', next: 'reboot' },
    { check: 'service', about: 'api.service', state: 'wrong', said: 'it is failed', next: 'look at it' },
    { check: 'service', about: 'web.service', state: 'ok', said: 'running' },
    {
      check: 'certificate',
      about: '/c.pem',
      state: 'ok',
      said: '80 days left',
      measure: { name: 'certificate_days_left', value: 80 },
    },
  ],
  trips: { connections: 1, execs: 1 },
  seconds: 1.25,
}

test('the worst comes first with what to do, what passed is gathered', () => {
  assert.is(
    renderVerify(viewVerify(report), paper),
    `web-1  192.0.2.1  1 wrong, 1 warning, 1 not checked, 2 passed  1.3 s

  ✗ service      api.service  it is failed
                 next  look at it
  ! reboot       a reboot is due
                 next  reboot
  · dns          a.example  not checked: no names here

  ✓ service      web.service (running)
  ✓ certificate  /c.pem (80 days left)
`,
  )
})

test('the same of several things is said once', () => {
  const one = { check: 'https', state: 'wrong' as const, said: '502', next: 'look' }
  const { rows } = viewVerify({
    ...report,
    checks: [
      { ...one, about: 'a' },
      { ...one, about: 'b' },
    ],
  })
  assert.equal(
    rows.map(({ about, said }) => [about, said]),
    [['a, b', '502']],
  )
})

test('metrics have no sample of what was not checked', () => {
  const text = renderPrometheus([report], 1_800_000_000_000)
  assert.match(text, '# TYPE keelson_check gauge\n')
  assert.match(text, 'keelson_check{host="web-1",check="service",about="api.service"} 0\n')
  assert.match(text, 'keelson_check{host="web-1",check="service",about="web.service"} 1\n')
  assert.match(text, 'keelson_check_warning{host="web-1",check="reboot",about="reboot"} 1\n')
  assert.match(text, 'keelson_certificate_days_left{host="web-1",about="/c.pem"} 80\n')
  assert.match(text, 'keelson_checks_unchecked{host="web-1"} 1\n')
  assert.match(text, 'keelson_verify_timestamp_seconds{host="web-1"} 1800000000\n')
  assert.not.match(text, 'dns')
})

/** The grammar of the text format: comments, and samples whose label values have no bare quote, backslash or newline. */
const LINE = /^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+\{([a-z]+="([^"\\\n]|\\["\\n])*",?)*\} \S+)$/

test('whatever a host says, metrics stay lines of the format', () => {
  fc.assert(
    fc.property(anyVerify, (one) => {
      for (const line of renderPrometheus([one], 0).trimEnd().split('\n')) assert.match(line, LINE)
    }),
  )
})

test.run()
