/**
 * Small JSON files that several processes read and write: whole or not there, never half-written.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { isErrno } from './system.ts'

/** What a checked property of a record is, as typeof names it. */
type Shape<T> = { [K in keyof T]-?: 'string' | 'number' | 'list' }

/**
 * Reads a record. Undefined when there is none.
 *
 * @param shape Kind of each property; `list` is one of strings.
 * @throws When the file is no JSON or not of that shape: somebody else wrote it, or another version of this program.
 */
export async function readRecord<T extends object>(file: string, shape: Shape<T>): Promise<T | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
  const value: unknown = JSON.parse(text)
  if (!hasShape(value, shape)) throw new Error(`${file} is not of the form this version writes: ${text}`)
  return value
}

export async function writeRecord(file: string, record: object): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(record, null, 2))
  await rename(`${file}.new`, file)
}

function hasShape<T extends object>(value: unknown, shape: Shape<T>): value is T {
  if (typeof value !== 'object' || value === null) return false
  const properties = new Map<string, unknown>(Object.entries(value))
  return Object.entries(shape).every(([name, kind]) => {
    const property = properties.get(name)
    if (kind === 'list') return Array.isArray(property) && property.every((item) => typeof item === 'string')
    return typeof property === kind
  })
}
