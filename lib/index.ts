/**
 * The front door: every name a recipe imports.
 */
import { loadCompiled } from './cli/compiled.ts'
import type * as Door from './door.ts'

export type { Common, Handle } from './dsl/declare.ts'
export type { Host } from './dsl/inventory.ts'
export type { ResourceType } from './engine/resource.ts'
export type { TextValue } from './engine/value.ts'

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
