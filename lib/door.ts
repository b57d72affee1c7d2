/**
 * Every name a recipe imports, as index.ts gives them out.
 */
import { absent, forget, resource } from './dsl/declare.ts'
import { aptPackage as aptPackageType } from './resources/aptPackage.ts'
import { authorizedKeys as authorizedKeysType } from './resources/authorizedKeys.ts'
import { command as commandType } from './resources/command.ts'
import { cronJob as cronJobType } from './resources/cronJob.ts'
import { directory as directoryType } from './resources/directory.ts'
import { dropIn as dropInType } from './resources/dropIn.ts'
import { edit as editType } from './resources/edit.ts'
import { file as fileType } from './resources/file.ts'
import { group as groupType } from './resources/group.ts'
import { nginxSnippet as nginxSnippetType } from './resources/nginxSnippet.ts'
import { nginxVhost as nginxVhostType } from './resources/nginxVhost.ts'
import { postgresDatabase as postgresDatabaseType } from './resources/postgres/database.ts'
import { postgresExtension as postgresExtensionType } from './resources/postgres/extension.ts'
import { postgresGrant as postgresGrantType } from './resources/postgres/grant.ts'
import { postgresHba as postgresHbaType } from './resources/postgres/hba.ts'
import { postgresRole as postgresRoleType } from './resources/postgres/role.ts'
import { postgresSetting as postgresSettingType } from './resources/postgres/setting.ts'
import { redisSetting as redisSettingType } from './resources/redisSetting.ts'
import { service as serviceType } from './resources/service.ts'
import { sudoers as sudoersType } from './resources/sudoers.ts'
import { symlink as symlinkType } from './resources/symlink.ts'
import { sysctl as sysctlType } from './resources/sysctl.ts'
import { timer as timerType } from './resources/timer.ts'
import { ufwDefaults as ufwDefaultsType } from './resources/ufwDefaults.ts'
import { ufwRule as ufwRuleType } from './resources/ufwRule.ts'
import { unit as unitType } from './resources/unit.ts'
import { user as userType } from './resources/user.ts'

export { site } from './cli/site.ts'
export { conf } from './dsl/conf.ts'
export { inventory } from './dsl/inventory.ts'
export { secret } from './dsl/secret.ts'
export { absent, forget, resource }

export const aptPackage = resource(aptPackageType)
export const authorizedKeys = resource(authorizedKeysType)
export const command = resource(commandType)
export const cronJob = resource(cronJobType)
export const directory = resource(directoryType)
export const dropIn = resource(dropInType)
export const edit = resource(editType)
export const file = resource(fileType)
export const group = resource(groupType)
export const nginxSnippet = resource(nginxSnippetType)
export const nginxVhost = resource(nginxVhostType)
export const postgresDatabase = resource(postgresDatabaseType)
export const postgresExtension = resource(postgresExtensionType)
export const postgresGrant = resource(postgresGrantType)
export const postgresHba = resource(postgresHbaType)
export const postgresRole = resource(postgresRoleType)
export const postgresSetting = resource(postgresSettingType)
export const redisSetting = resource(redisSettingType)
export const service = resource(serviceType)
export const sudoers = resource(sudoersType)
export const symlink = resource(symlinkType)
export const sysctl = resource(sysctlType)
export const timer = resource(timerType)
export const ufwDefaults = resource(ufwDefaultsType)
export const ufwRule = resource(ufwRuleType)
export const unit = resource(unitType)
export const user = resource(userType)
