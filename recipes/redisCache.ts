/**
 * Redis as a cache on this machine: bounded memory, nothing on disk, loopback only.
 */
import { aptPackage, type Handle, redisSetting, service } from '../lib/index.ts'

export type RedisCache = {
  /** MiB; the least recently used keys go when it is full. */
  memoryMiB: number
}

export function redisCache({ memoryMiB }: RedisCache): { redis: Handle; url: string } {
  const server = aptPackage({ name: 'redis-server' })
  const running = service({
    name: 'redis-server',
    enabled: true,
    running: true,
    listens: ['127.0.0.1:6379'],
    after: server,
  })
  const settings = {
    bind: '127.0.0.1 -::1',
    'protected-mode': 'yes',
    maxmemory: `${memoryMiB}mb`,
    'maxmemory-policy': 'allkeys-lru',
    'lazyfree-lazy-eviction': 'yes',
    save: '',
    appendonly: 'no',
  }
  for (const [name, value] of Object.entries(settings)) redisSetting({ name, value, after: running })
  return { redis: running, url: 'redis://127.0.0.1:6379/0' }
}
