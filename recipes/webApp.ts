/**
 * A program that answers HTTP on one port of this machine: account, code, environment, a confined unit, running.
 */
import { conf, directory, file, type Handle, service, unit, user } from '#keelson'

/** Text, or text with a secret in it: conf`…` and secret(…) give both. */
type Value = Parameters<typeof file>[0]['content']

export type WebApp = {
  port: number
  /** Program and arguments. */
  run: readonly string[]
  /** Files of the application: name in its folder → local file. */
  files: { readonly [name: string]: URL }
  environment: { readonly [name: string]: NonNullable<Value> }
  /** Answers 200 when it works. @default '/healthz' */
  health?: string
  after?: readonly Handle[]
}

/**
 * Declares NAME.service, running as user NAME from /srv/NAME, with its environment in /etc/NAME.env.
 *
 * @example webApp('shop', { port: 3000, run: ['/usr/bin/node', 'serve.js'], files: {}, environment: { LOG: 'info' } })
 */
export function webApp(
  name: string,
  { port, run, files, environment, health = '/healthz', after = [] }: WebApp,
): { service: Handle; port: number } {
  const account = user({ name, system: true, home: `/srv/${name}` })
  const home = directory({ path: `/srv/${name}`, group: name, mode: '0750', after: account })
  const code = Object.entries(files).map(([file_name, source]) =>
    file({ path: `/srv/${name}/${file_name}`, source, group: name, mode: '0640', after: home }),
  )
  const settings = file({
    path: `/etc/${name}.env`,
    mode: '0600',
    content: conf`
      ${Object.entries({ ...environment, PORT: String(port) }).map(([key, value]) => conf`${key}=${value}`)}
    `,
  })
  const definition = unit({
    name: `${name}.service`,
    unit: {
      Description: `${name} on port ${port}`,
      After: 'network-online.target postgresql.service redis-server.service',
    },
    service: {
      ...CONFINED,
      Type: 'exec',
      User: name,
      Group: name,
      WorkingDirectory: `/srv/${name}`,
      EnvironmentFile: `/etc/${name}.env`,
      ExecStart: { argv: run },
      Restart: 'always',
      RestartSec: '2s',
      KillMode: 'mixed',
      TimeoutStopSec: '30s',
    },
    install: { WantedBy: 'multi-user.target' },
    after: [account, home],
  })
  const running = service({
    name,
    enabled: true,
    running: true,
    restartOn: [definition, settings, ...code],
    listens: [`127.0.0.1:${port}`],
    probe: { url: `http://127.0.0.1:${port}${health}` },
    after: [definition, ...after],
  })
  return { service: running, port }
}

/**
 * Works with Node and Python. Not MemoryDenyWriteExecute, which kills Node's compiler; and @pkey, without which Node dies
 * on processors with protection keys.
 */
const CONFINED = {
  NoNewPrivileges: true,
  PrivateTmp: true,
  PrivateDevices: true,
  ProtectSystem: 'strict',
  ProtectHome: true,
  ProtectClock: true,
  ProtectHostname: true,
  ProtectKernelLogs: true,
  ProtectKernelModules: true,
  ProtectKernelTunables: true,
  ProtectControlGroups: true,
  RestrictAddressFamilies: 'AF_UNIX AF_INET AF_INET6',
  RestrictNamespaces: true,
  RestrictRealtime: true,
  RestrictSUIDSGID: true,
  LockPersonality: true,
  RemoveIPC: true,
  CapabilityBoundingSet: '',
  SystemCallArchitectures: 'native',
  SystemCallFilter: ['@system-service @pkey', '~@privileged'],
  SystemCallErrorNumber: 'EPERM',
  UMask: '0027',
} as const
