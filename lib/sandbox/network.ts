/**
 * The network of one state directory: a bridge that hosts are plugged into, with a private subnet behind NAT and a
 * unique local IPv6 prefix that reaches no further than the bridge.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, succeeds } from './commands.ts'
import { readRecord, writeRecord } from './records.ts'
import type { State } from './state.ts'
import { isErrno, waitFor } from './system.ts'

export type Network = {
  bridge: string
  /** First three bytes of the IPv4 subnet, a /24. The bridge is .1. */
  prefix: string
  /** First 64 bits of the IPv6 subnet, ending in `::`. The bridge is ::1. */
  prefix6: string
  /** Largest packet in bytes that leaves this machine whole. */
  mtu: number
}

/** Hosts get 2 to 254: 0 and 255 are no addresses, 1 is the bridge. */
const FIRST_HOST = 2
const LAST_HOST = 254

/** Enough for some seventy hosts. */
const INOTIFY_INSTANCES = 1024

export function addressOf(network: Network, number: number): string {
  return `${network.prefix}.${number}`
}

export function address6Of(network: Network, number: number): string {
  return `${network.prefix6}${number.toString(16)}`
}

/** The lowest host number not in `taken`. @throws When all 253 are taken. */
export function freeNumber(taken: ReadonlySet<number>): number {
  for (let number = FIRST_HOST; number <= LAST_HOST; number++) if (!taken.has(number)) return number
  throw new Error('All 253 addresses of the sandbox network are taken: take some hosts down first.')
}

/** Makes what is missing of bridge, forwarding and firewall rules. Call it under the network lock. */
export async function ensureNetwork(state: State): Promise<Network> {
  const network = await chooseNetwork(state)
  if (!(await succeeds('ip', ['link', 'show', 'dev', network.bridge]))) await addBridge(state, network)
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1')
  await raiseInotify()
  for (const rule of rules(state, network)) {
    if (!(await iptables(rule, '-C'))) await run('iptables', argumentsOf(rule, '-I'))
  }
  return network
}

async function addBridge(state: State, { bridge, prefix, prefix6, mtu }: Network): Promise<void> {
  // A bridge without an address of its own takes its ports', and changes it as hosts come and go: other hosts then
  // talk to a neighbour that is no more until their entry for it expires.
  const mac = ['02', '6b', '65', ...(state.id.match(/../g) ?? [])].join(':')
  await run('ip', ['link', 'add', bridge, 'address', mac, 'mtu', String(mtu), 'type', 'bridge', 'stp_state', '0'])
  await run('ip', ['address', 'add', `${prefix}.1/24`, 'dev', bridge])
  if (await hasIpv6()) await run('ip', ['-6', 'address', 'add', `${prefix6}1/64`, 'dev', bridge, 'nodad'])
  // Asking who has an address is repeated after a second; a host that is booting answers sooner than that.
  await writeFile(`/proc/sys/net/ipv4/neigh/${bridge}/retrans_time_ms`, '50')
  await run('ip', ['link', 'set', bridge, 'up'])
}

/** Each host's systemd takes a dozen, and those of all root's processes count together: eight hosts used them up. */
async function raiseInotify(): Promise<void> {
  const limit = '/proc/sys/fs/inotify/max_user_instances'
  if (Number(await readFile(limit, 'utf8')) < INOTIFY_INSTANCES) await writeFile(limit, String(INOTIFY_INSTANCES))
}

/** Takes bridge and firewall rules away, also when only some of them are there. Call it under the network lock. */
export async function removeNetwork(state: State): Promise<void> {
  const network = await chooseNetwork(state)
  for (const rule of rules(state, network)) {
    while (await iptables(rule, '-C')) await run('iptables', argumentsOf(rule, '-D'))
  }
  if (await succeeds('ip', ['link', 'show', 'dev', network.bridge])) await run('ip', ['link', 'delete', network.bridge])
}

/** Forgets which network card answered for an address, so that the next host to have it is found at once. */
export async function forgetNeighbour(network: Network, number: number): Promise<void> {
  await run('ip', ['neighbour', 'flush', 'to', addressOf(network, number), 'dev', network.bridge])
  await run('ip', ['-6', 'neighbour', 'flush', 'to', address6Of(network, number), 'dev', network.bridge])
}

/**
 * Takes away the cable of a container that was killed: else it stays until the kernel has come to take the container's
 * network down, and another of its name cannot be plugged in meanwhile.
 */
export async function unplug(container: string): Promise<void> {
  const cable = ['dev', `vb-${container}`]
  const isGone = async (): Promise<boolean> =>
    !(await succeeds('ip', ['link', 'show', ...cable])) || succeeds('ip', ['link', 'delete', ...cable])
  await waitFor(`the cable of ${container} to go`, isGone)
}

type Rule = { table: string; chain: string; match: string[] }

/** Each carries the state's name as a comment, which makes it this state's and nobody else's. */
function rules(state: State, { bridge, prefix }: Network): Rule[] {
  const mark = ['-m', 'comment', '--comment', `keelson-${state.id}`]
  const inside = `${prefix}.0/24`
  return [
    { table: 'nat', chain: 'POSTROUTING', match: ['-s', inside, '!', '-d', inside, ...mark, '-j', 'MASQUERADE'] },
    // Where Docker runs, what is forwarded is dropped unless somebody lets it pass.
    { table: 'filter', chain: 'FORWARD', match: ['-i', bridge, ...mark, '-j', 'ACCEPT'] },
    { table: 'filter', chain: 'FORWARD', match: ['-o', bridge, ...mark, '-j', 'ACCEPT'] },
  ]
}

function argumentsOf({ table, chain, match }: Rule, action: '-C' | '-D' | '-I'): string[] {
  return ['--wait', '-t', table, action, chain, ...match]
}

function iptables(rule: Rule, action: '-C'): Promise<boolean> {
  return succeeds('iptables', argumentsOf(rule, action))
}

/** The network this state directory had before, else the first one derived from its id that nothing here uses. */
async function chooseNetwork(state: State): Promise<Network> {
  const file = join(state.dir, 'network.json')
  const [known, mtu] = await Promise.all([readRecord<{ prefix: string }>(file, { prefix: 'string' }), readMtu()])
  const prefix = known?.prefix ?? (await freePrefix(state))
  if (!known) await writeRecord(file, { prefix })
  const [first, second] = [state.id.slice(0, 2), state.id.slice(2)]
  return { bridge: `keelson-${state.id}`, prefix, prefix6: `fd6b:65${first}:${second}::`, mtu }
}

/** 10.64.0.0/10 holds 16384 subnets; a start derived from the id, then on from there past those in use. */
async function freePrefix(state: State): Promise<string> {
  const used = await run('ip', ['-4', 'route', 'show', 'table', 'all'])
  const start = Number.parseInt(state.id.slice(0, 4), 16)
  for (let step = 0; step < 0x4000; step++) {
    const subnet = (start + step) % 0x4000
    const prefix = `10.${64 + (subnet >> 8)}.${subnet & 0xff}`
    if (!used.includes(`${prefix}.`)) return prefix
  }
  throw new Error('No subnet below 10.64.0.0/10 is free on this machine.')
}

/** MTU of the interface packets leave by; 1500 when there is no way out. */
async function readMtu(): Promise<number> {
  const route = await run('ip', ['-4', 'route', 'show', 'default'])
  const device = /\bdev (\S+)/.exec(route)?.[1]
  return device === undefined ? 1500 : Number(await readFile(`/sys/class/net/${device}/mtu`, 'utf8'))
}

async function hasIpv6(): Promise<boolean> {
  try {
    return (await readFile('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8')).trim() === '0'
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}
