/** Preloaded into a process, tells at its end of which packages files were loaded. */
import { createRequire, register } from 'node:module'
import { writeSync } from 'node:fs'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'

const PACKAGE = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//
const urls = new Set()
const { port1, port2 } = new MessageChannel()
port1.unref()
const hooks = `
let port
export async function initialize(data) { port = data.port }
export async function load(url, context, next) { port.postMessage(url); return next(url, context) }`
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: { port: port2 }, transferList: [port2] })

process.on('exit', () => {
  // Read here and not as they come: the last may come after the last turn of the event loop.
  for (let told = receiveMessageOnPort(port1); told !== undefined; told = receiveMessageOnPort(port1))
    urls.add(told.message)
  const { cache } = createRequire(import.meta.url)
  const packages = [...urls, ...Object.keys(cache)].flatMap((url) => PACKAGE.exec(url)?.[1] ?? [])
  // One small write: a pipe that is full takes no more at once.
  writeSync(1, `LOADED ${[...new Set(packages)].join(' ')}\n`)
})
