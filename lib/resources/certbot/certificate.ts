/**
 * A certificate of an ACME certificate authority, which certbot(1) asks for and from then on renews by its timer.
 *
 * Read from /etc/letsencrypt/renewal/NAME.conf and from the certificate itself with tar(1); asked for with certbot
 * certonly, removed with certbot delete. How certbot proves that the names are this host's is the challenge: `webroot`
 * is a folder that a web server on port 80 serves; `rfc2136` a file with the key of a name server (the package
 * python3-certbot-dns-rfc2136 documents it); `hook` two programs that add and remove a DNS record.
 */
import { refOf } from '../../kit/ref.ts'
import type { Change, ResourceType, Step } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { entryPath, ensure } from '../../kit/schema.ts'
import { quote, sh } from '../../kit/shell.ts'
import { LIVE, parseLineages, readLineages } from './lineage.ts'
import { CHALLENGES, type CertificateState, type ChallengeState } from './certificateState.ts'

export type Challenge =
  /** An existing folder; certbot puts files below its `.well-known/acme-challenge`. Not for wildcards. */
  | { webroot: string }
  /** Path of certbot's file with the name server and its TSIG key. */
  | { rfc2136: string }
  /** Paths of programs, which find the name in CERTBOT_DOMAIN and the value in CERTBOT_VALIDATION. */
  | { hook: { auth: string; cleanup: string } }

/**
 * @example
 * // The authority's tests: no browser trusts it, and limits are wide.
 * certificate({
 *   name: 'shop',
 *   names: ['shop.example', 'www.shop.example'],
 *   challenge: { webroot: '/var/www/html' },
 *   server: 'staging',
 *   keyType: 'rsa',
 *   email: 'ada@shop.example',
 * })
 */
export type Certificate = {
  /** Of certbot's lineage: the certificate is /etc/letsencrypt/live/NAME/fullchain.pem. */
  name: string
  /** DNS names; `*.shop.example` needs a DNS challenge. */
  names: readonly string[]
  /** How the authority sees that the names are this host's: by a file on port 80, or by a record of DNS. */
  challenge: Challenge
  /** `'production'` and `'staging'` are Let's Encrypt's; or the address of another authority. @default 'production' */
  server?: string
  /** Kind of its key. @default 'ecdsa' */
  keyType?: 'ecdsa' | 'rsa'
  /** For the account, when it is made. @default none */
  email?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

const SERVERS: { readonly [name: string]: string } = {
  production: 'https://acme-v02.api.letsencrypt.org/directory',
  staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
}
/** Certbot passes hooks to a shell, and keeps lists of paths in a file with a syntax of its own. */
const plainPath = { ...entryPath, pattern: '^(/(?!\\.{1,2}(/|$))[A-Za-z0-9._-]{1,255})+$' } as const
/** Seconds after a refused attempt in which the same is not asked again: authorities limit failed attempts an hour. */
const PAUSE_S = 3600

export const certificate: ResourceType<Certificate, CertificateState, 'name'> = {
  type: 'certificate',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'names', 'challenge'],
    properties: {
      name: { type: 'string', maxLength: 200, pattern: '^[a-z0-9]([a-z0-9_.-]*[a-z0-9])?$' },
      names: {
        type: 'array',
        minItems: 1,
        maxItems: 100,
        uniqueItems: true,
        items: {
          type: 'string',
          maxLength: 253,
          pattern: '^(\\*\\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$',
        },
      },
      challenge: {
        oneOf: [
          object({ webroot: plainPath }),
          object({ rfc2136: plainPath }),
          object({ hook: object({ auth: plainPath, cleanup: plainPath }) }),
        ],
      },
      server: { type: 'string', maxLength: 500, pattern: '^(production|staging|https://[A-Za-z0-9.:_/-]+)$' },
      keyType: { enum: ['ecdsa', 'rsa'] },
      email: { type: 'string', maxLength: 254, pattern: '^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$' },
      ensure,
    },
  },
  key: ['name'],
  name: (props) => props.name,
  check: ({ names, challenge }) =>
    'webroot' in challenge
      ? names.filter((name) => name.startsWith('*')).map((name) => `${name} needs a DNS challenge: rfc2136 or hook`)
      : [],
  desired: ({ names, challenge, server = 'production', keyType = 'ecdsa', email }) => ({
    names: [...names].sort(),
    server: SERVERS[server] ?? server,
    challenge: stateOf(challenge),
    keyType,
    ...(email === undefined ? {} : { how: { email } }),
  }),
  needs: (_name, { challenge }) => [
    refOf('package', 'certbot'),
    ...(challenge.kind === 'rfc2136' ? [refOf('package', 'python3-certbot-dns-rfc2136')] : []),
    ...(challenge.kind === 'webroot' ? [refOf('directory', challenge.at)] : []),
    ...[challenge.at, challenge.cleanup].flatMap((path) => (path === undefined ? [] : [refOf('file', path)])),
  ],
  // Renewed without Keelson; what makes services load it then is certbot's deploy hook.
  paths: () => [],
  claims: (name) => [`certificate:${name}`],
  state: form.fields({
    names: form.shownAs('list', form.list(form.line())),
    server: form.line(),
    challenge: form.fields<ChallengeState>({
      kind: form.wordOf(CHALLENGES),
      at: form.line(),
      cleanup: form.optional(form.line()),
    }),
    keyType: form.line(),
  }),
  how: form.optional(form.fields<{ email: string }>({ email: form.line() })),
  seen: form.optional(form.fields<{ until: string }>({ until: form.line() })),
  read: {
    command: (entries) => readLineages(entries.map(({ name }) => name)),
    parse: (output, entries) =>
      parseLineages(
        output,
        entries.map(({ name }) => name),
      ),
  },
  verify: { outside: (name) => [{ probe: 'certificate', path: `${LIVE}/${name}/fullchain.pem` }] },
  steps: (change) => [issue(change)],
  remove: ({ name }) => [
    {
      title: `remove the certificate ${name}`,
      run: `${OF_ROOT}\n${sh`certbot delete -n --cert-name ${name} > /dev/null`}`,
    },
  ],
}

/** Certbot runs as root, and follows whatever stands in its folders: nobody else may write there. */
const OF_ROOT = `command -v certbot > /dev/null || fail 'certbot is not installed; declare the package certbot first'
only_roots() {
  odd=$([ "$alone" != yes ] || [ ! -e "$1" ] || find "$1" ! -type l '(' ! -user root -o -perm /022 ')' -print -quit)
  [ "$alone" = yes ] && [ -z "$odd" ] ||
    fail "$here\${odd#.} may be written by others than root, and certbot follows what stands there; chown root and chmod go-w it"
}
at /etc/letsencrypt/x fail only_roots .`

function object(properties: { readonly [name: string]: object }): object {
  return { type: 'object', additionalProperties: false, required: Object.keys(properties), properties }
}

function stateOf(challenge: Challenge): ChallengeState {
  if ('webroot' in challenge) return { kind: 'webroot', at: challenge.webroot }
  if ('rfc2136' in challenge) return { kind: 'rfc2136', at: challenge.rfc2136 }
  return { kind: 'hook', at: challenge.hook.auth, cleanup: challenge.hook.cleanup }
}

/**
 * A refused attempt is noted beside certbot's files, with what was asked: the same is then not asked again for a while.
 */
function issue({ name, after, before }: Extract<Change<CertificateState>, { kind: 'create' | 'change' }>): Step {
  const { names, how } = after
  const asked = ['--cert-name', name, '--server', after.server, '--key-type', after.keyType]
  const words = [
    'certonly',
    '-n',
    '--agree-tos',
    ...asked,
    ...(how === undefined ? ['--register-unsafely-without-email'] : ['--email', how.email]),
    ...challengeWords(after.challenge),
    ...names.flatMap((each) => ['-d', each]),
    // Certbot keeps a certificate that is not due when only the authority or the challenge has changed, and one that
    // browsers trust when the new authority is one for tests.
    ...(before === null ? [] : ['--force-renewal', '--break-my-certs']),
  ]
  return {
    title: `ask for the certificate ${name}`,
    run: `${OF_ROOT}
${after.challenge.kind === 'webroot' ? sh`at ${`${after.challenge.at}/x`} fail only_roots ./.well-known` : ''}
asked=${quote(words.join(' '))} noted=/etc/letsencrypt/keelson-refused-${name}
if [ "$(head -n 1 -- "$noted" 2>/dev/null)" = "$asked" ]; then
  left=$(($(stat -c %Y -- "$noted") + ${PAUSE_S} - $(date +%s)))
  [ "$left" -le 0 ] || [ "$left" -gt ${PAUSE_S} ] || {
    tail -n +2 -- "$noted" >&2
    fail "the authority refused the same $(((${PAUSE_S} - left) / 60)) minutes ago, and limits such attempts; it is asked again in $(((left + 59) / 60)) minutes, or after: rm $noted"
  }
fi
if ${sh`certbot ${words}`} > "$P/said" 2>&1; then
  remove_file "$noted"
  [ -e ${quote(`${LIVE}/${name}/fullchain.pem`)} ] || fail "certbot succeeded, and there is no ${LIVE}/${name}/fullchain.pem"
else
  { printf '%s\\n' "$asked"; grep -v '^Saving debug log' "$P/said"; } > "$P/noted"
  replace_file "$noted" root root 0600 "$P/noted"
  tail -n +2 -- "$P/noted" >&2
  exit 1
fi`,
  }
}

function challengeWords({ kind, at, cleanup = '' }: ChallengeState): string[] {
  if (kind === 'webroot') return ['--webroot', '-w', at]
  if (kind === 'rfc2136') return ['--dns-rfc2136', '--dns-rfc2136-credentials', at]
  return ['--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', at, '--manual-cleanup-hook', cleanup]
}
