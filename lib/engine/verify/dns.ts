/**
 * Whether names lead to a host: what the resolvers of this machine say of A and AAAA.
 */
import { Resolver } from 'node:dns/promises'
import { isIP, isIPv4 } from 'node:net'
import type { Finding } from '../../kit/verify.ts'

const ANSWER_MS = 2500

/** @param own Addresses that lead to the host. */
export async function checkName(name: string, own: readonly string[]): Promise<Finding> {
  const resolver = new Resolver({ timeout: ANSWER_MS, tries: 1 })
  const [a, aaaa] = await Promise.all([records(resolver.resolve4(name)), records(resolver.resolve6(name))])
  return judgeName(name, { a, aaaa }, own)
}

/** Addresses of one kind; or why there is no answer. */
type Records = string[] | { failed: string }

/** Pure. */
export function judgeName(name: string, { a, aaaa }: { a: Records; aaaa: Records }, own: readonly string[]): Finding {
  const about = { check: 'dns', about: name }
  for (const found of [a, aaaa])
    if ('failed' in found)
      return {
        ...about,
        state: 'wrong',
        said: `the name servers do not answer: ${found.failed}`,
        next: 'look at the name servers of the domain, and at the resolver of this machine',
      }
  const found = [...(Array.isArray(a) ? a : []), ...(Array.isArray(aaaa) ? aaaa : [])]
  const kind = (address: string): string => (isIPv4(address) ? 'A' : 'AAAA')
  const strangers = found.filter((address) => !own.some((one) => sameAddress(one, address)))
  if (found.length === 0)
    return {
      ...about,
      state: 'wrong',
      said: 'the name has no address',
      next: `add ${own.map((one) => `${kind(one)} ${one}`).join(' and ')} to its zone`,
    }
  if (strangers.length > 0)
    return {
      ...about,
      state: 'wrong',
      said: `${strangers.map((one) => `${kind(one)} ${one}`).join(', ')} is not this host, which is ${own.join(', ')}`,
      next: 'correct the record, and wait until its time to live is over',
    }
  return { ...about, state: 'ok', said: found.map((one) => `${kind(one)} ${one}`).join(', ') }
}

async function records(asked: Promise<string[]>): Promise<Records> {
  try {
    return await asked
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    // The name is there without such a record, or is not there at all.
    return code === 'ENODATA' || code === 'ENOTFOUND' ? [] : { failed: code }
  }
}

/** Two spellings of one address are the same. */
export function sameAddress(one: string, other: string): boolean {
  return canonical(one) === canonical(other)
}

function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address
}
