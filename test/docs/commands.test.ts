/**
 * What the pages say of the command line is so: the commands and options that they show are there, and the messages that
 * they explain are said.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runSite } from '../cli/site/run.ts'
import { blocksOf, pages } from '../support/docBlocks.ts'

const test = suite('commands')

type Shown = { page: string; words: string[] }

/** Command lines of Keelson in blocks of shell and in code spans, without comments. */
function shownIn(page: string): Shown[] {
  const spans = [...readFileSync(page, 'utf8').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
  const lines = blocksOf(page, 'sh').flatMap(({ text }) => text.split('\n'))
  return [...spans, ...lines].flatMap((line) => {
    const [, rest] = /^(?:npx )?(?:keelson|tsx site\.ts) (.+)/.exec(line.replace(/ #.*/, '')) ?? []
    return rest === undefined ? [] : [{ page, words: rest.split(' ').filter((word) => word !== '') }]
  })
}

/** The words that name the command: `plan show` of `plan show plan.json`. */
function commandOf(words: readonly string[]): string {
  const [first = '', second = ''] = words
  return ['review', 'sandbox', 'secrets'].includes(first) || `${first} ${second}` === 'plan show'
    ? `${first} ${second}`
    : first
}

test('every command that a page shows is one, and knows its options', async () => {
  const shown = pages()
    .flatMap(shownIn)
    .filter(({ words: [first = ''] }) => !first.startsWith('-'))
  assert.ok(shown.length > 40, `only ${shown.length} commands were found`)
  const commands = [...new Set(shown.map(({ words }) => commandOf(words)))]
  const helps = new Map(
    await Promise.all(
      commands.map(async (command): Promise<[string, string]> => {
        const { code, stdout } = await runSite([...command.split(' '), '--help'])
        return [command, code === 0 && stdout.includes(` ${command} `) ? stdout : '']
      }),
    ),
  )
  const wrong = shown.flatMap(({ page, words }) => {
    const help = helps.get(commandOf(words)) ?? ''
    const options = words.filter((word) => /^--[a-z-]+/.test(word)).map((word) => word.replace(/=.*/, ''))
    const unknown = help === '' ? [commandOf(words)] : options.filter((option) => !help.includes(option))
    return unknown.map((each) => `${page}: ${words.join(' ')}: ${each}`)
  })
  assert.equal(wrong, [])
})

test('every message that the page on troubles explains is said somewhere', () => {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const said = files.map((name) => readFileSync(join('lib', name), 'utf8')).join('\n')
  const headings = [...readFileSync('docs/troubleshooting.md', 'utf8').matchAll(/^### (.+)$/gm)]
  assert.ok(headings.length > 30)
  const unsaid = headings.flatMap(([, heading = '']) => {
    const parts = heading.split(/[…"]+/).map((part) => part.trim())
    return parts.filter((part) => part.length > 8 && !said.includes(part)).map((part) => `${heading}: ${part}`)
  })
  assert.equal(unsaid, [])
})

test.run()
