/**
 * What listens on a host for others, as ss(8) prints it. Pure.
 */
import { lines } from '../../kit/shell.ts'

export type Listener = { protocol: string; address: string; port: number; program: string }

/** Of DHCP, whose client listens on every host that gets its address that way. */
const DHCP_CLIENTS = [68, 546]

/** Listeners on other addresses than loopback, each port of a program once. */
export function listeners(stdout: string): Listener[] {
  const found = new Map<string, Listener>()
  for (const line of lines(stdout)) {
    const [protocol = '', , , , local = '', , users = ''] = line.trim().split(/\s+/)
    const [, address = '', port] = /^(.*):(\d{1,5})$/.exec(local) ?? []
    if (port === undefined || isLoopback(address)) continue
    const program = /"([^"]*)"/.exec(users)?.[1] ?? 'something'
    const key = `${protocol} ${port} ${program}`
    if (!found.has(key)) found.set(key, { protocol, address, port: Number(port), program })
  }
  return [...found.values()].sort((a, b) => a.port - b.port)
}

function isLoopback(address: string): boolean {
  return /^(127\.|\[::1\]|\[::ffff:127\.)/.test(address) || address.endsWith('%lo')
}

export function isDeclaredPort({ protocol, port }: Listener, ports: ReadonlySet<number>): boolean {
  return ports.has(port) || (protocol === 'udp' && DHCP_CLIENTS.includes(port))
}
