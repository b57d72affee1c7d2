/** Writes the published schema of plan files: `npm run schema`. */
import { writeFileSync } from 'node:fs'
import { PLAN_FILE_SCHEMA } from '../lib/engine/plan/planSchema.ts'

const about = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:keelson:plan:1',
  title: 'A plan file of Keelson, format 1',
}
writeFileSync('schemas/plan-1.json', `${JSON.stringify({ ...about, ...PLAN_FILE_SCHEMA }, null, 2)}\n`)
