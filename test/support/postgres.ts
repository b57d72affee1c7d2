/** PostgreSQL on test hosts, asked by the host's own psql as a witness. */
import { quote } from '../../lib/kit/shell.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { sshOk } from './host.ts'

const INSTALL =
  'export DEBIAN_FRONTEND=noninteractive LC_ALL=C; apt-get update -qq && apt-get install -qq -y --no-install-recommends'

export async function installPostgres(host: SandboxHost): Promise<void> {
  await sshOk(host, `(${INSTALL} postgresql postgresql-contrib) 2>&1`)
}

export async function installRedis(host: SandboxHost): Promise<void> {
  await sshOk(host, `(${INSTALL} redis-server) 2>&1`)
}

/** What one query prints, without the last newline. */
export async function askPostgres(host: SandboxHost, sql: string, database = 'postgres'): Promise<string> {
  const psql = `psql -XAtq -v ON_ERROR_STOP=1 -d ${quote(database)} -c ${quote(sql)}`
  return (await sshOk(host, `cd / && runuser -u postgres -- ${psql}`)).replace(/\n$/, '')
}
