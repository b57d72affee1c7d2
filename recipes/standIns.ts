/**
 * Two small programs in the place of the real applications, until those are deployed: each answers with its name, the
 * Host it was asked for, and one round trip each to PostgreSQL and Redis.
 */
import { aptPackage, conf, type Handle, secret } from '#keelson'
import { webApp } from './webApp.ts'

export type StandIn = {
  port: number
  /** Database and its owner, whose password is the secret `postgres-OWNER`. */
  database: { name: string; owner: string }
  redisUrl: string
  after: readonly Handle[]
}

/**
 * In the place of Next.js.
 *
 * @example webStandIn({ port: 3000, database: { name: 'shop', owner: 'shop' }, redisUrl: 'redis://127.0.0.1', after: [] })
 */
export function webStandIn({ port, database, redisUrl, after }: StandIn): { service: Handle; port: number } {
  const packages = ['nodejs', 'node-pg', 'node-redis'].map((name) => aptPackage({ name }))
  return webApp('web', {
    port,
    run: ['/usr/bin/node', '/srv/web/web.cjs'],
    files: { 'web.cjs': new URL('./stand-ins/web.cjs', import.meta.url) },
    environment: { ...connections(database, redisUrl), NODE_PATH: '/usr/share/nodejs' },
    after: [...packages, ...after],
  })
}

/**
 * In the place of FastAPI's application.
 *
 * @example apiStandIn({ port: 8000, database: { name: 'shop', owner: 'shop' }, redisUrl: 'redis://127.0.0.1', after: [] })
 */
export function apiStandIn({ port, database, redisUrl, after }: StandIn): { service: Handle; port: number } {
  const packages = ['python3-fastapi', 'uvicorn', 'python3-asyncpg', 'python3-redis'].map((name) =>
    aptPackage({ name }),
  )
  return webApp('api', {
    port,
    run: [
      '/usr/bin/uvicorn',
      'api:app',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--no-server-header',
      '--timeout-keep-alive',
      '65',
    ],
    files: { 'api.py': new URL('./stand-ins/api.py', import.meta.url) },
    environment: { ...connections(database, redisUrl), PYTHONDONTWRITEBYTECODE: '1' },
    after: [...packages, ...after],
  })
}

function connections({ name, owner }: StandIn['database'], redisUrl: string) {
  return {
    DATABASE_URL: conf`postgresql://${owner}:${secret(`postgres-${owner}`)}@127.0.0.1:5432/${name}`,
    REDIS_URL: redisUrl,
  }
}
