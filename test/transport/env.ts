/** Environment and ssh_config for the length of an action. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sshd } from './sshd.ts'

/** Lets the real ssh read this configuration: it takes the account's home from the password database, not from HOME. */
export async function withConfig<Value>(dir: string, lines: string[], action: () => Promise<Value>): Promise<Value> {
  const config = join(dir, 'config')
  writeFileSync(config, `${lines.join('\n')}\n`)
  writeFileSync(join(dir, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${config} "$@"\n`)
  chmodSync(join(dir, 'ssh'), 0o755)
  return withEnv({ PATH: `${dir}:${process.env['PATH']}` }, action)
}

/** Variable by variable: from Node 26 on, what is put in the place of `process.env` has no effect on child processes. */
export async function withEnv<Value>(env: Record<string, string>, action: () => Promise<Value>): Promise<Value> {
  const before = Object.keys(env).map((name): [string, string | undefined] => [name, process.env[name]])
  Object.assign(process.env, env)
  try {
    return await action()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

/** ssh_config for a host `jump` on a loopback port, and the key it is expected to show. */
export function jumpConfig(jump: Pick<Sshd, 'dir' | 'port' | 'target'>, hostKey: string): string[] {
  const known = join(jump.dir, 'jump-known')
  writeFileSync(known, `[127.0.0.1]:${jump.port} ${hostKey}`)
  return [
    'Host jump',
    '  HostName 127.0.0.1',
    `  Port ${jump.port}`,
    '  User root',
    `  IdentityFile ${jump.target.identityFile}`,
    `  UserKnownHostsFile ${known}`,
  ]
}

/** Joins stdin and stdout to a loopback port. */
const PROXY =
  "const s = require('node:net').connect(+process.argv[2], '127.0.0.1'); s.on('error', () => process.exit(1)); process.stdin.pipe(s).pipe(process.stdout)"

/** ssh_config for a host `web-1` that a ProxyCommand leads to. */
export function proxyConfig(dir: string, port: number): string[] {
  const script = join(dir, 'proxy.cjs')
  writeFileSync(script, PROXY)
  return ['Host web-1', `  ProxyCommand ${process.execPath} ${script} ${port} %h`]
}
