/**
 * The front door: every name a recipe imports.
 */
import { loadCompiled } from './cli/compiled.ts'
import type * as Door from './door.ts'

export type * from './door.ts'

const door: typeof Door = loadCompiled() ?? (await import('./door.ts'))

export const {
  absent,
  aptPackage,
  authorizedKeys,
  command,
  conf,
  cronJob,
  directory,
  dropIn,
  edit,
  file,
  forget,
  group,
  inventory,
  nginxSnippet,
  nginxVhost,
  postgresDatabase,
  postgresExtension,
  postgresGrant,
  postgresHba,
  postgresRole,
  postgresSetting,
  redisSetting,
  resource,
  secret,
  service,
  site,
  sudoers,
  symlink,
  sysctl,
  timer,
  ufwDefaults,
  ufwRule,
  unit,
  user,
} = door
