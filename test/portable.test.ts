/**
 * The client runs on macOS as well as on Linux: outside lib/sandbox it opens no path of its own that only Linux has, asks
 * for no platform, and starts no program that an operator's machine may lack. Text that a host runs is no matter here:
 * what counts is what is handed to the modules by which this process touches its own machine.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('portable')

const FILES = ['node:fs', 'node:fs/promises']
const PROGRAMS = ['node:child_process', 'zx', 'zx/core']
/** What every operator's machine has: OpenSSH, git, and a POSIX shell. */
const EVERYWHERE = ['ssh', 'git', 'sh', '/bin/sh']

/** What in a source file holds on Linux only, as `LINE: what`. */
function linuxOnly(name: string, text: string): string[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const from = importsOf(source)
  const constants = new Map<string, string>()
  const found: string[] = []
  const add = (node: ts.Node, what: string): void => {
    found.push(`${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`)
  }
  const textOf = (node: ts.Node): string | undefined => {
    if (ts.isStringLiteralLike(node)) return node.text
    if (ts.isTemplateExpression(node)) return node.head.text || textOf(node.templateSpans[0]!.expression)
    return ts.isIdentifier(node) ? constants.get(node.text) : undefined
  }
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined) {
      const value = textOf(node.initializer)
      if (value !== undefined) constants.set(node.name.text, value)
      // `promisify(execFile)` starts programs as well.
      const [inner] = ts.isCallExpression(node.initializer) ? node.initializer.arguments : []
      const module = inner !== undefined && ts.isIdentifier(inner) ? from.get(inner.text) : undefined
      if (module !== undefined && PROGRAMS.includes(module)) from.set(node.name.text, module)
    }
    if (ts.isPropertyAccessExpression(node) && node.getText() === 'process.platform') add(node, 'process.platform')
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const module = from.get(node.expression.text) ?? ''
      const first = node.arguments[0] === undefined ? undefined : textOf(node.arguments[0])
      if (FILES.includes(module) && first?.startsWith('/') === true) add(node, first)
      if (PROGRAMS.includes(module) && first !== undefined && !EVERYWHERE.includes(first)) add(node, first)
    }
    if (ts.isTaggedTemplateExpression(node) && PROGRAMS.includes(from.get(node.tag.getText()) ?? '')) {
      const program = /^\S*/.exec(textOf(node.template) ?? '')?.[0] ?? ''
      if (program !== '' && !EVERYWHERE.includes(program)) add(node, program)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Imported names, and the module of each; those that are loaded late too. */
function importsOf(source: ts.SourceFile): Map<string, string> {
  const imports = source.text.matchAll(/(?:import|const) \{([^}]*)\} (?:from|= await import\() ?'([^']+)'/g)
  const both = source.text.matchAll(/\[[^\]]*\{ (\$) \}\] = await Promise\.all\(\[[^\]]*import\('(zx\/core)'\)/g)
  return new Map(
    [...imports, ...both].flatMap(([, names = '', module = '']) =>
      names.split(',').map((name): [string, string] => [
        name
          .trim()
          .split(/ as |: /)
          .at(-1) ?? '',
        module,
      ]),
    ),
  )
}

/** Asked for, and done without where it is missing. */
const OPTIONAL = new Map([['lib/secrets/secretStore.ts', '/dev/shm']])

const files = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('sandbox/'))
  .map((name) => join('lib', name))

test('the client has nothing that only Linux has', () => {
  assert.ok(files.length > 100)
  assert.equal(
    files.flatMap((file) =>
      linuxOnly(file, readFileSync(file, 'utf8'))
        .filter((each) => !each.endsWith(` ${OPTIONAL.get(file)}`))
        .map((each) => `${file}:${each}`),
    ),
    [],
  )
})

test('what only Linux has is found', () => {
  const planted: readonly [text: string, found: string][] = [
    ["import { readFile } from 'node:fs/promises'\nreadFile('/proc/uptime')", '2: /proc/uptime'],
    ["import { mkdtempSync as make } from 'node:fs'\nmake(`/dev/shm/${name}`)", '2: /dev/shm/'],
    ["import { existsSync } from 'node:fs'\nconst AT = '/run/systemd'\nexistsSync(`${AT}/system`)", '3: /run/systemd'],
    ["import { spawn } from 'node:child_process'\nspawn('setsid', ['ssh'])", '2: setsid'],
    [
      "import { execFile } from 'node:child_process'\nconst run = promisify(execFile)\nrun('systemctl')",
      '3: systemctl',
    ],
    ["async function f() {\n  const { $ } = await import('zx/core')\n  await $`getent passwd ${name}`\n}", '3: getent'],
    ["if (process.platform === 'linux') go()", '1: process.platform'],
  ]
  for (const [text, found] of planted) assert.equal(linuxOnly('planted.ts', text), [found], text)
})

test('text for a host is none of it', () => {
  const text =
    "import { readFile } from 'node:fs/promises'\nconst read = sh`cat /proc/uptime`\nreadFile(join(home, '.ssh'))"
  assert.equal(linuxOnly('host.ts', text), [])
})

test.run()
