/**
 * The state of a certificate.
 */
export const CHALLENGES = { webroot: true, rfc2136: true, hook: true, other: true } as const

/** `at`: the folder, the file with the key, or the program that adds the record. `other`: as certbot calls it. */
export type ChallengeState = { kind: keyof typeof CHALLENGES; at: string; cleanup?: string }

export type CertificateState = {
  /** Sorted. */
  names: string[]
  /** Address of the authority's directory. */
  server: string
  challenge: ChallengeState
  keyType: string
  how?: { email: string }
  /** ISO 8601. */
  seen?: { until: string }
}
