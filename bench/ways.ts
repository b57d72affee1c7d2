/**
 * The programs that are measured, as command lines. Each is started afresh for each measurement, and its start counts.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Reach, sshArguments, sshOptions } from './reach.ts'
import { PASSWORD, size } from './size.ts'
import type { Command } from './stopwatch.ts'

const execute = promisify(execFile)

/** Brings a host to the site's end state. */
export type Way = { name: string; command: (reach: Reach) => Promise<Command> }

export const keelson: Way = {
  name: 'Keelson',
  async command({ address, port, identityFile, hostKey }) {
    const machine = ['--at', `root@${address}:${port}`, '--identity', identityFile, '--host-key', hostKey]
    return {
      file: process.execPath,
      args: ['--import', 'tsx', here('keelson.ts'), 'converge', ...machine, '--yes', '--json'],
      env: { KEELSON_SECRET_POSTGRES_TAKECLIENT: PASSWORD },
    }
  },
}

/** The script and what it copies go as one archive on the stdin of one ssh. */
export const shell: Way = {
  name: 'shell',
  async command(reach) {
    const settings = `PASSWORD='${PASSWORD}' MEMORY=${size.memoryMiB} CPUS=${size.cpus}`
    const command = `cd "$(mktemp -d)" && tar -x && ${settings} sh takeclient.sh`
    const folders = ['-C', here('.'), 'takeclient.sh', 'files', '-C', here('../recipes'), 'stand-ins']
    const { stdout } = await execute('tar', ['-c', ...folders], { encoding: 'buffer' })
    return { file: 'ssh', args: sshArguments(reach, command), input: stdout }
  },
}

export const ansible: Way = {
  name: 'Ansible',
  async command(reach) {
    const variables = {
      ansible_port: reach.port,
      files: here('files'),
      stand_ins: here('../recipes/stand-ins'),
      password: PASSWORD,
      memory: size.memoryMiB,
      cpus: size.cpus,
    }
    const options = sshOptions(reach).join(' ')
    return {
      file: 'ansible-playbook',
      args: ['-i', `${reach.address},`, '-u', 'root', '-e', JSON.stringify(variables), here('ansible/takeclient.yml')],
      env: { ANSIBLE_CONFIG: here('ansible/ansible.cfg'), ANSIBLE_SSH_COMMON_ARGS: options },
    }
  },
}

/** A login with the OpenSSH client that does nothing. */
export function bareSsh(reach: Reach): Command {
  return { file: 'ssh', args: sshArguments(reach, 'true') }
}

/** Plain node, ssh2, one connection, one program that reads: see limit.mjs. */
export function limit({ address, port, identityFile, hostKey }: Reach): Command {
  return { file: process.execPath, args: [here('limit.mjs'), address, String(port), identityFile, hostKey] }
}

/** Ansible from Debian's packages, where it is missing. */
export async function ensureAnsible(onProgress: (text: string) => void): Promise<void> {
  try {
    await execute('ansible-playbook', ['--version'])
  } catch {
    onProgress('installing ansible')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    await execute('apt-get', ['update', '-qq'], { env })
    await execute('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'ansible'], { env })
  }
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
