/**
 * Tries from this machine what resources promise to those outside, over IPv4 and IPv6.
 */
import { markedPath, type Finding, type Probe } from '../../kit/verify.ts'
import { ask, type Asked, knock, type Served } from './knock.ts'

/** An address under which the host is reached. */
export type Way = { family: 'IPv4' | 'IPv6'; address: string }

/** A certificate that was served, and what it was served for. */
export type ServedFor = { family: Way['family']; probe: Extract<Probe, { probe: 'https' }>; served: Served }

export type Outside = { findings: Finding[]; served: ServedFor[] }

type Tried = { family: Way['family']; problem?: string; said: string; isNoRoute?: boolean }
type Words = { check: string; about: string; next: string }

/**
 * @param mark The path that holds it is asked for after `/`, to be found in the host's log.
 * @param ca Authorities in PEM that are trusted in place of those that Node brings.
 */
export async function tryOutside(
  probes: readonly Probe[],
  ways: readonly Way[],
  mark: string,
  ca?: string,
): Promise<Outside> {
  const served: ServedFor[] = []
  const more = ca === undefined ? {} : { ca }
  const findings = await Promise.all(
    probes.map(async (probe): Promise<Finding[]> => {
      // What is not tried here is looked up, or judged by what the host says.
      switch (probe.probe) {
        case 'redirect':
          return [await redirects(probe, ways)]
        case 'http':
          return [await answers(probe, ways)]
        case 'https':
          return [await answersTls(probe, ways, { mark, ...more }, (one) => served.push(one))]
        case 'unknown':
          return [await refuses(probe, ways, mark)]
        case 'closed':
          return [await isClosed(probe, ways)]
        case 'none':
          return [{ check: probe.check, about: probe.about, state: 'unchecked', said: probe.because }]
        default:
          return []
      }
    }),
  )
  return { findings: findings.flat(), served }
}

/**
 * One attempt for each way, judged together. One after the other: the names are tried at the same time, and an
 * application should not meet all of it at once.
 */
async function over(ways: readonly Way[], words: Words, attempt: (way: Way) => Promise<Tried>): Promise<Finding> {
  const tried: Tried[] = []
  for (const way of ways) tried.push(await attempt(way))
  return together(words, tried)
}

/** Pure. A family that this machine cannot reach is left out, and never counts as passed. */
export function together({ check, about, next }: Words, tried: readonly Tried[]): Finding {
  const reached = tried.filter(({ isNoRoute }) => isNoRoute !== true)
  const wrong = reached.filter(({ problem }) => problem !== undefined)
  const families = (some: readonly Tried[]): string => some.map(({ family }) => family).join(' and ')
  if (reached.length === 0) {
    const said = tried.length === 0 ? 'no address of the host is known' : `this machine has no ${families(tried)}`
    return { check, about, state: 'unchecked', said }
  }
  if (wrong.length > 0) {
    const same = wrong.every(({ problem }) => problem === wrong[0]!.problem)
    const said = same
      ? `${wrong[0]!.problem} over ${families(wrong)}`
      : wrong.map(({ family, problem }) => `${problem} over ${family}`).join('; ')
    return { check, about, state: 'wrong', said, next }
  }
  const left = tried.length === reached.length ? '' : `; not over ${families(tried.filter((one) => one.isNoRoute))}`
  return { check, about, state: 'ok', said: `${reached[0]!.said} over ${families(reached)}${left}` }
}

function redirects({ name, port }: Extract<Probe, { probe: 'redirect' }>, ways: readonly Way[]): Promise<Finding> {
  const words = { check: 'redirect', about: name, next: 'look at its vhost, converge, and look whether nginx runs' }
  return over(ways, words, async (way) => {
    const asked = await ask({ address: way.address, port, name, tls: false }, ['/'])
    const [answer] = asked.answers
    const leads = answer !== undefined && [301, 302, 307, 308].includes(answer.status)
    const isRight = leads && isHttpsOf(answer.location, name)
    const said = answer === undefined ? failed(asked) : `${answer.status}${leads ? ` to ${answer.location}` : ''}`
    return outcome(way, asked, said, isRight ? undefined : answer ? `${said} in place of a redirect to https` : said)
  })
}

/** By its parts: `https://shop.example.evil.example/` begins as the address of shop.example does. */
function isHttpsOf(location: string, name: string): boolean {
  if (!URL.canParse(location)) return false
  const { protocol, hostname } = new URL(location)
  return protocol === 'https:' && hostname === name
}

function answers({ name, port }: Extract<Probe, { probe: 'http' }>, ways: readonly Way[]): Promise<Finding> {
  const words = { check: 'http', about: name, next: 'look at its vhost and at what stands behind it' }
  return over(ways, words, async (way) => {
    const asked = await ask({ address: way.address, port, name, tls: false }, ['/'])
    return outcome(way, asked, statusOf(asked), problemOf(asked))
  })
}

function answersTls(
  probe: Extract<Probe, { probe: 'https' }>,
  ways: readonly Way[],
  { mark, ca }: { mark: string; ca?: string },
  seen: (served: ServedFor) => void,
): Promise<Finding> {
  const { name, port } = probe
  const words = { check: 'https', about: name, next: 'look at its vhost and at what stands behind it' }
  return over(ways, words, async (way) => {
    const aim = { address: way.address, port, name, tls: true, ...(ca === undefined ? {} : { ca }) }
    const asked = await ask(aim, ['/', markedPath(mark)])
    if (asked.served !== undefined) seen({ family: way.family, probe, served: asked.served })
    return outcome(way, asked, statusOf(asked), problemOf(asked))
  })
}

/** A name below .invalid, which nobody can have (RFC 6761). */
function refuses(
  { port, tls }: Extract<Probe, { probe: 'unknown' }>,
  ways: readonly Way[],
  mark: string,
): Promise<Finding> {
  const name = `${mark.slice(-12)}.invalid`
  const next = 'look at the vhost for unknown names (defaultServer, refuse), and converge'
  return over(ways, { check: 'unknown names', about: `port ${port}`, next }, async (way) => {
    const asked = await ask({ address: way.address, port, name, tls }, ['/'])
    const [answer] = asked.answers
    const got = answer === undefined ? asked.served && 'a certificate is served' : `it answers ${answer.status}`
    return outcome(way, asked, 'refused', got && `${got} to a name that nobody declared`)
  })
}

function isClosed({ port }: Extract<Probe, { probe: 'closed' }>, ways: readonly Way[]): Promise<Finding> {
  const next = 'look at ufw status for a rule that lets others in, and converge'
  const words = { check: 'closed port', about: `${port}/tcp`, next }
  // A dropped packet is waited for in vain: over both families at the same time.
  return Promise.all(ways.map((way) => knocked(way, port))).then((tried) => together(words, tried))
}

async function knocked({ family, address }: Way, port: number): Promise<Tried> {
  const became = await knock(address, port)
  if (became === 'noRoute') return { family, said: '', isNoRoute: true }
  return { family, said: became, ...(became === 'open' ? { problem: 'anyone can connect' } : {}) }
}

function outcome({ family }: Way, { isNoRoute }: Asked, what: string, problem: string | undefined): Tried {
  return {
    family,
    said: what,
    ...(problem === undefined ? {} : { problem }),
    ...(isNoRoute === true ? { isNoRoute } : {}),
  }
}

function failed({ failed: why = 'no answer' }: Asked): string {
  return why
}

function statusOf(asked: Asked): string {
  return asked.answers[0] === undefined ? failed(asked) : String(asked.answers[0].status)
}

/** A server that answers at all is up; an answer from 500 on comes in place of that of the application. */
function problemOf(asked: Asked): string | undefined {
  const [answer] = asked.answers
  if (answer === undefined) return failed(asked)
  return answer.status >= 500 ? `${answer.status}` : undefined
}
