/**
 * verify: is the site up, as seen from outside and from its host? What is looked at comes from the declared resources;
 * the engine knows probes, and no type by name. Nothing is written.
 */
import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Connection } from '../../transport/connection.ts'
import type { AnyType, Json, Output } from '../../kit/resourceType.ts'
import { quote } from '../../kit/shell.ts'
import type { Declared, Finding, Look, Probe, Verify } from '../../kit/verify.ts'
import type { Catalog, CatalogHost } from '../catalog/catalog.ts'
import { wordsOf } from '../errors.ts'
import { type Answer, notUnderstood, type Section } from '../host/read.ts'
import type { Trips } from '../report.ts'
import { daysLeft, judgeServed, type OnDisk, parseCertificates, readCertificates } from './certificates.ts'
import { checkName } from './dns.ts'
import { type Known, MACHINE_CHECKS } from './machineChecks.ts'
import { type Outside, tryOutside, type Way } from './outside.ts'
import { askHost, type Start, waysTo } from './program.ts'

/** Maximum time for everything on the host, in milliseconds. */
const HOST_MS = 20_000
const CERTIFICATES = 'host-certificates'
/** Seconds by which the clocks may differ. */
const CLOCK_SLACK_S = 5

export type VerifyOptions = {
  catalog: Catalog
  types: ReadonlyMap<string, AnyType>
  connect: () => Promise<Connection>
  /** Why names are not looked up; absent when they are to lead to this machine. */
  noNames?: string
  /** A throw-away host. */
  standIn: boolean
  /** Authorities in PEM that are trusted in place of those that Node brings. */
  ca?: string
}

export type VerifyReport = {
  host: string
  address: string
  checks: Finding[]
  trips: Trips
  seconds: number
}

/** A type with what it promises, and its declared resources. */
type Promised = { type: string; verify: Verify<Json>; entries: Declared<Json>[] }

export async function verifyHost(options: VerifyOptions): Promise<VerifyReport> {
  const started = performance.now()
  const { host } = options.catalog
  const run = new VerifyRun(options)
  const checks = await run.checks()
  return {
    host: host.name,
    address: host.address,
    checks: sorted(checks),
    trips: run.trips,
    seconds: Math.round(performance.now() - started) / 1000,
  }
}

class VerifyRun {
  trips: Trips = { connections: 0, execs: 0 }
  readonly #options: VerifyOptions
  readonly #mark = `keelson-${randomBytes(16).toString('hex')}`
  readonly #promised: Promised[]
  readonly #probes: Probe[]
  #outside: Promise<Outside> | undefined
  #names: Promise<Finding[]> | undefined

  constructor(options: VerifyOptions) {
    this.#options = options
    this.#promised = promisedBy(options.catalog, options.types)
    this.#probes = probesOf(this.#promised)
  }

  async checks(): Promise<Finding[]> {
    const { catalog, standIn } = this.#options
    const inside = await this.#inside().catch((error: unknown) => unreached(error))
    // Without the host's own addresses, the declared one is tried.
    this.#begin(waysTo(await addressOf(catalog.host), [], standIn), [])
    const { findings, served } = await this.#outside!
    const onDisk: OnDisk = inside.onDisk ?? new Map()
    const certificates = inside.onDisk ? pathsIn(this.#probes).map((path) => daysLeft(path, onDisk, Date.now())) : []
    const names = await this.#names!
    return [...inside.findings, ...names, ...findings, ...certificates, ...judgeServed(served, onDisk, standIn)]
  }

  /** Starts what is done from this machine, once. @param own Addresses that the host says it has. */
  #begin(ways: readonly Way[], own: readonly string[]): void {
    const { ca, noNames } = this.#options
    this.#outside ??= tryOutside(this.#probes, ways, this.#mark, ca)
    const names = [...new Set(this.#probes.flatMap((probe) => (probe.probe === 'name' ? [probe.name] : [])))]
    const addresses = [...new Set([...ways.map(({ address }) => address), ...own])]
    this.#names ??=
      noNames === undefined
        ? Promise.all(names.map((name) => checkName(name, addresses)))
        : Promise.resolve(
            names.length === 0 ? [] : [{ check: 'dns', about: names.join(', '), state: 'unchecked', said: noNames }],
          )
  }

  async #inside(): Promise<{ findings: Finding[]; onDisk?: OnDisk }> {
    const { catalog, connect, standIn } = this.#options
    const asked = Date.now()
    const connection = await connect()
    let start: Start | undefined
    try {
      const answers = await askHost(connection, this.#sections(), this.#mark, HOST_MS, async (found) => {
        start = found
        this.#begin(waysTo(await addressOf(catalog.host), found.addresses, standIn), standIn ? [] : found.addresses)
        await this.#outside
      })
      const port = connection.peer.remotePort
      return {
        findings: [
          ...this.#judged(answers, port === undefined ? [] : [port]),
          ...(start ? [clockOf(start, asked)] : []),
        ],
        onDisk: parseCertificates(answers.get(CERTIFICATES)?.stdout ?? ''),
      }
    } finally {
      this.trips = connection.trips
      await connection.close()
    }
  }

  #sections(): { first: Section[]; late: Section[] } {
    const paths = pathsIn(this.#probes)
    const looks = (which: 'look' | 'late'): Section[] =>
      this.#promised.flatMap(({ type, verify, entries }) => {
        const look = verify[which]
        return look === undefined ? [] : [{ name: `${which}-${type}`, text: look.command(entries, this.#mark) }]
      })
    const certificates = paths.length === 0 ? ':' : `${readCertificates()} ${paths.map(quote).join(' ')}`
    return {
      first: [
        ...MACHINE_CHECKS.map(({ text }, index) => ({ name: `machine-${index}`, text })),
        { name: CERTIFICATES, text: certificates },
        ...looks('look'),
      ],
      late: looks('late'),
    }
  }

  #judged(answers: ReadonlyMap<string, Answer>, own: readonly number[]): Finding[] {
    const known = { ...knownFrom(this.#promised, own), standIn: this.#options.standIn }
    const machine = MACHINE_CHECKS.flatMap(({ check, parse }, index) =>
      judge(check, answers.get(`machine-${index}`)!, (output) => parse(output, known)),
    )
    const looked = this.#promised.flatMap(({ type, verify, entries }) =>
      (['look', 'late'] as const).flatMap((which) => {
        const look: Look<Json> | undefined = verify[which]
        if (look === undefined) return []
        return judge(type, answers.get(`${which}-${type}`)!, (output) => look.parse(output, entries, this.#mark))
      }),
    )
    return [...machine, ...looked]
  }
}

/** An answer that cannot be parsed costs only its own check. */
function judge(check: string, answer: Answer, parse: (output: Output) => Finding[]): Finding[] {
  try {
    return parse(answer)
  } catch (error) {
    const { message, said } = notUnderstood(check, error, answer)
    return [{ check, about: check, state: 'wrong', said: message, next: `the host said: ${said.slice(-300)}` }]
  }
}

function promisedBy({ resources }: Catalog, types: ReadonlyMap<string, AnyType>): Promised[] {
  return [...types].flatMap(([type, { verify }]) => {
    if (verify === undefined) return []
    const entries = resources
      .filter((one) => one.type === type && one.absent !== true && one.desired !== null)
      .map(({ name, desired }) => ({ name, state: desired }))
    return entries.length === 0 ? [] : [{ type, verify, entries }]
  })
}

/** Two resources may promise the same. */
function probesOf(promised: readonly Promised[]): Probe[] {
  const all = promised.flatMap(({ verify, entries }) =>
    entries.flatMap(({ name, state }) => verify.outside?.(name, state) ?? []),
  )
  return [...new Map(all.map((probe) => [JSON.stringify(probe), probe])).values()]
}

function pathsIn(probes: readonly Probe[]): string[] {
  const paths = probes.flatMap((probe) => {
    if (probe.probe === 'https') return [probe.certificate]
    return probe.probe === 'certificate' ? [probe.path] : []
  })
  return [...new Set(paths)]
}

function knownFrom(promised: readonly Promised[], own: readonly number[]): Pick<Known, 'ports' | 'units'> {
  const of = <T>(slot: (verify: Verify<Json>, one: Declared<Json>) => T[] | undefined): T[] =>
    promised.flatMap(({ verify, entries }) => entries.flatMap((one) => slot(verify, one) ?? []))
  return {
    ports: new Set([...own, ...of((verify, { name, state }) => verify.ports?.(name, state))]),
    units: new Set(of((verify, { name, state }) => verify.units?.(name, state))),
  }
}

/** An address of a host that the inventory calls by a name. */
async function addressOf({ address }: CatalogHost): Promise<string> {
  if (isIP(address) !== 0) return address
  return lookup(address).then(
    (found) => found.address,
    () => address,
  )
}

function clockOf({ clock, answered }: Start, asked: number): Finding {
  const about = { check: 'clock', about: 'clock' }
  const off = clock < asked / 1000 ? clock - asked / 1000 : Math.max(0, clock - answered / 1000)
  const seconds = Math.round(Math.abs(off) * 10) / 10
  const measure = { name: 'clock_offset_seconds', value: Math.round(off * 10) / 10 }
  if (Math.abs(off) <= CLOCK_SLACK_S) return { ...about, state: 'ok', said: 'in time', measure }
  return {
    ...about,
    state: 'wrong',
    // A clock that is no number is no clock either.
    said: Number.isFinite(off)
      ? `${seconds} s ${off < 0 ? 'behind' : 'ahead of'} this machine`
      : 'the host has no clock',
    next: 'set it (timedatectl, chronyc makestep), and see that something keeps it in time',
    ...(Number.isFinite(off) ? { measure } : {}),
  }
}

function unreached(error: unknown): { findings: Finding[]; onDisk?: OnDisk } {
  const { message } = error instanceof Error ? error : new Error(String(error))
  const { said = '', next = '' } = error instanceof Error ? wordsOf(error) : {}
  return {
    findings: [
      {
        check: 'host',
        about: 'login',
        state: 'wrong',
        said: said === '' ? message : `${message}: ${said.slice(-300)}`,
        next: next || 'log in by hand to see what hinders',
      },
      { check: 'host', about: 'everything on it', state: 'unchecked', said: 'nothing could be looked at there' },
    ],
  }
}

/** By check, then by what it is about. */
function sorted(findings: readonly Finding[]): Finding[] {
  const order = [...new Set(findings.map(({ check }) => check))].sort()
  return findings.toSorted(
    (a, b) => order.indexOf(a.check) - order.indexOf(b.check) || (a.about < b.about ? -1 : a.about > b.about ? 1 : 0),
  )
}
