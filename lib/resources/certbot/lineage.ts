/**
 * What certbot has of a certificate: its lineage, which is a file of settings and the newest certificate.
 */
import { X509Certificate } from 'node:crypto'
import type { Output, Unknown } from '../../kit/resourceType.ts'
import { filesInTar } from '../../kit/files/tarStream.ts'
import { quote } from '../../kit/shell.ts'
import type { CertificateState, ChallengeState } from './certificateState.ts'

const FOLDER = '/etc/letsencrypt'
export const LIVE = `${FOLDER}/live`

/** Bytes of all lineages: a thousand take a tenth of it. */
const MOST = 32 * 2 ** 20

const settingsOf = (name: string): string => `renewal/${name}.conf`
/** A link to the newest one. */
const certificateOf = (name: string): string => `live/${name}/cert.pem`

/**
 * Shell text that prints settings and certificate of each name in one tar archive. Only root can enter these folders, so
 * no other account can redirect the links in them.
 */
export function readLineages(names: readonly string[]): string {
  const paths = names.flatMap((name) => [settingsOf(name), certificateOf(name)])
  return `(
cd ${FOLDER} 2>/dev/null || exit 0
for path in ${paths.map(quote).join(' ')}; do [ ! -f "$path" ] || printf '%s\\0' "$path"; done |
  tar -ch --format=gnu -b 1 --null --verbatim-files-from -T - --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0 2>/dev/null |
  head -c ${MOST} | base64 -w0
)`
}

export function parseLineages(
  { stdout }: Pick<Output, 'stdout'>,
  names: readonly string[],
): Map<string, CertificateState | null | Unknown> {
  const files = filesInTar(Buffer.from(stdout, 'base64'))
  return new Map(
    names.map((name) => {
      const settings = files.get(settingsOf(name))
      const certificate = files.get(certificateOf(name))
      return [name, settings === undefined ? null : lineageOf(settings.toString('utf8'), certificate)]
    }),
  )
}

function lineageOf(settings: string, certificate: Buffer | undefined): CertificateState {
  const values = parseSettings(settings)
  const known = certificate === undefined ? undefined : parseCertificate(certificate)
  return {
    names: known?.names ?? [],
    server: values.get('server') ?? '',
    challenge: challengeOf(values),
    keyType: known?.keyType ?? values.get('key_type') ?? '',
    ...(known === undefined ? {} : { seen: { until: known.until } }),
  }
}

/** configobj's form: `key = value`, a comma at the end of a list; sections are not told apart. */
function parseSettings(text: string): Map<string, string> {
  const pairs = [...text.matchAll(/^\s*([A-Za-z0-9_.*-]+)\s*=\s*(.*?),?\s*$/gm)]
  return new Map(pairs.map(([, key = '', value = '']) => [key, value.replace(/^"(.*)"$/, '$1')]))
}

function challengeOf(values: ReadonlyMap<string, string>): ChallengeState {
  const authenticator = values.get('authenticator') ?? ''
  if (authenticator === 'webroot') return { kind: 'webroot', at: values.get('webroot_path') ?? '' }
  if (authenticator === 'dns-rfc2136') return { kind: 'rfc2136', at: values.get('dns_rfc2136_credentials') ?? '' }
  if (authenticator !== 'manual') return { kind: 'other', at: authenticator }
  const cleanup = values.get('manual_cleanup_hook')
  return {
    kind: 'hook',
    at: values.get('manual_auth_hook') ?? '',
    ...(cleanup === undefined ? {} : { cleanup }),
  }
}

/** Undefined for what is no certificate. */
function parseCertificate(pem: Buffer): { names: string[]; keyType: string; until: string } | undefined {
  try {
    const certificate = new X509Certificate(pem)
    const names = (certificate.subjectAltName ?? '').split(', ').flatMap((one) => /^DNS:(.*)$/.exec(one)?.[1] ?? [])
    const type = certificate.publicKey.asymmetricKeyType
    return {
      names: names.sort(),
      keyType: type === 'ec' ? 'ecdsa' : (type ?? ''),
      until: new Date(certificate.validTo).toISOString(),
    }
  } catch {
    return undefined
  }
}
