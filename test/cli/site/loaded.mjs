/** Preloaded into a process, tells at its end which files of packages were loaded. */
import { createRequire, register } from 'node:module'
import { writeSync } from 'node:fs'
import { MessageChannel } from 'node:worker_threads'

const urls = new Set()
const { port1, port2 } = new MessageChannel()
port1.on('message', (url) => urls.add(url))
port1.unref()
const hooks = `
let port
export async function initialize(data) { port = data.port }
export async function load(url, context, next) { port.postMessage(url); return next(url, context) }`
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: { port: port2 }, transferList: [port2] })

process.on('exit', () => {
  const { cache } = createRequire(import.meta.url)
  for (const url of [...urls, ...Object.keys(cache)]) writeSync(1, `LOADED ${url}\n`)
})
