/** `secrets list`: what has a value, and what uses it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { firstProblem } from '../../lib/dsl/validate.ts'
import { REPORT_SCHEMA } from '../../lib/render/reportSchema.ts'
import { startSite, writeSite } from '../support/siteFile.ts'

const test = suite('secrets list')

const SITE = writeSite(
  { 'web-1': { address: '192.0.2.1', os: 'debian-13' }, 'web-2': { address: '192.0.2.2', os: 'debian-12' } },
  `postgresRole({ name: 'app', login: true, password: secret('postgres-app') })
file({ path: '/etc/app.env', content: conf\`KEY=\${secret('api-key')}\`, mode: '0600' })`,
)
const GIVEN = { KEELSON_SECRET_API_KEY: 'hunter2' }

test('says of each secret whether it has a value, and at which lines it is used, once for all hosts', async () => {
  const { code, stdout } = await startSite(SITE, ['secrets', 'list'], GIVEN).ended
  assert.is(code, 0)
  assert.is(
    `\n${stdout}`,
    `
api-key       from the environment  used at site.ts:5
postgres-app  missing               used at site.ts:4
`,
  )
})

test('says the same under --json, in the form of all commands', async () => {
  const { stdout } = await startSite(SITE, ['secrets', 'list', '--json'], GIVEN).ended
  const line: { secrets: unknown } = JSON.parse(stdout)
  assert.is(firstProblem(REPORT_SCHEMA, line), undefined)
  assert.equal(line.secrets, [
    { name: 'api-key', state: 'from the environment', usedAt: ['site.ts:5'] },
    { name: 'postgres-app', state: 'missing', usedAt: ['site.ts:4'] },
  ])
  assert.not.match(stdout, 'hunter2')
})

test.run()
