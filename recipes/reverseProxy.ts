/**
 * Nginx in front of everything: one vhost for each group of names, unknown names refused on 80 and 443.
 */
import { aptPackage, directory, type Handle, type Host, nginxSnippet, nginxVhost, service } from '#keelson'
import type { Certificate } from './tls.ts'

export type ProxySite = {
  /** Name of the vhost. */
  name: string
  /** Exact names, `*.example.com`, or a regular expression after `~`. */
  serverNames: readonly string[]
  /** Names that verify tries where one of them is a regular expression. */
  sampleNames?: readonly string[]
  /** Port on this machine that answers. */
  port: number
  /** Passes WebSocket upgrades on. */
  websocket?: boolean
  /** Largest request body. @default '25m' */
  maxBodySize?: string
  /** Longest silence of the application. @default '60s' */
  readTimeout?: string
  /** Requests a second from one address; more are answered with 429. */
  rateLimit?: number
  headers?: { readonly [name: string]: string }
}

export type ReverseProxy = {
  tls: Certificate
  sites: readonly ProxySite[]
  /** Resources that must be up first. */
  after?: readonly Handle[]
}

/**
 * nginx in front of what listens on ports of this machine, over TLS; HTTP is redirected.
 *
 * @example reverseProxy(host, { tls: selfSigned('shop', ['shop.example']), sites: [{ name: 'shop', serverNames: ['shop.example'], port: 3000 }] })
 */
export function reverseProxy(host: Host, { tls, sites, after = [] }: ReverseProxy): { nginx: Handle } {
  const nginx = aptPackage({ name: 'nginx' })
  const main = nginxSnippet({ path: 'nginx.conf', content: NGINX_CONF, after: nginx })
  const challenges = directory({ path: '/var/www/acme', after: nginx })
  const http2 = host.os === 'debian-12' ? 'listen' : 'directive'
  const certificate = { certificate: tls.certificate, key: tls.key }

  // Takes the place of the site that Debian's package ships, which answers to every name.
  const unknown = nginxVhost({
    name: 'default',
    defaultServer: true,
    refuse: true,
    acmeChallenge: '/var/www/acme',
    after: [nginx, main, challenges],
  })
  const vhosts = sites.map(
    ({
      name,
      serverNames,
      sampleNames,
      port,
      websocket = false,
      maxBodySize = '25m',
      readTimeout,
      rateLimit,
      headers,
    }) =>
      nginxVhost({
        name,
        serverNames,
        ...(sampleNames === undefined ? {} : { sampleNames }),
        tls: certificate,
        http2,
        hsts: true,
        headers: { ...SAFE_HEADERS, ...headers },
        maxBodySize,
        acmeChallenge: '/var/www/acme',
        upstreams: [{ name, servers: [`127.0.0.1:${port}`] }],
        ...(rateLimit === undefined ? {} : { rateLimits: [{ name, rate: `${rateLimit}r/s` }] }),
        locations: [
          {
            path: '/',
            proxy: { to: `http://${name}`, websocket, ...(readTimeout === undefined ? {} : { readTimeout }) },
            ...(rateLimit === undefined ? {} : { rateLimit: { zone: name, burst: rateLimit * 2, nodelay: true } }),
          },
        ],
        after: [nginx, main, tls.made, challenges],
      }),
  )
  const running = service({
    name: 'nginx',
    enabled: true,
    running: true,
    reloadOn: ['/etc/nginx', main, unknown, ...vhosts, tls.made],
    listens: [80, 443],
    reloadProof: 'workers',
    logs: ['/var/log/nginx/error.log'],
    after: [nginx, ...after],
  })
  return { nginx: running }
}

const SAFE_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'X-Frame-Options': 'SAMEORIGIN',
}

/** Debian 12 ships TLS 1.0 and 1.1, which an extra file cannot take away again: so the main file is owned whole. */
const NGINX_CONF = `user www-data;
worker_processes auto;
worker_rlimit_nofile 16384;
# Bounds how long old workers hold WebSockets after a reload.
worker_shutdown_timeout 60s;
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;

events {
    worker_connections 4096;
}

http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;

    sendfile on;
    tcp_nopush on;
    server_tokens off;
    types_hash_max_size 2048;
    server_names_hash_bucket_size 128;
    keepalive_timeout 65s;
    client_header_timeout 10s;
    client_body_timeout 30s;
    large_client_header_buffers 4 16k;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    limit_req_status 429;

    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers off;
    ssl_session_cache shared:TLS:10m;
    ssl_session_timeout 1d;

    gzip on;
    gzip_comp_level 5;
    gzip_min_length 1024;
    gzip_vary on;
    gzip_proxied any;
    gzip_types application/javascript application/json application/xml image/svg+xml text/css text/plain;

    log_format json escape=json
        '{"ts":"$time_iso8601","id":"$request_id","host":"$host","ip":"$remote_addr","method":"$request_method",'
        '"uri":"$uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,'
        '"upstream":"$upstream_addr","upstream_status":"$upstream_status","upstream_seconds":"$upstream_response_time"}';
    access_log /var/log/nginx/access.log json;
    error_log /var/log/nginx/error.log warn;

    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
`
