/** Accounts as they are found in the wild, on real hosts: odd login shells, noisy start files, sudo of every kind. */
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SandboxOs } from '../../lib/sandbox/image.ts'
import { LoginRefused, SudoRefused, TimedOut } from '../../lib/transport/connection.ts'
import type { Ask, Connection } from '../../lib/transport/connection.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { freshHost, sshOk, takeDown } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

const SYSTEMS: SandboxOs[] = ['debian-12', 'debian-13']

/** Accounts that sudo asks nothing, and what their start files do. */
const SHELLS: Record<string, { shell: string; file: string; text: string }> = {
  bash: {
    shell: '/bin/bash',
    file: '.bashrc',
    text: 'printf noise; echo noise >&2; umask 000; export LANG=de_DE CDPATH=/tmp ENV=/dev/null; head() { echo fake; }; export -f head',
  },
  zsh: { shell: '/usr/bin/zsh', file: '.zshenv', text: 'echo noise; umask 000' },
  fish: { shell: '/usr/bin/fish', file: '.config/fish/config.fish', text: 'echo noise; set -x LANG de_DE' },
  tcsh: { shell: '/usr/bin/tcsh', file: '.tcshrc', text: 'echo noise; umask 000; setenv LANG de_DE' },
  dash: { shell: '/bin/sh', file: '.profile', text: 'echo noise' },
}

const PASSWORD = 'two words, $and "quotes" ü'

for (const os of SYSTEMS) {
  const test = suite(`transport on ${os}`)
  const host = await freshHost(os)
  await sshOk(
    host,
    'apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install sudo zsh fish tcsh >/dev/null',
  )
  await sshOk(host, makeAccounts(readFileSync(`${host.identityFile}.pub`, 'utf8').trim()))

  test.after(() => takeDown(host.name))

  /** Logs in as an account, hands the connection over and closes it. */
  const as = async <Value>(
    user: string,
    ask: Ask,
    action: (connection: Connection) => Promise<Value>,
  ): Promise<Value> => {
    const connection = await connectSsh({ ...host, user }, ask)
    try {
      return await action(connection)
    } finally {
      await connection.close()
    }
  }

  for (const name of Object.keys(SHELLS)) {
    test(`a program of an account with ${name} starts as root, in known surroundings, without noise`, async () => {
      const result = await as(name, {}, (connection) =>
        connection.run('id -u; umask; pwd; env | grep -c -e LANG -e CDPATH -e ENV; cat', {
          input: Buffer.from('input'),
        }),
      )
      assert.equal(
        { ...result, stdout: String(result.stdout) },
        { exit: 0, stdout: '0\n0022\n/\n0\ninput', stderr: '' },
      )
    })
  }

  test('sudo without a password costs no run of its own', async () => {
    await as('dash', {}, async (connection) => {
      await connection.run(':')
      assert.is(connection.trips.execs, 1)
    })
  })

  test('the password is asked for once and is seen by sudo alone', async () => {
    const asked: string[] = []
    const sudoPassword = async (name: string): Promise<string> => {
      asked.push(name)
      return PASSWORD
    }
    const seen = await as('careful', { sudoPassword }, async (connection) => {
      const { stdout } = await connection.run('cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr "\\0" "\\n"; cat')
      await connection.run(':')
      return String(stdout)
    })
    assert.equal(asked, [`careful@${host.address}`])
    assert.match(seen, 'SSH_CONNECTION=')
    assert.not.match(seen, 'two words')
  })

  test('a streamed input is whole though the first try at sudo was for nothing', async () => {
    const input = Readable.from([Buffer.alloc(300_000, 'a'), Buffer.alloc(300_000, 'b')], { objectMode: false })
    const { stdout } = await as('careful', { sudoPassword: async () => PASSWORD }, (connection) =>
      connection.run('wc -c', { input }),
    )
    assert.is(String(stdout).trim(), '600000')
  })

  test('a wrong password is refused in the words of sudo, and the program does not run', async () => {
    const error = await rejects(
      as('careful', { sudoPassword: async () => 'guess' }, (connection) => connection.run('touch /run/ran-anyway')),
      SudoRefused,
    )
    assert.match(error.said, 'incorrect password attempt')
    assert.is(await sshOk(host, 'ls /run | grep -c ran-anyway || true'), '0\n')
  })

  test('nobody to ask for the password is an error that says so', async () => {
    const error = await rejects(
      as('careful', {}, (connection) => connection.run(':')),
      SudoRefused,
    )
    assert.match(error.message, 'nobody could be asked')
  })

  test('an account that sudo does not know is refused', async () => {
    const ask: Ask = { sudoPassword: async () => PASSWORD }
    const error = await rejects(
      as('stranger', ask, (connection) => connection.run(':')),
      SudoRefused,
    )
    assert.match(error.said, 'not in the sudoers file')
  })

  test('an account with a forced command is told apart from one without sudo', async () => {
    const error = await rejects(
      as('forced', {}, (connection) => connection.run(':')),
      LoginRefused,
    )
    assert.match(error.said, 'only this')
  })

  test('a start file that reads standard input keeps the program from running', async () => {
    const error = await rejects(
      as('greedy', {}, (connection) => connection.run('touch /run/greedy-ran')),
      LoginRefused,
    )
    assert.match(error.next, 'reads standard input')
    assert.is(await sshOk(host, 'ls /run | grep -c greedy-ran || true'), '0\n')
  })

  test('a program under sudo that takes too long is ended', async () => {
    await as('dash', {}, (connection) => rejects(connection.run('exec sleep 4321', { timeoutMs: 1000 }), TimedOut))
    const left = await sshOk(
      host,
      'for i in $(seq 50); do pgrep -fc "sleep 432[1]" >/dev/null || exit 0; sleep 0.1; done; echo left',
    )
    assert.is(left, '')
  })

  test('10 MB pass through sudo both ways', async () => {
    const { stdout } = await as('dash', {}, (connection) =>
      connection.run('cat', { input: Buffer.alloc(10_000_000, 'k') }),
    )
    assert.is(stdout.length, 10_000_000)
  })

  test('a background child under sudo does not hold the run up, and lives on', async () => {
    const pid = await as('dash', {}, async (connection) => String((await connection.run('sleep 600 & echo $!')).stdout))
    assert.is(await sshOk(host, `kill ${pid.trim()} && echo ended`), 'ended\n')
  })

  test.run()
}

/** Shell text that makes the accounts; each is let in with the key. */
function makeAccounts(publicKey: string): string {
  const shells = Object.entries(SHELLS).map(
    ([name, { shell, file, text }]) =>
      `${account(name, shell)}; ${startFile(name, file, text)}; ${sudoers(name, 'NOPASSWD: ALL')}`,
  )
  return [
    'set -e',
    `key='${publicKey}'`,
    ...shells,
    `${account('careful', '/bin/bash')}; ${sudoers('careful', 'ALL')}; echo 'careful:${PASSWORD}' | chpasswd`,
    `${account('stranger', '/bin/bash')}; echo 'stranger:${PASSWORD}' | chpasswd`,
    `${account('forced', '/bin/sh')}; sed -i '1s/^/command="echo only this" /' /home/forced/.ssh/authorized_keys`,
    `${account('greedy', '/bin/bash')}; ${sudoers('greedy', 'NOPASSWD: ALL')}; ${startFile('greedy', '.bashrc', 'read -r line')}`,
  ].join('\n')
}

function account(name: string, shell: string): string {
  return `useradd -m -s ${shell} ${name}; install -d -o ${name} /home/${name}/.ssh; echo "$key" >/home/${name}/.ssh/authorized_keys`
}

function startFile(name: string, file: string, text: string): string {
  const path = `/home/${name}/${file}`
  // Before what Debian puts there: its .bashrc returns early for shells that nobody types at.
  return `mkdir -p $(dirname ${path}); touch ${path}; { echo '${text}'; cat ${path}; } >${path}.new; mv ${path}.new ${path}`
}

function sudoers(name: string, what: string): string {
  return `echo '${name} ALL=(ALL) ${what}' >/etc/sudoers.d/${name}; chmod 0440 /etc/sudoers.d/${name}`
}
