/**
 * Blocks of TypeScript in Markdown, as modules that can be type-checked and run.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as keelson from '../../lib/index.ts'
import * as recipes from '../../recipes/index.ts'

export type Block = {
  page: string
  /** Line on which its text begins. */
  line: number
  text: string
}

/** All pages that people read, from the top of the repository. */
export function pages(): string[] {
  const below = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
  return ['README.md', ...below.map((name) => join('docs', name))].sort()
}

/** Blocks of one language. A block that begins with a comment `// NAME.ts` is that file. */
export function blocksOf(page: string, language: string): Block[] {
  const lines = readFileSync(page, 'utf8').split('\n')
  const blocks: Block[] = []
  let open: { block: Block; lines: string[] } | undefined
  for (const [index, line] of lines.entries()) {
    if (open === undefined && line === `\`\`\`${language}`) {
      open = { block: { page, line: index + 2, text: '' }, lines: [] }
    } else if (open !== undefined && line === '```') {
      blocks.push({ ...open.block, text: open.lines.join('\n') })
      open = undefined
    } else open?.lines.push(line)
  }
  return blocks
}

/** `site.ts` of a block that begins with `// site.ts`. */
export function fileOf({ text }: Block): string | undefined {
  return /^\/\/ ([\w.-]+\.ts)\n/.exec(text)?.[1]
}

/** Whether it is a whole module, and not what stands in a role. */
export function isModule({ text }: Block): boolean {
  return /^(import|export) /m.test(text)
}

/**
 * A module that exports `role`, in which the block stands; all names that a recipe may import are there.
 *
 * @param from Where the names are, by door.
 */
export function roleWith(text: string, from = { keelson: 'keelson', recipes: 'keelson/recipes' }): string {
  const own = Object.keys(recipes)
  const names = Object.keys(keelson).filter((name) => !own.includes(name))
  return `import { ${names.join(', ')} } from '${from.keelson}'
import type { Host } from '${from.keelson}'
import { ${own.join(', ')} } from '${from.recipes}'
export function role(host: Host): void {
${text}
}
`
}
