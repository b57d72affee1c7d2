/**
 * Random chains whose parts rely on what earlier parts make, and read as in order while that is missing; and what a host
 * shows of them, by its own tools alone.
 */
import { command, directory, edit, file, type Handle, service, unit } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { sshOk } from '../support/host.ts'
import type { Random } from './random.ts'

const KINDS = ['file', 'edit', 'made', 'marker', 'seed', 'replace', 'copy', 'follow', 'meddle', 'service'] as const
type Kind = (typeof KINDS)[number]

export type Node = {
  id: number
  kind: Kind
  /** Earlier ones that it comes after. */
  after: number[]
  /** The one whose output it works on or, for a service, loads. */
  source: number
  /** Whether the second version is another. */
  moves: boolean
  /** Of a service. */
  how: 'restartOn' | 'reloadOn'
  by: 'handle' | 'path'
}

/** What a node may work on. */
const SOURCES: { readonly [kind in Kind]?: readonly Kind[] } = {
  replace: ['seed'],
  copy: ['file', 'edit', 'made', 'seed', 'copy'],
  follow: ['file', 'edit', 'made', 'marker', 'copy'],
  meddle: ['file'],
  service: ['file', 'edit', 'made', 'copy', 'replace'],
}

/** Three to nine nodes, most of them after the one before. */
export function randomNodes(random: Random): Node[] {
  const nodes: Node[] = []
  const count = 3 + random.below(7)
  for (let id = 0; nodes.length < count; id += 1) {
    const kind = random.next() < 0.2 ? 'service' : random.pick(KINDS.slice(0, random.next() < 0.2 ? 9 : 8))
    const sources = nodes.filter((node) => SOURCES[kind]?.includes(node.kind))
    if (SOURCES[kind] !== undefined && sources.length === 0) continue
    const source = sources.length === 0 ? -1 : random.pick(sources).id
    const before = nodes.at(-1)
    const chained = before !== undefined && random.next() < 0.7 ? [before.id] : []
    nodes.push({
      id,
      kind,
      after: [...new Set([...(source < 0 ? [] : [source]), ...chained])],
      source,
      moves: random.next() < 0.6,
      how: random.next() < 0.5 ? 'restartOn' : 'reloadOn',
      by: random.next() < 0.7 ? 'handle' : 'path',
    })
  }
  return nodes
}

const COMMANDS: ReadonlySet<Kind> = new Set(['made', 'marker', 'seed', 'replace', 'copy', 'follow', 'meddle'])
export const isCommand = ({ kind }: Node): boolean => COMMANDS.has(kind)

const folder = (space: string): string => `/srv/${space}`
/** Where a node's output lies. What replaces text does so where it stands. */
const outOf = (space: string, { kind, id, source }: Node): string =>
  `${folder(space)}/${kind === 'replace' ? source : id}`
const unitOf = (space: string, { id }: Node): string => `${space}-${id}.service`

export function refOf(space: string, node: Node): string {
  if (isCommand(node)) return `command:${space} ${node.id}`
  if (node.kind === 'service') return `service:${unitOf(space, node)}`
  return node.kind === 'edit' ? `edit:${outOf(space, node)} k=` : `file:${outOf(space, node)}`
}

/** Path that makes a command fail, or say that it did what it did not. */
export const spoiler = (space: string, { id }: Node, how: 'fails' | 'lies'): string => `/run/${space}.${id}.${how}`

type Texts = { check: string; apply: string }

function textsOf(space: string, node: Node, version: number, nodes: readonly Node[]): Texts {
  const out = outOf(space, node)
  const source = nodes.find(({ id }) => id === node.source)
  const from = source === undefined ? '' : outOf(space, source)
  switch (node.kind) {
    case 'made':
      return { check: `grep -qx ${version} ${out}`, apply: `echo ${version} > ${out}` }
    case 'meddle':
      return { check: `grep -qx ${version} ${out}`, apply: `echo ${version} > ${out}; echo meddled > ${from}` }
    case 'seed':
      return { check: `test -e ${out}`, apply: `echo todo > ${out}` }
    // The others read as in order while what they work on is missing.
    case 'replace':
      return { check: `! cat ${out} 2>/dev/null | grep -q todo`, apply: `sed -i s/todo/done/ ${out}` }
    case 'copy':
      return { check: `[ "$(cat ${from} 2>/dev/null)" = "$(cat ${out} 2>/dev/null)" ]`, apply: `cp ${from} ${out}` }
    case 'follow':
      return { check: `! test -e ${from} || test -e ${out}`, apply: `touch ${out}` }
    default:
      return { check: `test -e ${out}`, apply: `touch ${out}` }
  }
}

/** Declares all of them in one of their two versions. */
export function declareNodes(space: string, nodes: readonly Node[], version: number): void {
  const root = directory({ path: folder(space) })
  const handles = new Map<number, Handle>()
  for (const node of nodes) {
    const after = [root, ...node.after.map((id) => handles.get(id)!)]
    handles.set(node.id, declareNode(space, node, node.moves ? version : 1, { after, handles, nodes }))
  }
}

type Around = { after: Handle[]; handles: ReadonlyMap<number, Handle>; nodes: readonly Node[] }

function declareNode(space: string, node: Node, version: number, { after, handles, nodes }: Around): Handle {
  const path = outOf(space, node)
  if (node.kind === 'file') return file({ path, content: `file ${version}\n`, after })
  if (node.kind === 'edit') return edit({ path, line: `k=${version}`, replaces: 'k=', create: true, after })
  if (node.kind === 'service') return declareService(space, node, { after, handles, nodes })
  const { check, apply } = textsOf(space, node, version, nodes)
  const spoilt = `[ ! -e ${spoiler(space, node, 'fails')} ] || exit 3; [ ! -e ${spoiler(space, node, 'lies')} ] || exit 0`
  return command({ name: `${space} ${node.id}`, check, apply: `${spoilt}; ${apply}`, after })
}

/** It loads its source when it starts and on reload, and counts how often. */
function declareService(space: string, node: Node, { after, handles, nodes }: Around): Handle {
  const name = unitOf(space, node)
  const source = nodes.find(({ id }) => id === node.source)!
  const from = outOf(space, source)
  const load = `/bin/sh -c 'cat ${from} > /run/${name}.loaded; echo >> /run/${name}.loads'`
  const own = unit({
    name,
    service: { ExecStartPre: load, ExecStart: '/bin/sleep infinity', ExecReload: load },
    after,
  })
  const isFile = source.kind === 'file' || source.kind === 'edit'
  const watched = node.by === 'path' && isFile ? from : handles.get(source.id)!
  return service({ name, running: true, settleMs: 0, [node.how]: [watched], after: [own, ...after] })
}

/** What the host shows of each node: whether it is as it should be, and what a service runs as and has loaded. */
export type Seen = { good: ReadonlySet<number>; runs: ReadonlyMap<number, Running> }
export type Running = { invocation: string; loads: number; isLoaded: boolean }

export async function look(host: SandboxHost, space: string, nodes: readonly Node[], version: number): Promise<Seen> {
  const lines = nodes.map(
    (node) => `${wellText(space, node, nodes, node.moves ? version : 1)} && echo "well ${node.id}"`,
  )
  const services = nodes.filter(({ kind }) => kind === 'service').map((node) => runText(space, node, nodes))
  const said = await sshOk(host, `exec 2>/dev/null\n${[...lines, ...services].join('\n')}\n:`)
  const found = said.split('\n').map((line) => line.split(' '))
  return {
    good: new Set(found.flatMap(([word, id]) => (word === 'well' ? [Number(id)] : []))),
    runs: new Map(
      found.flatMap(([word, id, invocation = '', loads, loaded]): [number, Running][] =>
        word === 'runs' ? [[Number(id), { invocation, loads: Number(loads), isLoaded: loaded === 'yes' }]] : [],
      ),
    ),
  }
}

function wellText(space: string, node: Node, nodes: readonly Node[], version: number): string {
  const out = outOf(space, node)
  const source = nodes.find(({ id }) => id === node.source)
  const from = source === undefined ? '' : outOf(space, source)
  switch (node.kind) {
    case 'file':
      return `[ "$(cat ${out})" = 'file ${version}' ]`
    case 'edit':
      return `[ "$(grep ^k= ${out})" = k=${version} ]`
    case 'made':
    case 'meddle':
      return `[ "$(cat ${out})" = ${version} ]`
    case 'replace':
      return `[ -e ${out} ] && ! grep -q todo ${out}`
    case 'copy':
      return `[ -e ${out} ] && cmp -s ${from} ${out}`
    case 'service':
      return `systemctl is-active -q ${unitOf(space, node)}`
    default:
      return `[ -e ${out} ]`
  }
}

function runText(space: string, node: Node, nodes: readonly Node[]): string {
  const name = unitOf(space, node)
  const from = outOf(
    space,
    nodes.find(({ id }) => id === node.source)!,
  )
  return `echo "runs ${node.id} $(systemctl show -P InvocationID ${name} | grep . || echo -) $(wc -l < /run/${name}.loads || echo 0) $(cmp -s ${from} /run/${name}.loaded && echo yes || echo no)"`
}

/** Takes all of a name space away, as nobody else would. */
export async function wipe(host: SandboxHost, space: string, nodes: readonly Node[]): Promise<void> {
  const units = nodes.filter(({ kind }) => kind === 'service').map((node) => unitOf(space, node))
  const stop =
    units.length === 0
      ? ''
      : `systemctl stop ${units.join(' ')}; rm -f ${units.map((name) => `/etc/systemd/system/${name}`).join(' ')}; systemctl daemon-reload;`
  await sshOk(host, `${stop} rm -rf /srv/${space} /run/${space}* /run/keelson/loaded/${space}*`)
}
