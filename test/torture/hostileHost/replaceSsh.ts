/**
 * Puts another module in the place of lib/transport/ssh.ts, so that the whole command line runs over a connection of a
 * test. It has to be called before the command line is loaded.
 */
import { register } from 'node:module'

/** @param module Exports `connectSsh`; what it imports itself is not replaced. */
export function replaceSsh(module: URL): void {
  const hook = `export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  const isSsh = new URL(found.url).pathname.endsWith('/lib/transport/ssh.ts')
  return isSsh && !(context.parentURL ?? '').startsWith(${JSON.stringify(module.href)}) ? { ...found, url: ${JSON.stringify(module.href)} } : found
}`
  register(`data:text/javascript,${encodeURIComponent(hook)}`)
}
