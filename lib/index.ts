/**
 * The front door: every name a recipe imports.
 */
import { resource } from './dsl/declare.ts'
import { aptPackage as aptPackageType } from './resources/aptPackage.ts'
import { command as commandType } from './resources/command.ts'
import { directory as directoryType } from './resources/directory.ts'
import { dropIn as dropInType } from './resources/dropIn.ts'
import { edit as editType } from './resources/edit.ts'
import { file as fileType } from './resources/file.ts'
import { service as serviceType } from './resources/service.ts'
import { symlink as symlinkType } from './resources/symlink.ts'
import { timer as timerType } from './resources/timer.ts'
import { unit as unitType } from './resources/unit.ts'

export { conf } from './dsl/conf.ts'
export { inventory } from './dsl/inventory.ts'
export { secret } from './dsl/secret.ts'
export type { Common, Handle } from './dsl/declare.ts'
export type { Host } from './dsl/inventory.ts'

export const aptPackage = resource(aptPackageType)
export const command = resource(commandType)
export const directory = resource(directoryType)
export const dropIn = resource(dropInType)
export const edit = resource(editType)
export const file = resource(fileType)
export const service = resource(serviceType)
export const symlink = resource(symlinkType)
export const timer = resource(timerType)
export const unit = resource(unitType)
