/**
 * The front door: every name a recipe imports.
 */
import { resource } from './dsl/declare.ts'
import { dropIn as dropInType } from './resources/dropIn.ts'
import { service as serviceType } from './resources/service.ts'
import { timer as timerType } from './resources/timer.ts'
import { unit as unitType } from './resources/unit.ts'

export { conf } from './dsl/conf.ts'
export { inventory } from './dsl/inventory.ts'
export { secret } from './dsl/secret.ts'
export type { Common, Handle } from './dsl/declare.ts'
export type { Host } from './dsl/inventory.ts'

export const dropIn = resource(dropInType)
export const service = resource(serviceType)
export const timer = resource(timerType)
export const unit = resource(unitType)
