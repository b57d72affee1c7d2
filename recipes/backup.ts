/**
 * A dump of every PostgreSQL database each night, the old ones thrown away.
 */
import { aptPackage, cronJob, directory, file, type Handle } from '#keelson'

export type Backup = {
  databases: readonly string[]
  /** Days a dump is kept. @default 14 */
  keepDays?: number
  /** Minute and hour, in the host's time zone. @default '30 3' */
  at?: string
  after?: readonly Handle[]
}

/**
 * Dumps go to /var/backups/postgresql, one folder a night; a night that fails leaves no folder and speaks in the journal.
 *
 * @example nightlyBackup({ databases: ['shop'], keepDays: 30 })
 */
export function nightlyBackup({ databases, keepDays = 14, at = '30 3', after = [] }: Backup): { job: Handle } {
  const cron = aptPackage({ name: 'cron' })
  const folder = directory({
    path: '/var/backups/postgresql',
    owner: 'postgres',
    group: 'postgres',
    mode: '0700',
    after,
  })
  const script = file({
    path: '/usr/local/sbin/backup-postgresql',
    mode: '0755',
    content: SCRIPT.replace('@DATABASES@', databases.map((name) => `'${name}'`).join(' ')).replace(
      '@DAYS@',
      String(keepDays),
    ),
  })
  const job = cronJob({
    name: 'backup-postgresql',
    user: 'postgres',
    schedule: `${at} * * *`,
    command: '/usr/local/sbin/backup-postgresql 2>&1 | logger -t backup-postgresql',
    leaves: { folder: '/var/backups/postgresql', hours: 26 },
    after: [cron, folder, script],
  })
  return { job }
}

/** A dump counts once its table of contents can be read and the whole night is in place under its final name. */
const SCRIPT = `#!/bin/sh
# Dumps each database and the roles to /var/backups/postgresql/DATE. Runs as postgres.
set -eu
umask 077
cd /var/backups/postgresql
night=$(date +%Y-%m-%dT%H%M%S)
trap 'rm -rf "./.$night"' EXIT
mkdir "./.$night"
pg_dumpall --globals-only --file="./.$night/globals.sql"
for database in @DATABASES@; do
  pg_dump --format=custom --file="./.$night/$database.dump" "$database"
  pg_restore --list "./.$night/$database.dump" > /dev/null
done
sync "./.$night"/*
mv "./.$night" "./$night"
find . -mindepth 1 -maxdepth 1 -type d -name '2*' -mtime +@DAYS@ -exec rm -rf {} +
echo "backup $night: $(du -sh "./$night" | cut -f1)"
`
