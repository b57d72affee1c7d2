/**
 * Hostile text in sudoers: the commands that someone may run.
 *
 * All are converged, and what sudo's own parser makes of the files (cvtsudoers(1)) must be these commands and no others.
 * What sudo then allows is asked for some, as each question is a process that reads all of the rules.
 */
import { normalize } from 'node:path/posix'
import { quote } from '../../../lib/kit/shell.ts'
import { sudoers as sudoersFile } from '../../../lib/index.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { sshOk } from '../../support/host.ts'
import type { Random } from '../random.ts'
import { accepted, assertKept, converge, type HostileClass, PLACE, recordsOf, runProgram } from './batch.ts'

const PER_FILE = 100
/** How many are asked of sudo, and as many neighbours of theirs. */
const ASKED = 40
/** All programs of a batch, so that sudo finds them. */
const BIN = `${PLACE}/bin`

export const sudoers: HostileClass = {
  name: 'sudoers',
  packages: ['sudo'],
  // Most of them are characters that a command may be made of: of others hardly any would be left.
  own: [
    ':',
    ',',
    '=',
    '%',
    '@',
    '-',
    '+',
    '.',
    '_',
    '~',
    '/',
    ' ',
    ' ',
    ' ',
    'a',
    'b',
    'ALL',
    'NOPASSWD:',
    'NOPASSWD:ALL',
    'SETENV:',
    'ALL=(ALL)',
    '(ALL)',
    'sha224:x',
    'Defaults',
    '%sudo',
    '@include',
    '/bin/sh',
    ',/bin/sh',
    'list',
    '-l',
    '../..',
    '..',
    'sudoedit',
    'root',
    'x=y',
    'LD_PRELOAD=x',
    '::',
    ',,',
    '==',
    '%%',
    '%s',
    '--',
    '-c',
    '!',
    '\\',
    '*',
    '""',
  ],
  async bring(host, values, random) {
    const commands = accepted(host, [...new Set(values.map((value) => asCommand(value, random)))], (command) =>
      sudoersFile({ name: 'x', user: 'root', commands: [command] }),
    ).filter((command) => command !== 'ALL')
    const files = Array.from({ length: Math.ceil(commands.length / PER_FILE) }, (_, index) => ({
      name: `hostile-${index}`,
      user: 'hostile',
      commands: commands.slice(index * PER_FILE, (index + 1) * PER_FILE),
    }))
    await converge(host, () => {
      for (const one of files) sudoersFile(one)
    })
    const parsed: Parsed = JSON.parse(
      (await runProgram(host, `cat /etc/sudoers.d/hostile-* | cvtsudoers -f json -c /dev/null`)).toString(),
    )
    assertKept(commandsIn(parsed).sort(), [...commands].sort(), 'commands')
    await assertAllowed(host, random.some(commands, ASKED), commands)
    await sshOk(host, 'rm /etc/sudoers.d/hostile-*')
    return new Set(commands)
  },
  setUp: 'id hostile >/dev/null 2>&1 || useradd hostile',
}

/** Half of the characters that no command may hold are taken out of most of them. */
function asCommand(value: string, random: Random): string {
  const fit =
    random.next() < 0.7
      ? value
          .replaceAll(/[^A-Za-z0-9_./@%+:=,~ -]/g, '')
          .replaceAll(/ +/g, ' ')
          .trim()
      : value
  return `${BIN}/${fit}`
}

type Parsed = { User_Specs?: { Cmnd_Specs: { Commands: { command: string; negated?: boolean }[] }[] }[] }

function commandsIn({ User_Specs: specs = [] }: Parsed): string[] {
  return specs.flatMap((spec) =>
    spec.Cmnd_Specs.flatMap(({ Commands }) =>
      Commands.map(({ command, negated }) => `${negated === true ? '!' : ''}${command}`),
    ),
  )
}

/** Each with exactly its arguments, and not with one more or another last one. */
async function assertAllowed(host: SandboxHost, asked: readonly string[], all: readonly string[]): Promise<void> {
  const allowed = new Set(all)
  const isFolder = (program: string): boolean => all.some((command) => command.startsWith(`${program}/`))
  const otherwise = new Set(all.map(programOf).filter((program) => normalize(program) !== program))
  const isSpeltOtherwise = (program: string): boolean => [...otherwise].some((other) => normalize(other) === program)
  const questions = asked
    .filter(
      (command) =>
        // Two spellings of one file are one to sudo.
        !/\/\/|\/\.{1,2}(\/|$)/.test(programOf(command)) &&
        isFileName(programOf(command)) &&
        !isFolder(programOf(command)) &&
        !isSpeltOtherwise(programOf(command)),
    )
    .flatMap((command) => [command, `${command}x`, `${command} x`])
  const programs = [...new Set(questions.map(programOf))]
  const out = await runProgram(
    host,
    `set -u
for f in ${programs.map(quote).join(' ')}; do mkdir -p -- "$(dirname -- "$f")"; cp /bin/true "$f"; done
${questions.map((question) => `if sudo -n -l -U hostile ${question.split(' ').map(quote).join(' ')} >/dev/null 2>&1; then printf 'yes\\0'; else printf 'no\\0'; fi`).join('\n')}`,
  )
  const expected = questions.map((question) => {
    // A command without arguments allows any (sudoers(5)).
    const isAllowed = allowed.has(question) || allowed.has(programOf(question))
    return `${question} ${isAllowed ? 'yes' : 'no'}`
  })
  assertKept(
    recordsOf(out).map((answer, at) => `${questions[at] ?? ''} ${answer}`),
    expected,
    'what sudo allows',
  )
}

/** Longer ones cannot be on a disk, and sudo only allows what is there. */
const isFileName = (path: string): boolean => path.split('/').every((part) => part.length < 255)

const programOf = (command: string): string => command.split(' ')[0] ?? ''
