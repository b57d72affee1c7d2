/**
 * PostgreSQL tuned from the server's size, with its databases and the roles that use them; loopback only.
 */
import {
  aptPackage,
  directory,
  file,
  type Handle,
  type Host,
  postgresDatabase,
  postgresRole,
  postgresSetting,
  secret,
  service,
} from '#keelson'

export type Postgresql = {
  /** Memory for PostgreSQL in MiB: half of a server that does everything, all of one that does nothing else. */
  memoryMiB: number
  cpus: number
  /** @default 100 */
  maxConnections?: number
  /** By name; each owner is a role that logs in with the secret `postgres-OWNER`. */
  databases: { readonly [name: string]: { owner: string } }
}

export type PostgresqlHandles = {
  server: Handle
  /** Everything an application needs before it can connect, by database. */
  databases: { readonly [name: string]: readonly Handle[] }
}

export function postgresqlVersion({ os }: Pick<Host, 'os'>): 15 | 17 {
  return os === 'debian-12' ? 15 : 17
}

/**
 * PostgreSQL of the release, tuned to its memory, with databases and the roles that own them.
 *
 * @example postgresql(host, { memoryMiB: 2048, cpus: 2, databases: { shop: { owner: 'shop' } } })
 */
export function postgresql(
  host: Host,
  { memoryMiB, cpus, maxConnections = 100, databases }: Postgresql,
): PostgresqlHandles {
  const version = postgresqlVersion(host)
  // Clusters are made when the package is installed, without checksums unless told so before.
  const folder = directory({ path: '/etc/postgresql-common' })
  const creation = directory({ path: '/etc/postgresql-common/createcluster.d', after: folder })
  const checksums = file({
    path: '/etc/postgresql-common/createcluster.d/10-keelson.conf',
    content: "initdb_options = '--data-checksums'\n",
    after: creation,
  })
  const packages = aptPackage({ name: 'postgresql', after: checksums })
  const server = service({
    name: `postgresql@${version}-main`,
    running: true,
    listens: ['127.0.0.1:5432'],
    after: packages,
  })
  for (const [name, value] of Object.entries(tuning(memoryMiB, cpus, maxConnections)))
    postgresSetting({ name, value, after: server })
  return {
    server,
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, { owner }]) => [name, database(name, owner, server)]),
    ),
  }
}

function database(name: string, owner: string, server: Handle): Handle[] {
  const role = postgresRole({ name: owner, login: true, password: secret(`postgres-${owner}`), after: server })
  return [role, postgresDatabase({ name, owner, publicConnect: false, after: role })]
}

/** After pgtune's figures for a web application on SSDs. */
function tuning(memoryMiB: number, cpus: number, maxConnections: number): { [name: string]: string | number } {
  const shared = Math.floor(memoryMiB / 4)
  const work = Math.max(4, Math.floor((memoryMiB - shared) / ((maxConnections + cpus) * 3)))
  const parallel: { [name: string]: number } =
    cpus < 4
      ? {}
      : {
          max_worker_processes: cpus,
          max_parallel_workers: cpus,
          max_parallel_workers_per_gather: Math.min(4, Math.ceil(cpus / 2)),
          max_parallel_maintenance_workers: Math.min(4, Math.ceil(cpus / 2)),
        }
  return {
    listen_addresses: 'localhost',
    max_connections: maxConnections,
    shared_buffers: `${shared}MB`,
    effective_cache_size: `${Math.floor((memoryMiB * 3) / 4)}MB`,
    maintenance_work_mem: `${Math.min(Math.floor(memoryMiB / 16), 2048)}MB`,
    work_mem: `${work}MB`,
    min_wal_size: '1GB',
    max_wal_size: '4GB',
    checkpoint_completion_target: 0.9,
    random_page_cost: 1.1,
    effective_io_concurrency: 200,
    wal_compression: 'lz4',
    jit: 'off',
    track_io_timing: 'on',
    log_min_duration_statement: '500ms',
    log_lock_waits: 'on',
    idle_in_transaction_session_timeout: '5min',
    password_encryption: 'scram-sha-256',
    ...parallel,
  }
}
