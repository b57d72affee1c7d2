/**
 * Writes what is known of the resource types: docs/reference/, a page for each, and lib/types.json, which the command
 * `types` shows.
 *
 *     npm run reference
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { referenceFiles } from './referencePages.ts'
import { readTypeDocs } from './typeDocs.ts'

process.chdir(new URL('../', import.meta.url).pathname)
rmSync('docs/reference', { recursive: true, force: true })
mkdirSync('docs/reference', { recursive: true })
for (const [path, text] of referenceFiles(await readTypeDocs())) writeFileSync(path, text)
