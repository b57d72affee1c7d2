/**
 * What the shell may complete: commands, flags, and the names that the site and this machine know. No host is contacted.
 * The scripts of completionScripts.ts call it with the words of the command line so far.
 */
import { type Command, Option } from 'commander'
import type { Site } from '../dsl/site.ts'
import { secretNames } from '../kit/value.ts'
import { cleanLine } from '../render/clean.ts'
import { COMPLETION_SHELLS } from './completionScripts.ts'
import { functionOf } from './only.ts'
import { knownRuns } from './knownRuns.ts'

export type Candidate = { value: string; about?: string }
/** `files`: the shell completes paths as it does elsewhere. */
export type Completion = { files: boolean; candidates: Candidate[] }

/** Loaded only for names that it knows: it runs the recipes. */
type Load = () => Promise<Pick<Site, 'file' | 'hosts' | 'evaluate'>>

const FILES: Completion = { files: true, candidates: [] }
/** Names shown at a time: a shell asks before it lists more. */
const MOST = 2000

/**
 * @param words The words after the program; the last is the one to complete, perhaps empty.
 * @param program Its commands, see main.ts.
 */
export async function complete(words: readonly string[], program: Command, load: Load): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const place = placeOf(words.slice(0, -1), program)
  const found = await offered(place, current, load)
  const candidates = found.candidates.filter(({ value }) => value.startsWith(current) && isPlain(value)).slice(0, MOST)
  return { files: found.files, candidates }
}

/** Shells list candidates as they are, control characters too; fish expands a tilde that a candidate begins with. */
function isPlain(value: string): boolean {
  return value !== '' && cleanLine(value) === value && !value.startsWith('~')
}

/** Where the cursor is: what has been said before it. */
type Place = {
  command: Command
  /** Names of the commands, from the program's own on: `plan show`. */
  path: string
  /** Words that are neither options nor commands. */
  position: number
  /** The option whose value is to come. */
  option?: Option
  /** After `--`, or within the command that `sandbox ssh` runs. */
  isOver: boolean
  hosts: string[]
  sandbox?: string
}

function placeOf(words: readonly string[], program: Command): Place {
  const place: Place = { command: program, path: '', position: 0, isOver: false, hosts: [] }
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]!
    if (place.isOver) continue
    if (word === '--') place.isOver = true
    else if (word.startsWith('-') && word !== '-') {
      const option = optionOf(word, place.command)
      const value = word.includes('=') ? word.slice(word.indexOf('=') + 1) : undefined
      if (option === undefined) continue
      const next = words[index + 1]
      const takesNext = value === undefined && (option.required || (option.optional && next?.startsWith('-') !== true))
      if (takesNext && next === undefined) return { ...place, option }
      if (takesNext) index += 1
      note(place, option, value ?? (takesNext ? next : undefined))
    } else descend(place, word)
  }
  return place
}

function note(place: Place, option: Option, value: string | undefined): void {
  if (option.long === '--host' && value !== undefined) place.hosts.push(value)
  if (option.long === '--sandbox') place.sandbox = value ?? ''
}

function descend(place: Place, word: string): void {
  const command = place.position === 0 ? place.command.commands.find((one) => one.name() === word) : undefined
  if (command === undefined) {
    place.position += 1
    if (place.path === 'sandbox ssh' && place.position > 1) place.isOver = true
    return
  }
  place.command = command
  place.path = `${place.path} ${word}`.trim()
}

function optionOf(word: string, command: Command): Option | undefined {
  const name = word.split('=', 1)[0]
  return [...command.options, SITE].find(({ long, short }) => long === name || short === name)
}

/** It is taken out of the command line before that is parsed (bin.ts). */
const SITE = new Option('--site <file>', 'the file of another site')

async function offered(place: Place, current: string, load: Load): Promise<Completion> {
  const { option, isOver } = place
  if (isOver) return FILES
  const isOmitted = option?.optional === true && current.startsWith('-')
  if (option !== undefined && !isOmitted) return valuesOf(option, place, load)
  const [, name = '', value] = /^(--[a-z-]+)=(.*)$/s.exec(current) ?? []
  const given = value === undefined ? undefined : optionOf(name, place.command)
  if (given !== undefined) {
    const { candidates } = await valuesOf(given, place, load)
    return { files: false, candidates: candidates.map((one) => ({ ...one, value: `${name}=${one.value}` })) }
  }
  if (current.startsWith('-')) return { files: false, candidates: flagsOf(place.command) }
  const commands = place.position === 0 ? place.command.commands.filter(isShown) : []
  const own = commands.map((one) => ({ value: one.name(), about: one.description() }))
  const positional = await positionals(place, load)
  return { files: positional.files, candidates: [...own, ...positional.candidates] }
}

/** Hidden commands are for programs of Keelson itself. */
function isShown(command: Command): boolean {
  return Reflect.get(command, '_hidden') !== true
}

function flagsOf({ options }: Command): Candidate[] {
  const shown = [...options, SITE].filter(({ hidden }) => !hidden)
  return [...shown.map(({ long, short, description }) => ({ value: long ?? short ?? '', about: description })), HELP]
}

const HELP: Candidate = { value: '--help', about: 'how to use it' }

/** What each option takes that has no choices of its own. */
async function valuesOf({ long, argChoices }: Option, place: Place, load: Load): Promise<Completion> {
  if (argChoices !== undefined) return wordsOf(argChoices)
  switch (long) {
    case '--host':
      return wordsOf((await load()).hosts.map(({ name }) => name))
    case '--only':
      return { files: false, candidates: await resources(place, load, 'parts') }
    case '--sandbox':
      return wordsOf(await sandboxNames())
    case '--os':
      return wordsOf(['debian-12', 'debian-13'])
    case '--at':
      return wordsOf(['local'])
    case '--format':
      return wordsOf(['tree', 'dot'])
    case '--out':
    case '--identity':
    case '--site':
      return FILES
    default:
      return wordsOf([])
  }
}

async function positionals(place: Place, load: Load): Promise<Completion> {
  if (place.position > 0) return wordsOf([])
  switch (place.path) {
    case 'converge':
    case 'plan show':
      return FILES
    case 'completion':
      return wordsOf(COMPLETION_SHELLS)
    case 'explain':
      return { files: false, candidates: await resources(place, load, 'refs') }
    case 'runs':
    case 'undo': {
      const { file, hosts } = await load()
      const asked = hosts.filter(({ name }) => place.hosts.length === 0 || place.hosts.includes(name))
      return wordsOf(asked.flatMap(({ name }) => knownRuns(file, name, place.sandbox)))
    }
    case 'sandbox ssh':
    case 'sandbox down':
    case 'sandbox up':
      return wordsOf(await sandboxNames())
    case 'secrets set':
      return wordsOf(secretNames(await desiredIn(place, load)))
    default:
      return wordsOf([])
  }
}

function wordsOf(values: readonly string[]): Completion {
  return { files: false, candidates: [...new Set(values)].map((value) => ({ value })) }
}

async function sandboxNames(): Promise<string[]> {
  const { names } = await import('../sandbox/names.ts')
  return names()
}

type Resource = Awaited<ReturnType<Site['evaluate']>>['resources'][number]

async function declared({ hosts: asked }: Place, load: Load): Promise<Resource[]> {
  const site = await load()
  const hosts = site.hosts.filter(({ name }) => asked.length === 0 || asked.includes(name))
  const catalogs = await Promise.all((hosts.length > 0 ? hosts : site.hosts).map(({ name }) => site.evaluate(name)))
  return catalogs.flatMap(({ resources: its }) => its)
}

async function desiredIn(place: Place, load: Load): Promise<unknown> {
  return (await declared(place, load)).map(({ desired }) => desired)
}

async function resources(place: Place, load: Load, what: 'parts' | 'refs'): Promise<Candidate[]> {
  const all = await declared(place, load)
  const refs = unique(all.map(({ ref, source }) => ({ value: ref, about: `${source.file}:${source.line}` })))
  if (what === 'refs') return refs
  return unique([
    ...all.flatMap(({ type }) => [type, functionOf(type)].map((value) => ({ value, about: 'type' }))),
    ...all.flatMap(({ tags }) => tags.map((value) => ({ value, about: 'tag' }))),
    ...all.map(({ source }) => ({ value: source.file, about: 'recipe' })),
    ...refs,
  ])
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((one) => [one.value, one])).values()]
}
