/**
 * The lab: a throw-away machine that stands in for the parts of the internet that a server talks to. It has a name
 * server that answers for the site's names, an ACME server under Let's Encrypt's own address, and the DNS part of the
 * Hetzner Cloud API. A host that is connected to it needs no other recipes than a real one.
 */
import { readNameservers } from './identity.ts'
import { LAB_CA, LAB_PACKAGES, LAB_UNITS, labFiles, PEBBLE_ROOT, PUBLIC_NAMES } from './labFiles.ts'
import type { OnProgress } from './image.ts'
import { runInside, type SandboxHost, up } from './sandbox.ts'
import { waitFor } from './system.ts'

export type Lab = {
  host: SandboxHost
  /** PEM: signs the certificates of the services that the lab stands in for. */
  ca: string
  /** PEM: the root of the certificates that its ACME server issues. It is a new one after each boot. */
  issuer: string
}

/** The name and the addresses that it is to have: of a new zone, or of one that is replaced. */
export type LabName = { name: string; addresses: readonly string[] }

/** How long the services of a lab may take to start after it has booted. */
const START_LIMIT_MS = 30_000

/**
 * Boots a lab, or returns the one of that name when it is there already.
 *
 * @param options.believesAll Its ACME server does not look whether a name is the host's.
 * @example const lab = await labUp('lab')
 * @throws When this machine cannot run hosts, or a service of the lab does not start.
 */
export async function labUp(
  name: string,
  { onProgress = () => undefined, believesAll = false }: { onProgress?: OnProgress; believesAll?: boolean } = {},
): Promise<Lab> {
  const files = labFiles(await readNameservers(), believesAll)
  const host = await up(name, { os: 'debian-13', packages: LAB_PACKAGES, files }, onProgress)
  await runInside(name, `systemctl enable --now --quiet ${LAB_UNITS.join(' ')} && systemctl reload-or-restart nginx`)
  const root = `curl -sSfk ${PEBBLE_ROOT}`
  await waitFor('the ACME server of the lab', () => answers(name, root), START_LIMIT_MS)
  const [ca, issuer] = await Promise.all([runInside(name, `cat ${LAB_CA}`), runInside(name, root)])
  const lab = { host, ca, issuer }
  await publish(
    lab,
    PUBLIC_NAMES.map((each) => ({ name: each, addresses: [host.address] })),
  )
  return lab
}

async function answers(name: string, program: string): Promise<boolean> {
  return runInside(name, program).then(
    () => true,
    () => false,
  )
}

const DNS_NAME = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]{2,63}$/
const ADDRESS = /^[0-9a-f.:]+$/

/**
 * Makes the lab's name server answer for names, and for nothing else in their zones. A zone is the name itself when the
 * lab stands in for it, and else its last two labels.
 *
 * @example await publish(lab, [{ name: '*.shop.example', addresses: ['10.80.206.2'] }])
 */
export async function publish({ host }: Pick<Lab, 'host'>, names: readonly LabName[]): Promise<void> {
  const zones = new Map<string, string[]>()
  for (const { name, addresses } of names) {
    if (!DNS_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name that the lab can answer for`)
    const zone = PUBLIC_NAMES.includes(name) ? name : name.split('.').slice(-2).join('.')
    const records = addresses.map((address) => {
      if (!ADDRESS.test(address)) throw new Error(`${JSON.stringify(address)} is no address`)
      return `${name}. ${address.includes(':') ? 'AAAA' : 'A'} ${address}`
    })
    zones.set(zone, [...(zones.get(zone) ?? []), ...records])
  }
  const texts = [...zones].map(([zone, records]) => zoneText(zone, [`ns A ${host.address}`, ...records]))
  await runInside(host.name, `set -e\ncd /var/cache/bind\n${texts.join('')}`)
}

function zoneText(zone: string, records: readonly string[]): string {
  const file = `db.${zone}`
  return `rndc delzone -clean ${zone} > /dev/null 2>&1 || :
rm -f ${file} ${file}.jnl
cat > ${file} <<'END'
$TTL 1
@ SOA ns root 1 60 60 60 1
@ NS ns
${records.join('\n')}
END
chown bind: ${file}
rndc addzone ${zone} '{ type primary; file "${file}"; allow-update { any; }; };'
`
}

/** Makes a host ask the lab's name server, and trust what the lab stands in for and issues. */
export async function connectToLab({ host, ca, issuer }: Lab, name: string): Promise<void> {
  await runInside(
    name,
    `set -e
cat > /usr/local/share/ca-certificates/lab.crt <<'END'
${ca}END
cat > /usr/local/share/ca-certificates/lab-issuer.crt <<'END'
${issuer}END
update-ca-certificates > /dev/null 2>&1
echo 'nameserver ${host.address}' > /etc/resolv.conf`,
  )
}
