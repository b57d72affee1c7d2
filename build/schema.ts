/** Writes the published schemas, of plan files and of what commands say under --json: `npm run schema`. */
import { writeFileSync } from 'node:fs'
import { PLAN_FILE_SCHEMA } from '../lib/engine/plan/planSchema.ts'
import { REPORT_SCHEMA } from '../lib/render/reportSchema.ts'

const SCHEMAS = [
  { file: 'plan-1', title: 'A plan file of Keelson, format 1', schema: PLAN_FILE_SCHEMA },
  { file: 'report-1', title: 'What a command of Keelson says under --json, format 1', schema: REPORT_SCHEMA },
]

for (const { file, title, schema } of SCHEMAS) {
  const about = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:keelson:${file.replace('-', ':')}`,
    title,
  }
  writeFileSync(`schemas/${file}.json`, `${JSON.stringify({ ...about, ...schema }, null, 2)}\n`)
}
