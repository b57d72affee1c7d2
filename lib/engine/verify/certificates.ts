/**
 * Judges certificates: the days left of those on disk, and whether what is served is what lies there and holds. Pure.
 */
import { X509Certificate } from 'node:crypto'
import type { Finding } from '../../kit/verify.ts'
import type { ServedFor } from './outside.ts'

const DAY_MS = 86_400_000
/** Fewer days than that are wrong: a renewal that works comes earlier. */
const DAYS = 14
/** Of one that lives shorter: this part of its life. */
const LEAST_PART = 0.25
const LONGEST_PEM = 65_536

/** Prints each file after its path, with NUL behind both; of a file that cannot be read nothing. */
export function readCertificates(): string {
  return `sh -c 'for k_file do printf "%s\\\\0" "$k_file"; head -c ${LONGEST_PEM} -- "$k_file" 2>/dev/null; printf "\\\\0"; done' sh`
}

export type OnDisk = ReadonlyMap<string, X509Certificate | string>

/** The first certificate in each file, or why there is none. */
export function parseCertificates(stdout: string): OnDisk {
  const parts = stdout.split('\0')
  const found = new Map<string, X509Certificate | string>()
  for (let at = 0; at + 1 < parts.length; at += 2) found.set(parts[at]!, certificateIn(parts[at + 1]!))
  return found
}

function certificateIn(text: string): X509Certificate | string {
  const [pem] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(text) ?? []
  if (pem === undefined) return text === '' ? 'it is not there, or cannot be read' : 'there is no certificate in it'
  try {
    return new X509Certificate(pem)
  } catch {
    return 'it holds no certificate that can be read'
  }
}

export function daysLeft(path: string, onDisk: OnDisk, now: number): Finding {
  const about = { check: 'certificate', about: path }
  const certificate = onDisk.get(path) ?? 'the host did not say'
  if (typeof certificate === 'string')
    return { ...about, state: 'wrong', said: certificate, next: 'converge, or put the file there' }
  const [begins, ends] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  const days = Math.floor((ends - now) / DAY_MS)
  const until = new Date(ends).toISOString().slice(0, 10)
  const least = Math.min(DAYS, ((ends - begins) / DAY_MS) * LEAST_PART)
  const measure = { name: 'certificate_days_left', value: days }
  if (ends > now + least * DAY_MS && begins <= now)
    return { ...about, state: 'ok', said: `${days} days left, until ${until}`, measure }
  const said =
    begins > now
      ? `it begins on ${new Date(begins).toISOString().slice(0, 10)} only`
      : ends <= now
        ? `it ended on ${until}`
        : `only ${days} days left, until ${until}`
  return { ...about, state: 'wrong', said, next: 'renew it, and look at why that did not happen by itself', measure }
}

/** Why a certificate that ended, or has yet to begin, is not trusted: that is told of the file it lies in. */
const OF_TIME = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']
const SELF_SIGNED = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']

/**
 * One finding for each name: what is served to it is the certificate on disk, holds for the name, and has a chain.
 *
 * @param standIn Set for a throw-away host, whose certificates no public authority signs.
 */
export function judgeServed(served: readonly ServedFor[], onDisk: OnDisk, standIn: boolean): Finding[] {
  const names = [...new Set(served.map(({ probe }) => probe.name))]
  return names.map((name) => {
    const its = served.filter(({ probe }) => probe.name === name)
    const about = { check: 'tls', about: name }
    const wrong = its.flatMap((one) => problemOf(one, onDisk) ?? [])
    if (wrong.length > 0) return { ...about, state: 'wrong', ...wrong[0]! }
    const distrusted = its.find(({ served: { distrusted: why } }) => why !== undefined && !OF_TIME.includes(why))
    if (distrusted === undefined) return { ...about, state: 'ok', said: 'the certificate on disk, and its chain holds' }
    const why = distrusted.served.distrusted!
    if (standIn && SELF_SIGNED.includes(why))
      return {
        ...about,
        state: 'unchecked',
        said: 'the certificate on disk, which holds for the name; not its chain, as no authority signs for a throw-away host',
      }
    return {
      ...about,
      state: 'wrong',
      said: `clients do not trust it: ${why}`,
      next: 'have it issued by an authority that clients know, serve the whole chain, or name your own with --ca',
    }
  })
}

function problemOf(
  { family, probe: { name, certificate }, served }: ServedFor,
  onDisk: OnDisk,
): { said: string; next: string } | undefined {
  const kept = onDisk.get(certificate)
  const got = parseServed(served.certificate)
  if (got === undefined) return { said: `what is served over ${family} is no certificate`, next: 'look at nginx' }
  if (kept instanceof X509Certificate && kept.fingerprint256 !== got.fingerprint256)
    return {
      said: `the certificate served over ${family} is not the one in ${certificate}: it is for ${namesOf(got)}, until ${got.validTo}`,
      next: 'reload nginx, and look whether another vhost answers to the name',
    }
  if (got.checkHost(name) === undefined)
    return { said: `the certificate is for ${namesOf(got)}`, next: 'have one issued that holds for the name' }
  return undefined
}

function parseServed(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}

function namesOf({ subjectAltName = '', subject }: X509Certificate): string {
  const names = subjectAltName === '' ? subject : subjectAltName.replaceAll('DNS:', '')
  return names.length > 200 ? `${names.slice(0, 199)}…` : names
}
