/**
 * Certificates. For now self-signed ones, so that everything else is as it will be; the recipe that asks a certificate
 * authority returns the same paths and takes this one's place.
 */
import { aptPackage, command, directory, type Handle } from '#keelson'

export type Certificate = { certificate: string; key: string; made: Handle }

/**
 * One self-signed certificate for several names, good for 90 days and made anew when a week is left or a name is
 * missing. It stands outside /etc/letsencrypt, which is certbot's.
 *
 * @example selfSigned('shop', ['shop.example', '*.shop.example'])
 */
export function selfSigned(name: string, names: readonly string[]): Certificate {
  const openssl = aptPackage({ name: 'openssl' })
  const folder = directory({ path: `/etc/ssl/${name}`, mode: '0700' })
  const certificate = `/etc/ssl/${name}/fullchain.pem`
  const key = `/etc/ssl/${name}/privkey.pem`
  const alternatives = names.map((each) => `DNS:${each}`)
  const made = command({
    name: `self-signed certificate ${name}`,
    check: `openssl x509 -in ${certificate} -noout -checkend 604800
openssl pkey -in ${key} -noout
have=$(openssl x509 -in ${certificate} -noout -ext subjectAltName | tail -n +2 | tr -d ' \\n')
[ "$have" = '${alternatives.join(',')}' ]`,
    apply: `umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=${names[0]}' \\
  -addext 'subjectAltName=${alternatives.join(',')}' -keyout ${key}.new -out ${certificate}.new
sync ${key}.new ${certificate}.new
mv ${key}.new ${key}
mv ${certificate}.new ${certificate}`,
    after: [openssl, folder],
  })
  return { certificate, key, made }
}
