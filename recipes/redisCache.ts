/**
 * Redis as a cache on this machine: bounded memory, nothing on disk, loopback only.
 */
import { aptPackage, type Handle, redisSetting, service } from '#keelson'

export type RedisCache = {
  /** MiB; the least recently used keys go when it is full. */
  memoryMiB: number
}

/** Redis as a cache on this machine, and its URL: `redisCache({ memoryMiB: 512 })`. */
export function redisCache({ memoryMiB }: RedisCache): { redis: Handle; url: string } {
  const server = aptPackage({ name: 'redis-server' })
  const values = {
    bind: '127.0.0.1 -::1',
    'protected-mode': 'yes',
    maxmemory: `${memoryMiB}mb`,
    'maxmemory-policy': 'allkeys-lru',
    'lazyfree-lazy-eviction': 'yes',
    save: '',
    appendonly: 'no',
  }
  const settings = Object.entries(values).map(([name, value]) => redisSetting({ name, value, after: server }))
  const running = service({
    name: 'redis-server',
    enabled: true,
    running: true,
    listens: ['127.0.0.1:6379'],
    logs: ['/var/log/redis/redis-server.log'],
    // One of them may be why it does not start.
    after: settings,
  })
  return { redis: running, url: 'redis://127.0.0.1:6379/0' }
}
