import { Ajv } from 'ajv'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { differences } from '../../../lib/kit/byField.ts'
import { comparingBy, revealFrom, Secret, Text } from '../../../lib/kit/value.ts'
import { word } from '../../../lib/resources/nginx/syntax.ts'
import { nginxSnippet } from '../../../lib/resources/nginx/nginxSnippet.ts'
import { nginxVhost, type NginxVhost, type NginxVhostState } from '../../../lib/resources/nginx/nginxVhost.ts'

const test = suite('nginx')
const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
const acceptsVhost = ajv.compile(nginxVhost.schema)
const acceptsSnippet = ajv.compile(nginxSnippet.schema)
const secret = { reveal: revealFrom(new Map([['token', 'hunter2']])) }

function desired(props: NginxVhost): NginxVhostState {
  assert.ok(acceptsVhost(JSON.parse(JSON.stringify(props))), JSON.stringify(acceptsVhost.errors))
  assert.equal(nginxVhost.check?.(props), [])
  const state = nginxVhost.desired(props)
  if (state === null) throw new Error('present, and yet no state')
  return state
}

function textOf(props: NginxVhost): string {
  const { content } = desired(props)
  if (typeof content !== 'string') throw new Error('the text holds a secret')
  return content
}

/** One argument as nginx reads it (ngx_conf_read_token): the value, and where it ends. */
function readToken(text: string): { value: string; end: number } {
  if (!text.startsWith('"')) {
    const end = text.search(/[\s;{]/)
    return { value: text.slice(0, end), end }
  }
  let value = ''
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '"') return { value, end: at + 1 }
    const escaped = text[at] === '\\' && /["'\\]/.test(text[at + 1] ?? '')
    value += escaped ? text[++at] : text[at]
  }
  throw new Error('the quote does not end')
}

test('every value without control characters is one argument, and itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      // eslint-disable-next-line no-control-regex -- control characters are refused, see below
      if (/[\u0000-\u001f\u007f]/.test(value)) return
      const text = word(value)
      assert.equal(readToken(`${text};`), { value, end: text.length })
    }),
    { numRuns: 1000 },
  )
})

test('control characters are refused', () => {
  for (const bad of ['a\nb', 'a\0b', 'a\tb', '\u007f']) assert.throws(() => word(bad), 'control character')
})

test('hostile strings are refused wherever nginx would not keep them as they are', () => {
  for (const bad of ['a;b', 'a b', 'a{b', '$host', 'a\nb', '"', '../x', '-x;', '`id`']) {
    assert.not(acceptsVhost({ name: bad, serverNames: ['a.test'] }), `name ${bad}`)
    assert.not(acceptsVhost({ name: 'a', serverNames: [bad] }), `server name ${bad}`)
    assert.not(acceptsVhost({ name: 'a', serverNames: ['a.test'], accessLog: bad }), `log ${bad}`)
    assert.not(
      acceptsVhost({ name: 'a', serverNames: ['a.test'], tls: { certificate: bad, key: '/k' } }),
      `certificate ${bad}`,
    )
    assert.not(acceptsVhost({ name: 'a', serverNames: ['a.test'], maxBodySize: bad }), `size ${bad}`)
    assert.not(
      acceptsVhost({ name: 'a', serverNames: ['a.test'], locations: [{ path: '/', proxy: { to: bad } }] }),
      `proxy ${bad}`,
    )
    assert.not(acceptsVhost({ name: 'a', serverNames: ['a.test'], listen: [bad] }), `listen ${bad}`)
    assert.not(acceptsSnippet({ path: bad, content: '' }), `path ${bad}`)
  }
})

test('a $ without a name, and what is longer than nginx reads, are refused with their place', () => {
  const base = { name: 'a', serverNames: ['a.test'] }
  const mistakes = (value: string): readonly string[] => [
    ...nginxVhost.check!({ ...base, headers: { 'X-A': value } }),
    ...nginxVhost.check!({ ...base, redirects: [{ from: '/a', to: value }] }),
    ...nginxVhost.check!({ ...base, locations: [{ path: '/', return: { code: 200, to: value } }] }),
    ...nginxVhost.check!({ ...base, locations: [{ path: '/', headers: { 'X-A': value } }] }),
    ...nginxVhost.check!({ ...base, locations: [{ path: '/', proxy: { to: 'http://a', headers: { 'X-A': value } } }] }),
  ]
  for (const bad of ['5 $', '$', '$ {x}', 'a$$host', '${}', '${a', '${a-b}', 'é'.repeat(2100), '"'.repeat(2100)])
    assert.is(mistakes(bad).length, 5, bad.slice(0, 10))
  for (const fine of ['$host', '${host}x', '$1', 'é'.repeat(1900)]) assert.equal(mistakes(fine), [], fine.slice(0, 10))
})

test('a path longer than nginx compares is refused', () => {
  const mistakes = (path: string): readonly string[] => [
    ...nginxVhost.check!({ name: 'a', serverNames: ['a.test'], locations: [{ path }] }),
    ...nginxVhost.check!({ name: 'a', serverNames: ['a.test'], redirects: [{ from: path, to: '/b' }] }),
  ]
  assert.equal(mistakes(`/${'a'.repeat(254)}`), [])
  assert.is(mistakes(`/${'é'.repeat(128)}`).length, 2)
})

test('a location with headers of its own repeats those of the vhost', () => {
  const text = textOf({
    name: 'a',
    serverNames: ['a.test'],
    headers: { 'X-A': '1', 'X-B': '2' },
    locations: [{ path: '/', headers: { 'x-b': '3' } }],
  })
  assert.match(text.slice(text.indexOf('location')), 'add_header X-A 1 always;\n        add_header x-b 3 always;')
})

test('a proxied application is told the routed name, and nothing a client may forge', () => {
  const text = textOf({
    name: 'a',
    serverNames: ['a.test'],
    locations: [{ path: '/', proxy: { to: 'http://127.0.0.1:3000' } }],
  })
  for (const line of ['Host $host;', 'X-Forwarded-For $remote_addr;', 'Proxy "";', 'x-middleware-subrequest "";'])
    assert.match(text, `proxy_set_header ${line}`)
})

test('upstream connections are kept for less time than applications keep theirs', () => {
  const text = textOf({ name: 'a', serverNames: ['a.test'], upstreams: [{ name: 'app', servers: ['127.0.0.1:3000'] }] })
  assert.match(text, 'keepalive_timeout 4s;')
})

test('the vhost of unknown names answers nothing on either port', () => {
  const text = textOf({ name: 'default', defaultServer: true, refuse: true })
  assert.is(text.match(/default_server;/g)?.length, 4)
  assert.is(text.match(/return 444;/g)?.length, 2)
  assert.is(text.match(/ssl_reject_handshake on;/g)?.length, 1)
})

test('HTTP/2 is asked for in the form the nginx release knows', () => {
  const tls = { certificate: '/c.pem', key: '/k.pem' }
  assert.match(textOf({ name: 'a', serverNames: ['a.test'], tls, http2: 'listen' }), 'listen 443 ssl http2;')
  assert.match(textOf({ name: 'a', serverNames: ['a.test'], tls, http2: 'directive' }), 'http2 on;')
})

test('each name on each address is claimed, in lower case', () => {
  const props: NginxVhost = { name: 'a', serverNames: ['A.test'] }
  const claims = nginxVhost.claims?.('a', desired(props)) ?? []
  assert.ok(claims.includes('server_name:a.test@80'))
  assert.ok(claims.includes('path:/etc/nginx/sites-enabled/a'))
})

test('a disabled vhost claims no name', () => {
  const claims = nginxVhost.claims?.('a', desired({ name: 'a', serverNames: ['a.test'], enabled: false })) ?? []
  assert.not(claims.some((claim) => claim.startsWith('server_name:')))
})

test('a location that does not fit its match is refused by name', () => {
  const told =
    nginxVhost.check?.({ name: 'a', serverNames: ['a.test'], locations: [{ path: 'x' }, { path: '/$a' }] }) ?? []
  assert.is(told.length, 2)
})

test('a path that no request can have, or that nginx loses, is refused by name', () => {
  const told = (path: string, match: 'prefix' | 'regex' = 'prefix'): string[] =>
    nginxVhost.check!({ name: 'a', serverNames: ['a.test'], locations: [{ path, match }] })
  assert.match(told('/a//b')[0] ?? '', 'no request has the path "/a//b"')
  assert.match(told('/a/../b')[0] ?? '', 'no request has')
  assert.match(told(`/${'é'.repeat(128)}`)[0] ?? '', 'longer than 255 bytes')
  assert.equal([told(`/${'é'.repeat(127)}`), told('/.well-known/'), told('~ //', 'regex')], [[], [], []])
})

const withSecret: NginxVhost = {
  name: 'a',
  serverNames: ['a.test'],
  raw: new Text(['set $t ', new Secret('token'), ';'], []),
}

test('a vhost with a secret is for root alone, and the secret is in the payload only', () => {
  const state = desired(withSecret)
  assert.is(state.mode, '0600')
  const [step] = nginxVhost.steps({ kind: 'create', name: 'a', before: null, after: state, fields: [] }, secret)
  assert.not(`${step?.title} ${step?.run}`.includes('hunter2'))
  assert.match(String(step?.payload?.['file0']), 'set $t hunter2;')
})

test('a vhost with a secret is compared by digest, and shown as secret', () => {
  const state = desired(withSecret)
  const fields = differences(nginxVhost, state, { ...state, content: 'sha256:00' }, comparingBy(secret.reveal))
  assert.equal(fields, [{ field: 'content', form: 'secret' }])
})

test('many changes are one step with one test of the whole tree', () => {
  const after = desired({ name: 'a', serverNames: ['a.test'] })
  const changes = ['a', 'b'].map((name) => ({ kind: 'create' as const, name, before: null, after, fields: [] }))
  assert.is(nginxVhost.batch?.(changes, secret).length, 1)
})

test.run()
