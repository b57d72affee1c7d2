/** Self-signed certificates, made with openssl for a test and thrown away with it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Made = { certificate: string; key: string }

/** In PEM, for some names, good from now on for so many days. */
export function selfSigned(names: readonly string[], days: number): Made {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-certificate-'))
  try {
    const files = [join(folder, 'key'), join(folder, 'certificate')] as const
    const alternatives = names.map((name) => `DNS:${name}`).join(',')
    const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days'.split(' ')
    const about = ['-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${alternatives}`]
    execFileSync('openssl', [...made, String(days), ...about, '-keyout', files[0], '-out', files[1]], {
      stdio: 'ignore',
    })
    return { key: readFileSync(files[0], 'utf8'), certificate: readFileSync(files[1], 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
