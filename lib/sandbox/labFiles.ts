/**
 * What the lab has on its disk: the configuration of its services, of Debian's packages all of them.
 */
import type { NewFile } from './identity.ts'

export const LAB_PACKAGES = ['bind9', 'bind9-dnsutils', 'curl', 'nginx', 'openssl', 'pebble', 'python3']

/** Public names that the lab stands in for, by what listens behind its Nginx. */
const STANDS_FOR = {
  acme: ['acme-v02.api.letsencrypt.org', 'acme-staging-v02.api.letsencrypt.org'],
  hetzner: ['api.hetzner.cloud'],
}
const FOLDER = '/etc/keelson-lab'
export const LAB_CA = `${FOLDER}/ca.pem`
/** Pebble's own interface, which has the root of the certificates that it issues. */
export const PEBBLE_ROOT = 'https://127.0.0.1:15000/roots/0'
export const PUBLIC_NAMES = Object.values(STANDS_FOR).flat()

/** @param forwarders Name servers that know everything the lab does not stand in for. */
export function labFiles(forwarders: readonly string[], believesAll: boolean): ReadonlyMap<string, NewFile> {
  return new Map(
    Object.entries({
      '/etc/bind/named.conf': named(forwarders),
      '/etc/nginx/sites-enabled/default': NGINX,
      [`${FOLDER}/pebble.json`]: PEBBLE,
      [`${FOLDER}/make-ca`]: MAKE_CA,
      [`${FOLDER}/hetzner.py`]: HETZNER,
      '/etc/systemd/system/lab-ca.service': unit(
        'The certificate authority of the lab',
        `Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh ${FOLDER}/make-ca`,
      ),
      '/etc/systemd/system/pebble.service': unit(
        'ACME server',
        // Without the pauses and refusals that Pebble makes at random by default.
        `Environment=PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0${believesAll ? ' PEBBLE_VA_ALWAYS_VALID=1' : ''}
ExecStart=/usr/bin/pebble -config ${FOLDER}/pebble.json -dnsserver 127.0.0.1:53`,
      ),
      '/etc/systemd/system/hetzner.service': unit(
        'The DNS part of the Hetzner Cloud API',
        `ExecStart=/usr/bin/python3 ${FOLDER}/hetzner.py`,
      ),
      '/etc/systemd/system/nginx.service.d/lab.conf': '[Unit]\nRequires=lab-ca.service\nAfter=lab-ca.service\n',
    }).map(([path, content]) => [path, { content }]),
  )
}

/** Enabled before the first boot. */
export const LAB_UNITS = ['lab-ca.service', 'pebble.service', 'hetzner.service']

function unit(description: string, service: string): string {
  return `[Unit]
Description=${description}
After=lab-ca.service
[Service]
${service}
[Install]
WantedBy=multi-user.target
`
}

/** A resolver for the hosts, and authoritative for the zones that are added while it runs. */
function named(forwarders: readonly string[]): string {
  return `options {
  directory "/var/cache/bind";
  allow-new-zones yes;
  allow-query { any; };
  allow-recursion { any; };
  forwarders { ${forwarders.map((address) => `${address};`).join(' ')} };
  forward only;
  dnssec-validation no;
  max-cache-ttl 1;
  max-ncache-ttl 1;
};
`
}

const PEBBLE = `${JSON.stringify({
  pebble: {
    listenAddress: '127.0.0.1:14000',
    managementListenAddress: '127.0.0.1:15000',
    certificate: `${FOLDER}/server.pem`,
    privateKey: `${FOLDER}/server.key`,
    httpPort: 80,
    tlsPort: 443,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  },
})}\n`

const MAKE_CA = `set -eu
cd ${FOLDER}
[ ! -e server.pem ] || exit 0
umask 077
new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@"; }
new -x509 -days 3650 -subj '/CN=Keelson lab' -keyout ca.key -out ca.pem
new -subj '/CN=lab' -keyout server.key -out server.csr
echo 'subjectAltName=${['localhost', ...PUBLIC_NAMES].map((name) => `DNS:${name}`).join(',')}' > names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 3650 -extfile names -out server.new
mv server.new server.pem
`

const server = (names: readonly string[], locations: string): string => `server {
  listen 443 ssl;
  server_name ${names.join(' ')};
  ssl_certificate ${FOLDER}/server.pem;
  ssl_certificate_key ${FOLDER}/server.key;
  proxy_set_header Host $host;
${locations}}
`

/** Pebble serves its directory at /dir, and makes its links from the Host header. */
const NGINX = `${server(
  STANDS_FOR.acme,
  `  location = /directory { rewrite ^ /dir break; proxy_pass https://127.0.0.1:14000; }
  location / { proxy_pass https://127.0.0.1:14000; }
`,
)}${server(STANDS_FOR.hetzner, '  location / { proxy_pass http://127.0.0.1:8080; }\n')}`

/**
 * Zones of the Hetzner Cloud API: adds and removes records of a name, as the documentation has it. Its actions have
 * ended when it answers. Any token will do.
 */
const HETZNER = `import json, re, subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = re.compile(r'^/v1/zones/([a-z0-9.-]+)/rrsets/([A-Za-z0-9._*@-]+)/([A-Z]+)/actions/(add|remove)_records$')
VALUE = re.compile(r'^"[A-Za-z0-9_-]{1,255}"$')


class Api(BaseHTTPRequestHandler):
    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, code, message):
        self.answer(status, {'error': {'code': code, 'message': message}})

    def allowed(self):
        return re.match(r'^Bearer \\S+$', self.headers.get('Authorization', ''))

    def do_GET(self):
        if not self.allowed():
            return self.refuse(401, 'unauthorized', 'unable to authenticate')
        self.answer(200, {'action': {'id': 1, 'status': 'success', 'progress': 100}})

    def do_POST(self):
        if not self.allowed():
            return self.refuse(401, 'unauthorized', 'unable to authenticate')
        found = PATH.match(self.path)
        try:
            body = json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))))
            values = [record['value'] for record in body['records']]
        except (ValueError, KeyError, TypeError):
            return self.refuse(422, 'invalid_input', 'invalid input')
        if found is None or not all(VALUE.match(value) for value in values):
            return self.refuse(422, 'invalid_input', 'invalid input')
        zone, name, kind, verb = found.groups()
        full = zone if name == '@' else f'{name}.{zone}'
        ttl = int(body.get('ttl') or 60)
        lines = [f'update add {full}. {ttl} {kind} {value}' if verb == 'add' else f'update delete {full}. {kind} {value}' for value in values]
        done = subprocess.run(['nsupdate'], input='\\n'.join(['server 127.0.0.1', f'zone {zone}.', *lines, 'send', '']), text=True, capture_output=True)
        if done.returncode != 0:
            return self.refuse(404, 'not_found', 'zone not found')
        self.answer(201, {'action': {'id': 1, 'status': 'success', 'progress': 100}})


ThreadingHTTPServer(('127.0.0.1', 8080), Api).serve_forever()
`
