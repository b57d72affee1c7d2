/**
 * Locales on real hosts, and the variables that name them.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { aptPackage, locale } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, undoOn } from '../support/converge.ts'
import { freshHost, onEach, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('locales')

const on = (title: string, work: (host: SandboxHost) => Promise<void>): void => test(title, () => onEach(hosts, work))

type Props = Parameters<typeof locale>[0]
const spoken =
  (...all: readonly Props[]) =>
  (): void => {
    const brought = aptPackage({ name: 'locales' })
    for (const props of all) locale({ ...props, after: brought })
  }
const available = (host: SandboxHost): Promise<string> => sshOk(host, 'locale -a | grep _ || :')
const variables = (host: SandboxHost): Promise<string> =>
  sshOk(host, "grep -v '^#' /etc/default/locale | sort; grep -c '^[a-z]' /etc/locale.gen || :")

on('a locale comes with its package, and survives what an update of the package does', async (host) => {
  await sshOk(host, 'apt-get -q update >/dev/null')
  await convergeAsPlanned(host, spoken({ name: 'de_DE.UTF-8', variables: ['LANG', 'LC_TIME'] }), SCOPED)
  assert.is(await available(host), 'de_DE.utf8\n')
  assert.is(await variables(host), 'LANG=de_DE.UTF-8\nLC_TIME=de_DE.UTF-8\n1\n')
  assert.is(await sshOk(host, "su - -c 'locale -k mon' | cut -d';' -f1"), 'mon="Januar\n')
  await sshOk(host, 'locale-gen >/dev/null')
  assert.is(await available(host), 'de_DE.utf8\n')
})

on('a second locale takes over one variable, and what another hand took away comes back', async (host) => {
  const both = spoken(
    { name: 'de_DE.UTF-8', variables: ['LANG'] },
    { name: 'fr_FR', variables: ['LC_TIME'] },
    { name: 'C.UTF-8', variables: ['LC_COLLATE'] },
  )
  await convergeAsPlanned(host, both, SCOPED)
  assert.is(await available(host), 'de_DE.utf8\nfr_FR\nfr_FR.iso88591\n')
  assert.is(await variables(host), 'LANG=de_DE.UTF-8\nLC_COLLATE=C.UTF-8\nLC_TIME=fr_FR\n2\n')
  await sshOk(
    host,
    'localedef --delete-from-archive de_DE.utf8; sed -i s/^LC_TIME=.*/LC_TIME=en_US.UTF-8/ $(readlink -f /etc/default/locale)',
  )
  const { plan } = await convergeAsPlanned(host, both, SCOPED)
  assert.equal(
    plan.changes.map(({ ref, cause, fields }) => [ref, cause, fields.map(({ field }) => field)]),
    [
      ['locale:de_DE.UTF-8', 'drift', ['compiled']],
      ['locale:fr_FR', 'drift', ['variables']],
    ],
  )
  assert.is(await variables(host), 'LANG=de_DE.UTF-8\nLC_COLLATE=C.UTF-8\nLC_TIME=fr_FR\n2\n')
})

on('undo gives back what the variables named before, and takes away what the run made', async (host) => {
  await convergeAsPlanned(host, spoken({ name: 'lt_LT.UTF-8', variables: ['LANG'] }), SCOPED)
  assert.match(await variables(host), 'LANG=lt_LT.UTF-8\n')
  const { summary, changes } = await undoOn(host, spoken({ name: 'lt_LT.UTF-8', variables: ['LANG'] }), SCOPED)
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.is(await available(host), 'de_DE.utf8\nfr_FR\nfr_FR.iso88591\n')
  assert.is(await variables(host), 'LANG=de_DE.UTF-8\nLC_COLLATE=C.UTF-8\nLC_TIME=fr_FR\n2\n')
})

on('an absent locale goes with the variables that name it', async (host) => {
  await convergeAsPlanned(host, spoken({ name: 'fr_FR', ensure: 'absent' }), SCOPED)
  assert.is(await available(host), 'de_DE.utf8\n')
  assert.is(await variables(host), 'LANG=de_DE.UTF-8\nLC_COLLATE=C.UTF-8\n1\n')
})

on('a locale that Debian does not have is told, and the rest is done', async (host) => {
  const report = await convergeOn(host, spoken({ name: 'xx_XX.UTF-8' }, { name: 'de_DE.UTF-8', variables: [] }), SCOPED)
  assert.match(changeOf(report, 'locale:xx_XX.UTF-8').failure?.said ?? '', 'Debian has no locale xx_XX.UTF-8')
  assert.is(await variables(host), 'LC_COLLATE=C.UTF-8\n1\n')
})

const REFUSED: readonly [declare: () => void, said: string][] = [
  [() => void locale({ name: 'german' }), 'such as "de_DE.UTF-8"'],
  [() => void locale({ name: 'C.UTF-8' }), "variables: ['LANG']"],
  [() => void locale({ name: 'C.UTF-8', ensure: 'absent' }), 'cannot be removed'],
]
for (const [declare, said] of REFUSED) {
  test(`refused by the recipe's line: ${String(declare).slice(11)}`, async () => {
    const error = await rejects(planOn(hosts[0], declare), RecipeError)
    assert.match(String(error), said)
    assert.match(String(error), /test\/hosts\/locales\.test\.ts:\d+: locale/)
  })
}

test('two locales for one variable are refused with both lines', async () => {
  const declare = spoken({ name: 'de_DE.UTF-8', variables: ['LANG'] }, { name: 'fr_FR.UTF-8', variables: ['LANG'] })
  const error = await rejects(planOn(hosts[0], declare), RecipeError)
  assert.match(String(error), 'locale fr_FR.UTF-8 and locale de_DE.UTF-8 both claim locale variable LANG')
})

test.run()
