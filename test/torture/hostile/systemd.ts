/**
 * Hostile text in unit files: arguments of ExecStart, variables of Environment, descriptions. The units are converged and
 * started, and what they run tells what it was given.
 */
import { quote } from '../../../lib/kit/shell.ts'
import { unit } from '../../../lib/index.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { sshOk } from '../../support/host.ts'
import { accepted, assertKept, converge, type HostileClass, PLACE, recordsOf, runProgram } from './batch.ts'

const PER_UNIT = 50
const TELL = '/usr/local/bin/tell'

export const systemd: HostileClass = {
  name: 'systemd',
  packages: [],
  own: [
    '%',
    '%%',
    '%n',
    '%h',
    '%i',
    '%t',
    '%Z',
    '%{x}',
    '$',
    '$$',
    '$X',
    '${X}',
    '${HOME}',
    '\\',
    '\\\\',
    '\\x41',
    '\\101',
    '\\n',
    '\\s',
    '\\u00e9',
    '\\',
    '"',
    "'",
    ' ',
    '  ',
    ';',
    ' ; ',
    '\\;',
    '#',
    '=',
    '[Service]',
    '@',
    '-',
    ':',
    '+',
    '!',
    'X=y',
    'ExecStart=/bin/true',
    '\nExecStartPre=/usr/bin/touch /srv/canary/hit\n',
    '\\\n',
    '{',
    '}',
    '*',
    '~',
    'é',
  ],
  setUp: `cat > ${TELL} <<'EOF'
#!/bin/sh
out=$1; shift
{ printf '%s\\0' "$@"; printf '%s\\0' "$#"; env -0; printf '\\0'; } > "$out"
EOF
chmod 755 ${TELL}`,
  async bring(host, values) {
    const words = accepted(host, values, (value) => plainUnit('x.service', [value]))
    const texts = accepted(host, values, (value) => unit({ name: 'x.service', unit: { Description: value }, service }))
    const units = Array.from({ length: Math.ceil(words.length / PER_UNIT) }, (_, index) => ({
      name: `hostile-${index}.service`,
      words: words.slice(index * PER_UNIT, (index + 1) * PER_UNIT),
      description: texts[index] ?? 'x',
    }))
    await converge(host, () => {
      for (const { name, words: own, description } of units) plainUnit(name, own, description)
    })
    const names = units.map(({ name }) => name)
    await sshOk(host, `systemctl start ${names.map(quote).join(' ')}`)
    await assertTold(host, units)
    const shown = await sshOk(host, `systemctl show -P Description ${names.join(' ')}`)
    assertKept(
      shown.split('\n').filter((_, line) => line % 2 === 0),
      // systemd takes blanks at the ends away, and calls a unit without a description by its name.
      units.map(({ description, name }) => description.replace(/^ +| +$/g, '') || name),
      'descriptions',
    )
    await sshOk(host, `rm /etc/systemd/system/hostile-*; systemctl daemon-reload`)
    return new Set(words)
  },
}

const service = { Type: 'oneshot', ExecStart: '/bin/true' } as const

function plainUnit(name: string, words: readonly string[], description = 'x'): unknown {
  return unit({
    name,
    unit: { Description: description },
    service: {
      Type: 'oneshot',
      Environment: { words: words.map((word, n) => `V${n}=${word}`) },
      ExecStart: { argv: [TELL, `${PLACE}/${name}`, ...words] },
    },
  })
}

async function assertTold(
  host: SandboxHost,
  units: readonly { name: string; words: readonly string[] }[],
): Promise<void> {
  const told = recordsOf(await runProgram(host, `cd ${PLACE} && cat ${units.map(({ name }) => name).join(' ')}`))
  let at = 0
  for (const { name, words } of units) {
    assertKept(told.slice(at, at + words.length), words, `arguments of ${name}`)
    assertKept([told[at + words.length] ?? ''], [String(words.length)], `number of arguments of ${name}`)
    at += words.length + 1
    const variables = new Map<string, string>()
    for (; told[at] !== undefined && told[at] !== ''; at += 1) {
      const [variable = '', ...rest] = told[at]!.split('=')
      variables.set(variable, rest.join('='))
    }
    at += 1
    assertKept(
      words.map((_, n) => variables.get(`V${n}`) ?? 'unset'),
      words,
      `variables of ${name}`,
    )
  }
}
