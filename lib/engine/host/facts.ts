/**
 * What every reading asks of a host besides its resources: which machine it is, what Keelson left there, and which run
 * is in progress.
 */
import type { CatalogHost } from '../catalog/catalog.ts'
import { HostError } from '../errors.ts'
import { type KnownLedger, parseLedger } from './ledger.ts'
import type { Answer, Section } from './read.ts'
import type { Machine } from '../report.ts'
import type { Peer } from '../../transport/connection.ts'
import type { AnyType } from '../../kit/resourceType.ts'
import { lines } from '../../kit/shell.ts'
import { GUARD_ARMED, LEDGER_PATH } from '../../kit/stateFolders.ts'
import { type HostWays, parseWays, WAYS_SECTION } from './ways.ts'

export type Facts = {
  /** `debian-12` */
  os: string
  machineId: string
  cpus: number
  memoryMiB: number
  /** A client that died left a change that the guard reverts unless somebody logs in. */
  isArmed: boolean
  /**
   * On a host without a ledger, a key that only root can know and that stays the same, hex: the digest of its SSH host
   * keys. A plan writes nothing, so it cannot leave a key of its own there.
   */
  key?: string
  ways: HostWays
}

export const FACT_SECTIONS: readonly Section[] = [
  {
    name: 'keelson-facts',
    text: `sed -n 's/^\\(ID\\|VERSION_ID\\)=/\\1=/p' /etc/os-release
sed 's/^/MACHINE=/' /etc/machine-id
sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/MEMORY=\\1/p' /proc/meminfo
printf 'CPUS='; nproc
[ ! -e ${GUARD_ARMED} ] || echo GUARD=armed
[ -e ${LEDGER_PATH} ] || { set -- /etc/ssh/ssh_host_*_key; [ ! -f "$1" ] || { printf KEY=; cat -- "$@" | sha256sum; }; }`,
  },
  { name: 'keelson-ledger', text: `[ ! -e ${LEDGER_PATH} ] || cat ${LEDGER_PATH}` },
  WAYS_SECTION,
]

/** Its answer differs each time, so it is not part of what tells whether the host changed. */
export const CLOCK_SECTION: Section = { name: 'keelson-clock', text: 'date +%s' }

/** Difference of the clocks, in seconds, from which a plan warns. */
const CLOCK_SLACK_S = 300

/** @param asked When the host was asked, and `answered`, when it answered, by this machine's clock, in milliseconds. */
export function checkClock({ stdout }: Answer, asked: number, answered: number): string[] {
  const host = Number(stdout)
  const off = host < asked / 1000 ? host - asked / 1000 : Math.max(0, host - answered / 1000)
  if (!(Math.abs(off) > CLOCK_SLACK_S)) return []
  const side = off < 0 ? 'behind' : 'ahead of'
  return [
    `its clock is ${spanOf(Math.abs(off))} ${side} this machine's; certificates, signatures of packages and times in logs go by it`,
  ]
}

function spanOf(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}

/** @throws {HostError} When the host does not say what it is. */
export function parseFacts(
  answers: ReadonlyMap<string, Answer>,
  types: ReadonlyMap<string, AnyType>,
): { facts: Facts } & KnownLedger {
  const answer = answers.get('keelson-facts')!
  const values = new Map(lines(answer.stdout).map((line) => splitOnce(line)))
  const key = /^[0-9a-f]{64}/.exec(values.get('KEY') ?? '')?.[0]
  const facts = {
    os: `${values.get('ID') ?? '?'}-${values.get('VERSION_ID') ?? '?'}`,
    machineId: values.get('MACHINE') ?? '',
    cpus: Number(values.get('CPUS')),
    memoryMiB: Math.round(Number(values.get('MEMORY')) / 1024),
    isArmed: values.has('GUARD'),
    ...(key === undefined ? {} : { key }),
    ways: parseWays(answers.get(WAYS_SECTION.name)!),
  }
  if (!Number.isFinite(facts.cpus) || !Number.isFinite(facts.memoryMiB)) {
    throw new HostError('the host does not say what it is', {
      said: answer.stderr || answer.stdout,
      next: 'Keelson needs Debian 12 or 13',
    })
  }
  return { facts, ...parseLedger(answers.get('keelson-ledger')!, types) }
}

/** A machine-id of another form than machine-id(5) has is left out. */
export function machineOf({ machineId }: Pick<Facts, 'machineId'>, { hostKey }: Peer): Machine {
  return {
    ...(/^[0-9a-f]{32}$/.test(machineId) ? { id: machineId } : {}),
    ...(hostKey === undefined ? {} : { hostKey }),
  }
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(0, at), line.slice(at + 1).replaceAll('"', '')]
}

/** Compares the machine with the inventory: another OS is an error, another size a warning. */
export function checkHost(host: CatalogHost, facts: Facts): string[] {
  if (facts.os !== host.os) {
    throw new HostError(`${host.name} runs ${facts.os}, the inventory says ${host.os}`, {
      next: `set os: '${facts.os}' in the inventory if this is the right machine`,
    })
  }
  const warnings = facts.isArmed
    ? ['an earlier run may have locked you out, and auto-reverts within seconds unless the next converge comes first']
    : []
  // The kernel keeps a few per cent of the memory that a provider sells.
  if (facts.memoryMiB < host.memoryMiB * 0.85 || facts.memoryMiB > host.memoryMiB * 1.1) {
    warnings.push(
      `it has ${facts.memoryMiB} MiB of memory; the inventory says ${host.server} with ${host.memoryMiB} MiB`,
    )
  }
  if (facts.cpus !== host.cpus) {
    warnings.push(`it has ${facts.cpus} CPUs; the inventory says ${host.server} with ${host.cpus}`)
  }
  return warnings
}
