/** The keys to log in with, from files and from the agent, in the order in which they are worth trying. */
import { access, readFile } from 'node:fs/promises'
import type { AnyAuthMethod, ParsedKey } from 'ssh2'
import type ssh2Module from 'ssh2'
import type { Ask } from './connection.ts'
import { keyType } from './hostKey.ts'
import { expandHome } from './sshConfig.ts'

/** The loaded module: ssh2 takes 36 ms to load, so nothing here imports it by itself. */
export type Ssh2 = typeof ssh2Module

/** Where keys may come from. */
export type KeySources = {
  user: string
  /** The one key file to use; other keys, of files or of the agent, are then left alone. */
  identityFile: string | undefined
  identityFiles: string[]
  identitiesOnly: boolean
  agent: string | undefined
}

/** One key to try. */
export type Identity = {
  label: string
  /** Its public half in base64; left out for a file that has it behind a passphrase. */
  publicKey?: string | undefined
  /** What ssh2 needs to try it; may ask for a passphrase. Undefined: it cannot be used, and `notes` says why. */
  open: () => Promise<AnyAuthMethod | undefined>
}

/** Keys to try, and why others are not tried, for the error when none is accepted. */
export type Identities = { keys: Identity[]; notes: string[] }

type KeyFile = { file: string; text: Buffer; publicBlob: Buffer | undefined }

/**
 * Collects the keys: those of the agent that belong to a key file, key files, other keys of the agent, and last the key files
 * that need a passphrase, so that nobody is asked without need.
 */
export async function findIdentities(ssh2: Ssh2, sources: KeySources, ask: Ask): Promise<Identities> {
  const notes: string[] = []
  const files = await readKeyFiles(sources, notes)
  const only = sources.identitiesOnly || sources.identityFile !== undefined
  const agentKeys = await listAgentKeys(ssh2, sources.agent, notes)
  const belongs = (key: ParsedKey): boolean => files.some(({ publicBlob }) => publicBlob?.equals(key.getPublicSSH()))
  const inAgent = ({ publicBlob }: KeyFile): boolean =>
    publicBlob !== undefined && agentKeys.some((key) => key.getPublicSSH().equals(publicBlob))
  const fromAgent = (key: ParsedKey): Identity => agentIdentity(ssh2, sources, key)
  const fromFiles = files
    .filter((file) => !inAgent(file))
    .map((file) => fileIdentity(ssh2, sources.user, file, ask, notes))
  const usable = fromFiles.filter((identity) => identity !== undefined)
  return {
    keys: [
      ...agentKeys.filter(belongs).map(fromAgent),
      ...usable.filter(({ encrypted }) => !encrypted),
      ...(only ? [] : agentKeys.filter((key) => !belongs(key)).map(fromAgent)),
      ...usable.filter(({ encrypted }) => encrypted),
    ],
    notes,
  }
}

async function readKeyFiles({ identityFile, identityFiles }: KeySources, notes: string[]): Promise<KeyFile[]> {
  const paths = identityFile === undefined ? identityFiles : [expandHome(identityFile)]
  const files = await Promise.all(paths.map((file) => readKeyFile(file, notes, identityFile !== undefined)))
  return files.filter((file) => file !== undefined)
}

async function readKeyFile(path: string, notes: string[], named: boolean): Promise<KeyFile | undefined> {
  const file = path.replace(/\.pub$/, '')
  const [text, publicText, certificate] = await Promise.all([
    readFile(file).catch((error: NodeJS.ErrnoException) => error),
    readFile(`${file}.pub`, 'utf8').catch(() => ''),
    access(`${file}-cert.pub`).then(
      () => true,
      () => false,
    ),
  ])
  if (certificate) notes.push(`${file}-cert.pub: certificates are not supported`)
  const publicBlob = publicText === '' ? undefined : Buffer.from(publicText.split(' ')[1] ?? '', 'base64')
  if (!(text instanceof Error)) return { file, text, publicBlob }
  // A public key alone is enough where the agent has the private one. Absent default files are no news.
  if (publicBlob) return { file, text: Buffer.alloc(0), publicBlob }
  if (named || text.code !== 'ENOENT') notes.push(`${file}: ${text.message}`)
  return undefined
}

async function listAgentKeys(ssh2: Ssh2, agent: string | undefined, notes: string[]): Promise<ParsedKey[]> {
  if (agent === undefined) return []
  return new Promise((resolve) => {
    new ssh2.OpenSSHAgent(agent).getIdentities((error, keys) => {
      if (error) notes.push(`agent ${agent}: ${error.message}`)
      resolve((keys ?? []).filter((key) => 'getPublicSSH' in key))
    })
  })
}

/** A key that the agent holds and signs with. */
function agentIdentity(ssh2: Ssh2, { user, agent = '' }: KeySources, key: ParsedKey): Identity {
  const single = new ssh2.OpenSSHAgent(agent)
  // An agent with many keys would use up the host's MaxAuthTries: show it one at a time.
  single.getIdentities = (answer) => answer(undefined, [key])
  return {
    label: `${key.type} of the agent (${key.comment})`,
    publicKey: key.getPublicSSH().toString('base64'),
    open: async () => ({ type: 'agent', username: user, agent: single }),
  }
}

/** A key file; undefined, with a note, when it is of no use here. */
function fileIdentity(
  ssh2: Ssh2,
  user: string,
  { file, text, publicBlob }: KeyFile,
  ask: Ask,
  notes: string[],
): (Identity & { encrypted: boolean }) | undefined {
  const key = text.length === 0 ? new Error('it is not in the agent, and has no private half') : parse(ssh2, text)
  if (publicBlob && keyType(publicBlob).startsWith('sk-')) {
    notes.push(`${file}: keys on FIDO devices are not supported`)
    return undefined
  }
  if (!(key instanceof Error)) {
    const publicKey = key.getPublicSSH().toString('base64')
    return { label: file, publicKey, encrypted: false, open: async () => ({ type: 'publickey', username: user, key }) }
  }
  if (!/encrypted/i.test(key.message)) {
    notes.push(`${file}: ${key.message}`)
    return undefined
  }
  const open = async (): Promise<AnyAuthMethod | undefined> => {
    const decrypted = await decrypt(ssh2, file, text, ask)
    if (!(decrypted instanceof Error)) return { type: 'publickey', username: user, key: decrypted }
    notes.push(`${file}: ${decrypted.message}`)
    return undefined
  }
  return { label: file, publicKey: publicBlob?.toString('base64'), encrypted: true, open }
}

async function decrypt(ssh2: Ssh2, file: string, text: Buffer, ask: Ask): Promise<ParsedKey | Error> {
  const passphrase = await ask.passphrase?.(file)
  if (passphrase === undefined) return new Error('it is encrypted, and nobody could be asked for the passphrase')
  const key = parse(ssh2, text, passphrase)
  return key instanceof Error ? new Error('the passphrase does not open it') : key
}

function parse(ssh2: Ssh2, text: Buffer, passphrase?: string): ParsedKey | Error {
  const key = ssh2.utils.parseKey(text, passphrase)
  if (key instanceof Error || key.isPrivateKey()) return key
  return new Error('it holds no private key')
}
