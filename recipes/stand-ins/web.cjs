/**
 * Stands in for the Next.js application until it is deployed: answers every request with its name, the Host it was
 * asked for, and one round trip each to PostgreSQL and Redis.
 *
 * Environment: PORT, DATABASE_URL, REDIS_URL. CommonJS, because Debian's node-pg and node-redis are.
 */
const { createServer } = require('node:http')
const { Pool } = require('pg')
const { createClient } = require('redis')

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
pool.on('error', (error) => console.error(`postgresql: ${error.message}`))
const redis = createClient({ url: process.env.REDIS_URL })
redis.on('error', (error) => console.error(`redis: ${error.message}`))

async function answer(host) {
  const { rows } = await pool.query('select current_user, current_database()')
  return {
    app: 'web',
    host,
    postgresql: `${rows[0].current_user}@${rows[0].current_database}`,
    redis: await redis.ping(),
  }
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}

const server = createServer((request, response) => {
  if (request.url === '/healthz') return send(response, 200, { app: 'web', ok: true })
  answer(request.headers.host).then(
    (body) => send(response, 200, body),
    (error) => send(response, 503, { app: 'web', error: error.message }),
  )
})
// Longer than the 4 s for which nginx keeps idle connections to us, so that it never reuses one we are closing.
server.keepAliveTimeout = 65_000

redis.connect().then(() => server.listen(Number(process.env.PORT), '127.0.0.1'))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
