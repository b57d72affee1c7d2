/**
 * Certificates of Let's Encrypt, by certbot: asked for once, and from then on renewed by certbot's timer, after which
 * the services that use them are reloaded.
 */
import { aptPackage, certificate, conf, directory, file, type Handle, secret, service } from '#keelson'
import type { Certificate } from './tls.ts'

export type Acme = {
  /** Of the certificate, for certbot: /etc/letsencrypt/live/NAME. */
  name: string
  names: readonly string[]
  /**
   * How the authority sees that the names are this server's. `webroot`: a folder that port 80 already serves.
   * `hetznerZone`: the zone at Hetzner that all names are in; the token is the secret `hetzner-dns-token`.
   */
  challenge: { webroot: string } | { hetznerZone: string }
  /** @default 'production' */
  server?: string
  email?: string
  /** Services that load the certificate anew when it was renewed. @default ['nginx'] */
  reloads?: readonly string[]
  after?: Handle | readonly Handle[]
}

/**
 * A certificate, and all that renews it.
 *
 * @example acmeCertificate({ name: 'shop', names: ['shop.example', '*.shop.example'], challenge: { hetznerZone: 'shop.example' } })
 */
export function acmeCertificate({
  name,
  names,
  challenge,
  reloads = ['nginx'],
  after = [],
  ...rest
}: Acme): Certificate {
  const certbot = aptPackage({ name: 'certbot' })
  const hooks = directory({ path: '/etc/letsencrypt/renewal-hooks/deploy', after: certbot })
  file({
    path: `/etc/letsencrypt/renewal-hooks/deploy/reload-${name}`,
    mode: '0755',
    content: deployHook(name, reloads),
    after: hooks,
  })
  service({ name: 'certbot.timer', enabled: true, running: true, after: certbot })
  const made = certificate({
    name,
    names,
    challenge: 'webroot' in challenge ? challenge : { hook: hetznerHook(challenge.hetznerZone, certbot) },
    ...rest,
    after: [certbot, ...[after].flat()],
  })
  const live = `/etc/letsencrypt/live/${name}`
  return { certificate: `${live}/fullchain.pem`, key: `${live}/privkey.pem`, made }
}

/** Run by certbot after a renewal, for each lineage; not when a certificate is asked for the first time. */
function deployHook(name: string, reloads: readonly string[]): string {
  const checks = reloads.includes('nginx') ? '[ ! -x /usr/sbin/nginx ] || nginx -t -q\n' : ''
  return `#!/bin/sh
set -eu
[ "$RENEWED_LINEAGE" = '/etc/letsencrypt/live/${name}' ] || exit 0
${checks}systemctl try-reload-or-restart ${reloads.join(' ')}
`
}

/** Two programs, by their names: one adds the TXT record of a DNS challenge, the other removes it. */
function hetznerHook(zone: string, certbot: Handle): { auth: string; cleanup: string } {
  const tools = [aptPackage({ name: 'curl' }), aptPackage({ name: 'bind9-dnsutils' })]
  const folder = directory({ path: '/etc/letsencrypt/hetzner', mode: '0700', after: certbot })
  const header = file({
    path: '/etc/letsencrypt/hetzner/header',
    mode: '0600',
    content: conf`Authorization: Bearer ${secret('hetzner-dns-token')}\n`,
    after: folder,
  })
  const hook = (verb: 'add' | 'remove'): string => {
    const path = `/etc/letsencrypt/hetzner/${verb}-${zone}`
    file({ path, mode: '0700', content: hetznerProgram(zone, verb), after: [folder, header, ...tools] })
    return path
  }
  return { auth: hook('add'), cleanup: hook('remove') }
}

/** Returns once every name server of the zone has the record, so that the authority sees it whichever it asks. */
function hetznerProgram(zone: string, verb: 'add' | 'remove'): string {
  const wait = `[ "\${CERTBOT_REMAINING_CHALLENGES:-0}" = 0 ] || exit 0
servers=$(dig +short NS ${zone})
[ -n "$servers" ] || { echo 'no name servers of ${zone} are known' >&2; exit 1; }
until=$(($(date +%s) + 300))
for server in $servers; do
  until dig +short +time=5 +tries=1 "@$server" TXT "$name.${zone}" | grep -qF -- "$CERTBOT_VALIDATION"; do
    [ "$(date +%s)" -lt "$until" ] || { echo "$server does not have the record after 5 minutes" >&2; exit 1; }
    sleep 1
  done
done
`
  return `#!/bin/sh
# certbot calls it with CERTBOT_DOMAIN and CERTBOT_VALIDATION. A name may have several records at one time.
set -eu
case $CERTBOT_DOMAIN in
  ${zone}) name=_acme-challenge ;;
  *.${zone}) name=_acme-challenge.\${CERTBOT_DOMAIN%.${zone}} ;;
  *) echo "$CERTBOT_DOMAIN is not in the zone ${zone}" >&2; exit 1 ;;
esac
curl -sS --fail-with-body --max-time 60 -H @/etc/letsencrypt/hetzner/header -H 'Content-Type: application/json' \\
  --data "{\\"ttl\\":60,\\"records\\":[{\\"value\\":\\"\\\\\\"$CERTBOT_VALIDATION\\\\\\"\\"}]}" \\
  "https://api.hetzner.cloud/v1/zones/${zone}/rrsets/$name/TXT/actions/${verb}_records" > /dev/null
${verb === 'add' ? wait : ''}`
}
