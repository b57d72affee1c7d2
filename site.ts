#!/usr/bin/env -S node --import tsx
/**
 * TakeClient, a CRM on one server: the landing page, the app with a subdomain for each tenant, the admin panel and the
 * API, behind one Nginx, with PostgreSQL and Redis beside them.
 */
import { inventory } from './inventory.ts'
import { site } from '#keelson'
import {
  apiStandIn,
  baseline,
  firewall,
  nightlyBackup,
  postgresql,
  redisCache,
  reverseProxy,
  selfSigned,
  webStandIn,
} from './recipes/index.ts'

const WEB = 3000
const API = 8000
const POSTGRESQL = 5432
const REDIS = 6379
/** One label for a tenant, which is what a wildcard certificate covers. */
const TENANT = '~^(?<tenant>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\\.app\\.takeclient\\.com$'

export default site(inventory, {
  /** What any server has. */
  server(host) {
    baseline(host, { operator: host.data.operator })
    firewall({ allow: [22, 80, 443], deny: [WEB, API, POSTGRESQL, REDIS] })
  },

  /** Everything TakeClient needs, on one machine; half of its memory is PostgreSQL's. */
  takeclient(host) {
    const { cpus, memoryMiB } = host.server
    const { databases } = postgresql(host, {
      memoryMiB: memoryMiB / 2,
      cpus,
      databases: { takeclient: { owner: 'takeclient' } },
    })
    const { redis, url } = redisCache({ memoryMiB: Math.floor(memoryMiB / 8) })
    const behind = {
      database: { name: 'takeclient', owner: 'takeclient' },
      redisUrl: url,
      after: [redis, ...(databases['takeclient'] ?? [])],
    }
    const web = webStandIn({ port: WEB, ...behind })
    const api = apiStandIn({ port: API, ...behind })

    const tls = selfSigned('takeclient', ['takeclient.com', '*.takeclient.com', '*.app.takeclient.com'])
    reverseProxy(host, {
      tls,
      sites: [
        { name: 'landing', serverNames: ['takeclient.com', 'www.takeclient.com'], port: WEB },
        {
          name: 'crm',
          serverNames: ['app.takeclient.com', TENANT],
          sampleNames: ['verify.app.takeclient.com'],
          port: WEB,
          websocket: true,
        },
        { name: 'admin', serverNames: ['administration.takeclient.com'], port: WEB },
        { name: 'api', serverNames: ['api.takeclient.com'], port: API, rateLimit: 100 },
      ],
      after: [web.service, api.service],
    })
    nightlyBackup({ databases: ['takeclient'], after: databases['takeclient'] ?? [] })
  },
})
