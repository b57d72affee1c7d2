/**
 * What privileges are granted on: its form in a recipe, its natural key, and its SQL.
 */
import { identifier, literal } from './sql.ts'

/** Exactly one of these forms. A function is named with its argument types, in any spelling: `total(integer, text)`. */
export type GrantTarget =
  | { database: string }
  | { database: string; schema: string }
  | { database: string; schema: string; table: string }
  | { database: string; schema: string; sequence: string }
  | { database: string; schema: string; function: string }
  /** Objects that exist when it is applied; for later ones see `newIn`. */
  | { database: string; allIn: string; kind: 'tables' | 'sequences' | 'functions' }
  /** Objects that `owner` will create in that schema (ALTER DEFAULT PRIVILEGES). */
  | { database: string; newIn: string; owner: string; kind: 'tables' | 'sequences' | 'functions' }

type Kind = 'database' | 'schema' | 'table' | 'sequence' | 'function' | 'tables' | 'sequences' | 'functions'

/** One shape for all forms; `path` is schema and object, `owner` only for future objects. */
export type Target = { database: string; kind: Kind; path: string[]; owner?: string }

/** The privileges of each kind; MAINTAIN from PostgreSQL 17. */
export const PRIVILEGES: { readonly [kind in Kind]: readonly string[] } = {
  database: ['CONNECT', 'CREATE', 'TEMPORARY'],
  schema: ['CREATE', 'USAGE'],
  table: ['DELETE', 'INSERT', 'MAINTAIN', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE'],
  tables: ['DELETE', 'INSERT', 'MAINTAIN', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE'],
  sequence: ['SELECT', 'UPDATE', 'USAGE'],
  sequences: ['SELECT', 'UPDATE', 'USAGE'],
  function: ['EXECUTE'],
  functions: ['EXECUTE'],
}

export function targetOf(on: GrantTarget): Target {
  const { database } = on
  if ('newIn' in on) return { database, kind: on.kind, path: [on.newIn], owner: on.owner }
  if ('allIn' in on) return { database, kind: on.kind, path: [on.allIn] }
  if ('table' in on) return { database, kind: 'table', path: [on.schema, on.table] }
  if ('sequence' in on) return { database, kind: 'sequence', path: [on.schema, on.sequence] }
  if ('function' in on) return { database, kind: 'function', path: [on.schema, canonicalSignature(on.function)] }
  if ('schema' in on) return { database, kind: 'schema', path: [on.schema] }
  return { database, kind: 'database', path: [] }
}

/** What PostgreSQL's grammar and catalog call a type besides the name that format_type() prints. */
const TYPE_NAMES: { readonly [alias: string]: string } = {
  int: 'integer',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float: 'double precision',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  dec: 'numeric',
  decimal: 'numeric',
  char: 'character',
  bpchar: 'character',
  nchar: 'character',
  varchar: 'character varying',
  'char varying': 'character varying',
  varbit: 'bit varying',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
}

/** `Total( INT,text [] )` is `Total(integer, text[])`: a bare type is folded, the function's own name is not. */
function canonicalSignature(signature: string): string {
  const { name, types } = signatureOf(signature)
  return `${name}(${types.join(', ')})`
}

function signatureOf(signature: string): { name: string; types: string[] } {
  const open = signature.indexOf('(')
  const list = signature.slice(open + 1, -1).trim()
  return { name: signature.slice(0, open).trim(), types: list === '' ? [] : list.split(',').map(typeName) }
}

function typeName(text: string): string {
  const bare = text.toLowerCase().replaceAll(/\s+/g, ' ').trim()
  const [, element = '', array = ''] = /^(.*?)((?: ?\[[0-9]*\]| array)*)$/.exec(bare) ?? []
  const name = element.replace(/^pg_catalog\./, '').replaceAll(/ ?\. ?/g, '.')
  // The catalog keeps neither the number of dimensions nor their sizes.
  return `${TYPE_NAMES[name] ?? name}${array === '' ? '' : '[]'}`
}

/**
 * Whether two keys may be of the same grant. A type's schema need not be named, and only the server knows whether it is
 * the one that the bare name leads to.
 */
export function maySameGrant(one: string, other: string): boolean {
  const [a, b] = [one, other].map((key) => {
    const { role, target } = parseGrantKey(key)
    const { kind, path, database, owner } = target
    if (kind !== 'function') return JSON.stringify([role, kind, path, database, owner])
    const { name, types } = signatureOf(path[1] ?? '')
    return JSON.stringify([role, kind, path[0], name, types.map((type) => type.replace(/^[^.]*\./, '')), database])
  })
  return a === b
}

/** `app on table shop.public.orders`, `app on new tables of owner in shop.public`; odd names in double quotes. */
export function grantKey(role: string, { database, kind, path, owner }: Target): string {
  const of = owner === undefined ? [] : ['of', keyWord(owner)]
  const place = [database, ...path].map(keyWord).join('.')
  return [keyWord(role), 'on', ...(owner === undefined ? [] : ['new']), kind, ...of, place].join(' ')
}

function keyWord(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : identifier(name)
}

/** @throws {Error} On a key that `grantKey` did not make. */
export function parseGrantKey(key: string): { role: string; target: Target } {
  const words = [...key.matchAll(/("(?:[^"]|"")*"|[A-Za-z0-9_-]+)(?:[ .]|$)/g)].map(([, word]) => keyText(word!))
  const [role, , ...rest] = words
  const isNew = rest[0] === 'new'
  const [kind, ...more] = isNew ? rest.slice(1) : rest
  const owner = isNew ? more[1] : undefined
  const [database, ...path] = isNew ? more.slice(2) : more
  if (role === undefined || database === undefined || kind === undefined || !isKind(kind))
    throw new Error(`${JSON.stringify(key)} is no key of a grant`)
  return { role, target: { database, kind, path, ...(owner === undefined ? {} : { owner }) } }
}

function keyText(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word
}

function isKind(word: string): word is Kind {
  return word in PRIVILEGES
}

/** The privileges that the server has for the kind, as an array of text. */
export function allPrivileges({ kind }: Target): string {
  return `(select json_agg(privilege_type) from aclexplode(acldefault('${CATALOGS[kind].letter}', 10::oid)))`
}

/** The objects of a target, as rows `(acl aclitem[])`; a target with default privileges has exactly one. */
export function aclQuery({ kind, path, owner }: Target): string {
  const [schema = '', object = ''] = path.map(literal)
  if (owner !== undefined) {
    return `select (select defaclacl from pg_default_acl where defaclobjtype = '${ACL_TYPES[kind]}'
    and defaclrole = (select oid from pg_roles where rolname = ${literal(owner)})
    and defaclnamespace = (select oid from pg_namespace where nspname = ${schema})) as acl`
  }
  const { catalog, prefix, letter, where } = CATALOGS[kind]
  const conditions = {
    database: 'datname = current_database()',
    schema: `nspname = ${schema}`,
    table: `relname = ${object} and ${inSchema(prefix, schema)}`,
    sequence: `relname = ${object} and ${inSchema(prefix, schema)}`,
    function: `oid = to_regprocedure(${literal(functionSql(path))})`,
    tables: inSchema(prefix, schema),
    sequences: inSchema(prefix, schema),
    functions: inSchema(prefix, schema),
  }
  const ownerColumn = kind === 'database' ? 'datdba' : `${prefix}owner`
  return `select coalesce(${prefix}acl, acldefault('${letter}', ${ownerColumn})) as acl
  from ${catalog} where ${where} and ${conditions[kind]}`
}

function inSchema(prefix: string, schema: string): string {
  return `${prefix}namespace = (select oid from pg_namespace where nspname = ${schema})`
}

type Catalog = { catalog: string; prefix: string; letter: string; where: string }

const TABLES = { catalog: 'pg_class', prefix: 'rel', letter: 'r', where: "relkind in ('r', 'v', 'm', 'f', 'p')" }
const SEQUENCES = { catalog: 'pg_class', prefix: 'rel', letter: 's', where: "relkind = 'S'" }
const FUNCTIONS = { catalog: 'pg_proc', prefix: 'pro', letter: 'f', where: "prokind <> 'p'" }

const CATALOGS: { readonly [kind in Kind]: Catalog } = {
  database: { catalog: 'pg_database', prefix: 'dat', letter: 'd', where: 'true' },
  schema: { catalog: 'pg_namespace', prefix: 'nsp', letter: 'n', where: 'true' },
  table: TABLES,
  tables: TABLES,
  sequence: SEQUENCES,
  sequences: SEQUENCES,
  function: FUNCTIONS,
  functions: FUNCTIONS,
}

const ACL_TYPES: { readonly [kind in Kind]: string } = {
  database: '',
  schema: 'n',
  table: 'r',
  tables: 'r',
  sequence: 'S',
  sequences: 'S',
  function: 'f',
  functions: 'f',
}

/** The argument types are checked by the schema's pattern. */
function functionSql([schema = '', signature = '']: readonly string[]): string {
  const open = signature.indexOf('(')
  return `${identifier(schema)}.${identifier(signature.slice(0, open))}${signature.slice(open)}`
}

/** The text after ON. */
export function onText({ database, kind, path }: Target): string {
  const [schema = '', object = ''] = path
  if (kind === 'database') return `database ${identifier(database)}`
  if (kind === 'schema') return `schema ${identifier(schema)}`
  if (kind === 'function') return `function ${functionSql(path)}`
  if (kind === 'table' || kind === 'sequence') return `${kind} ${identifier(schema)}.${identifier(object)}`
  return `all ${kind} in schema ${identifier(schema)}`
}
