/**
 * A local account against root's hands: while a host is converged, a process of that account watches its own folders and
 * puts links, pipes, other folders and files of its own in the place of whatever is seen there (attacker.pl). A case is one
 * scene in one phase, with moves, timing and the kernel's protection of links taken from its seed. It counts as many cases
 * as the attacker made attempts.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { HostReport } from '../../../lib/engine/report.ts'
import { quote } from '../../../lib/kit/shell.ts'
import { undoHost } from '../../../lib/engine/undo/undoHost.ts'
import { file } from '../../../lib/index.ts'
import { restore, type SandboxHost, snapshot } from '../../../lib/sandbox/sandbox.ts'
import { convergeOn, runOn } from '../../support/converge.ts'
import { sshOk } from '../../support/host.ts'
import { assertWell, comesTo } from '../outcome.ts'
import { Random } from '../random.ts'
import { CANARY, compareText, NOTES, rememberText, REST, WORK } from './oracle.ts'
import { NAMES, type Phase, type Scene, SECRET, type Version } from './scene.ts'
import { SCENES } from './scenes.ts'
import { specOf, type Way, wayOf } from './ways.ts'

/** Label of a host's disk as it was prepared. */
const WHOLE = 'whole'
const PROGRAM = fileURLToPath(new URL('attacker.pl', import.meta.url))
/** However the attacker behaves, a converge ends within this time. */
const LIMIT_MS = 60_000
const OPTIONS = { secrets: { canary: SECRET }, allowLockout: true }

/** A host with accounts, and with what they are after. @param scenes Those it is to be able to show. */
export async function prepareScenes(host: SandboxHost, scenes: readonly Scene[] = SCENES): Promise<void> {
  const packages = [...new Set(scenes.flatMap((scene) => scene.packages))]
  await sshOk(
    host,
    `(${packages.length === 0 ? ':' : `apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ${packages.join(' ')}`}) >/dev/null 2>&1
systemctl stop '*.timer' cron 2>/dev/null
useradd --create-home app; useradd --create-home other; mkdir -p /srv/other /srv/www && chown other /srv/other
for folder in /etc/bait.d /root/bait.d /home/other/bait.d; do
  for below in . conf sub homes main .ssh; do
    mkdir -p -m 0700 $folder/$below; for name in ${NAMES.join(' ')} authorized_keys redis.conf .profile; do echo '${CANARY} root' > $folder/$below/$name; done
  done
  chmod 0755 $folder; chmod 0600 $folder/*/* $folder/* 2>/dev/null; chmod 0700 $folder/*/
done
chown -R other: /home/other; mkdir -p /root/.ssh /etc/sudoers.d /etc/cron.d /etc/sysctl.d; echo '# ${CANARY}' >> /root/.ssh/authorized_keys
printf '# ${CANARY}\\n' > /etc/sudoers.d/bait; chmod 0440 /etc/sudoers.d/bait; usermod -p '$6$${CANARY}$x' other
mkdir -p /var/lib/attack && cd /etc && for name in redis postgresql nginx cron.d sudoers.d sysctl.d; do [ ! -e $name ] || cp -a $name /var/lib/attack/; done
cat > /var/lib/attack/attacker.pl <<'END'
${readFileSync(PROGRAM, 'utf8')}END
`,
  )
  await snapshot(host.name, WHOLE)
}

/** One case: a scene, one of its phases, and how the attacker goes about it. @returns How many attempts it made. */
export async function attack(
  host: SandboxHost,
  seed: number,
  scenes: readonly Scene[] = SCENES,
  given: Partial<Way> = {},
): Promise<number> {
  const random = new Random(seed)
  const scene = random.pick(scenes)
  try {
    return await attackScene(host, scene, { ...wayOf(random, scene), ...given })
  } catch (error) {
    // Whatever the host has lost, the next case is to find it whole.
    await restore(host.name, WHOLE)
    throw error
  }
}

async function attackScene(host: SandboxHost, scene: Scene, way: Way): Promise<number> {
  const { phase, moves } = way
  const about = `${scene.name}, ${phase} (${moves.join(' ')})`
  protectLinks(way.protects)
  await sshOk(host, beginText(scene))
  if (phase !== 'create') assertWell(await convergeOn(host, declared(scene, 1, phase), OPTIONS))
  if (phase === 'undo') assertWell(await convergeOn(host, declared(scene, 2, phase), OPTIONS))
  await sshOk(host, `${rememberText(scene)}\n${startText(scene, specOf(scene, way))}`)
  const ended: (HostReport | Error)[] = []
  for (const version of LATER[phase]) {
    const run = phase === 'undo' ? undoRun(host, scene) : convergeOn(host, declared(scene, version, phase), OPTIONS)
    ended.push(await within(LIMIT_MS, about, comesTo(run)))
  }
  const said = await sshOk(host, `${STOP}\n${compareText(scene, phase === 'undo' ? 1 : (LATER[phase].at(-1) ?? 9))}`)
  const [attempts, gained] = countedIn(said)
  const words = ended.map(wordsOf).join('\n')
  if (process.env['KEELSON_TELL'] !== undefined) console.error(`${about}: ${attempts} attempts; ${words.slice(0, 300)}`)
  assert.is(gained, '', `${about}, after ${attempts} attempts:\n${gained.slice(0, 2000)}\n${words.slice(0, 1500)}`)
  for (const one of ended) assertClear(one, scene, about)
  return attempts
}

/** What is declared while the attack goes on, one after the other; undefined for nothing of the scene. */
const LATER: { readonly [phase in Phase]: readonly (Version | undefined)[] } = {
  create: [1, 2, 1],
  change: [2, 1, 2],
  gone: [undefined],
  absent: [0],
  undo: [2],
  breaks: [3],
}

function declared(scene: Scene, version: Version | undefined, phase: Phase): () => void {
  const few = phase === 'gone' || phase === 'absent'
  return () => {
    file({ path: REST[0], content: `rest ${version ?? 9}\n` })
    if (version !== undefined) scene.declare(version, few)
    file({ path: REST[1], content: `rest ${version ?? 9}\n`, owner: 'other' })
  }
}

function undoRun(host: SandboxHost, scene: Scene): Promise<HostReport> {
  return undoHost({ ...runOn(host, declared(scene, 2, 'undo'), OPTIONS), confirm: () => Promise.resolve(true) })
}

/** The scene as it is at first, on a host that Keelson has never been on. */
function beginText({ account, folders, setUp, keeps }: Scene): string {
  const own = keeps === true ? '' : folders.map((folder) => quote(folder)).join(' ')
  return `rm -rf /var/lib/keelson /run/keelson ${REST.join(' ')} ${WORK} ${own}
install -d -o ${account} -m 0755 ${WORK}
{ ${setUp}
} 2>&1`
}

function startText({ account }: Scene, spec: string): string {
  return `printf %s ${quote(spec)} > ${NOTES}/spec; : > ${NOTES}/said
systemd-run --quiet --collect --unit=attacker --uid=${account} --gid=${account} -p StandardInput=file:${NOTES}/spec -p StandardOutput=file:${NOTES}/said \\
  -p StandardError=file:${NOTES}/said -p TimeoutStopSec=5 perl /var/lib/attack/attacker.pl
tries=0; until [ -e ${WORK}/ready ]; do tries=$((tries + 1)); [ $tries -lt 1000 ] || { cat ${NOTES}/said >&2; exit 1; }; sleep 0.02; done`
}

/** Its own processes that it has stopped go on, so that none of them is in the way of the next case. */
const STOP = `systemctl stop attacker.service; cat ${NOTES}/said; echo .`

function countedIn(said: string): [attempts: number, gained: string] {
  const end = said.indexOf('\n.\n')
  const attempts = /^attempts (\d+)$/m.exec(said.slice(0, end + 1))?.[1]
  assert.ok(attempts, `the attacker did not count: ${said.slice(0, 500)}`)
  return [Number(attempts), said.slice(end + 3)]
}

/** A refusal is an answer when it says what it is about; what is not of the scene was none of the attacker's business. */
function assertClear(ended: HostReport | Error, { folders, account, made = [] }: Scene, about: string): void {
  assert.not.instance(ended, Error, `${about}: nothing was converged: ${wordsOf(ended)}`)
  if (ended instanceof Error) return
  assert.is(ended.error, undefined, `${about}: nothing was converged: ${wordsOf(ended)}`)
  for (const { ref, outcome, failure } of ended.changes) {
    if (outcome !== 'failed') continue
    assert.not.ok(
      REST.some((path) => ref.endsWith(path)),
      `${about}: ${ref} failed: ${failure?.said}`,
    )
    const said = failure?.said ?? ''
    const names = [...folders, ...made, account, ref.slice(ref.indexOf(':') + 1), 'no longer as the plan saw it']
    assert.ok(
      names.some((name) => said.includes(name)),
      `${about}: ${ref} failed without a reason: ${JSON.stringify(failure)}`,
    )
    assert.not.match(said, /program: \d+:|syntax error|TypeError/, `${about}: ${ref}`)
  }
}

function wordsOf(ended: HostReport | Error): string {
  if (ended instanceof Error) return `${ended.name}: ${ended.message} ${'said' in ended ? String(ended.said) : ''}`
  const bad = ended.changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  const error = ended.error === undefined ? [] : [`${ended.error.message}: ${ended.error.said}`]
  return [...error, ...bad.map(({ ref, outcome, failure }) => `${ref} ${outcome}: ${failure?.said ?? ''}`)].join('\n')
}

async function within<Result>(ms: number, about: string, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${about}: no end within ${ms / 1000} s`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

const PROTECTIONS = ['/proc/sys/fs/protected_symlinks', '/proc/sys/fs/protected_hardlinks'] as const
let found: string[] | undefined

/** One kernel serves all hosts of this machine, and hosts cannot set it: what it was comes back at the end. */
function protectLinks(on: boolean): void {
  if (found === undefined) {
    found = PROTECTIONS.map((path) => readFileSync(path, 'utf8'))
    process.once('exit', () => PROTECTIONS.forEach((path, index) => writeFileSync(path, found?.[index] ?? '1')))
  }
  for (const path of PROTECTIONS) writeFileSync(path, on ? '1' : '0')
}

export const LOCAL_ATTACKER = {
  name: 'local attacker',
  goal: 5000,
  prepare: (host: SandboxHost) => prepareScenes(host),
  run: (host: SandboxHost, seed: number) => attack(host, seed),
  restores: true as const,
}
