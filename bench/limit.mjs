/**
 * The least a Node program can take that knows nothing: one connection, one program that reads what TakeClient is made
 * of, and nothing done with the answer. Plain JavaScript, so that only node itself starts.
 *
 * Usage: node limit.mjs ADDRESS PORT IDENTITY-FILE HOST-KEY
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import ssh2 from 'ssh2'

const [address, port, identityFile, hostKey] = process.argv.slice(2)
const program = readFileSync(new URL('./limit.sh', import.meta.url))
const known = Buffer.from(hostKey.split(' ')[1], 'base64')

const client = new ssh2.Client()
client.on('error', (error) => {
  throw error
})
client.once('ready', () => {
  client.exec('exec sh', (error, channel) => {
    if (error) throw error
    let bytes = 0
    channel.on('data', (chunk) => (bytes += chunk.length))
    channel.stderr.on('data', (chunk) => process.stderr.write(chunk))
    channel.once('exit', (code) => (process.exitCode = code === 0 && bytes > 0 ? 0 : 1))
    channel.once('close', () => client.end())
    channel.end(program)
  })
})
client.connect({
  // ssh2 does not set TCP_NODELAY on a socket of its own.
  sock: connect({ host: address, port: Number(port), noDelay: true }),
  username: 'root',
  privateKey: readFileSync(identityFile),
  algorithms: { serverHostKey: ['ssh-ed25519'] },
  hostVerifier: (shown) => shown.equals(known),
})
