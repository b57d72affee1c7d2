/**
 * Every machine: where it is, what it is, what it is for. Growing is one word here: CCX32 → CCX52.
 */
import { inventory as machines } from '#keelson'

export type Data = {
  operator: {
    name: string
    /** Public keys of the people who may log in; put yours here. */
    keys: string[]
  }
}

export const inventory = machines<Data>({
  defaults: {
    user: 'root',
    os: 'debian-13',
    data: { operator: { name: 'ops', keys: [] } },
  },
  hosts: {
    'takeclient-1': { address: '95.216.1.123', server: 'CCX32', backups: true, roles: ['server', 'takeclient'] },
  },
  phases: {
    'one larger server': { takeclient: { server: 'CCX43', backups: true } },
    'applications and database apart': {
      balancer: { server: 'CX23' },
      app: { server: 'CCX23', count: 2 },
      database: { server: 'CCX33', backups: true, volumesGB: [200] },
    },
  },
})
