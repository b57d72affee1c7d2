/**
 * Documents the resource types from what the code says of them: their schemas, the doc comments of the front door and
 * of their props. A new type is picked up by being exported from lib/index.ts.
 */
import { fileURLToPath } from 'node:url'
import { format } from 'oxfmt'
import ts from 'typescript'
import { types } from '../lib/dsl/declare.ts'
import * as frontDoor from '../lib/index.ts'
import type { JsonSchema } from '../lib/kit/schema.ts'
import type { AnyType } from '../lib/kit/resourceType.ts'
import { type PropDoc, TYPE_DOCS_FORMAT, type TypeDoc, type TypeDocs } from '../lib/render/view/typeDoc.ts'
import { exampleIn, exampleOf } from './propExample.ts'
import { limitsOf, schemaAt } from './propLimits.ts'
import { TypeWords } from './propType.ts'

const FRONT_DOOR = fileURLToPath(new URL('../lib/index.ts', import.meta.url))
const CONFIG = fileURLToPath(new URL('../tsconfig.json', import.meta.url))
/** Columns of an example, so that it stands indented in a terminal of 80. */
const EXAMPLE_COLUMNS = 76

export async function readTypeDocs(): Promise<TypeDocs> {
  const reader = new DocReader()
  const common = reader.commonProps()
  const docs = await Promise.all(reader.resources().map((symbol) => reader.typeDoc(symbol)))
  return { format: TYPE_DOCS_FORMAT, types: docs, common, words: reader.words.all() }
}

class DocReader {
  readonly #program: ts.Program
  readonly #checker: ts.TypeChecker
  readonly words: TypeWords

  constructor() {
    const { options } = ts.parseJsonConfigFileContent(
      ts.readConfigFile(CONFIG, (path) => ts.sys.readFile(path)).config,
      ts.sys,
      '',
    )
    this.#program = ts.createProgram([FRONT_DOOR], { ...options, allowImportingTsExtensions: true })
    this.#checker = this.#program.getTypeChecker()
    this.words = new TypeWords(this.#checker)
  }

  /** What the front door exports that declares a resource. */
  resources(): ts.Symbol[] {
    const door = this.#checker.getSymbolAtLocation(this.#program.getSourceFile(FRONT_DOOR)!)!
    const found = this.#checker
      .getExportsOfModule(door)
      .filter((symbol) => this.#checker.getTypeOfSymbol(symbol).aliasSymbol?.name === 'Resource')
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async typeDoc(symbol: ts.Symbol): Promise<TypeDoc> {
    const name = symbol.name
    const type = typeOf(name)
    const [props] = this.#checker.getTypeOfSymbol(symbol).aliasTypeArguments ?? []
    const declaration = props?.aliasSymbol?.declarations?.[0]
    if (props === undefined || declaration === undefined)
      throw new Error(`the props of ${name} have no name of their own`)
    const door = textOf(symbol.getDocumentationComment(this.#checker))
    const examples = await Promise.all([...callsIn(door, name), ...this.#examples(props.aliasSymbol!)].map(formatted))
    const properties = Object.keys(type.schema.properties)
    return {
      name,
      type: type.type,
      family: /\/resources\/([^/]+)\//.exec(declaration.getSourceFile().fileName)?.[1] ?? 'others',
      about: withoutCalls(door, name),
      more: headerOf(declaration.getSourceFile()),
      examples,
      key: [...(type.key ?? type.schema.required)],
      ...(properties.includes('ensure') ? { absent: [...(type.absentProps ?? [])] } : {}),
      ...(type.holdsData === undefined
        ? {}
        : { holdsData: typeof type.holdsData === 'string' ? type.holdsData : true }),
      props: this.#rows(props, '', type.schema, examples, name),
    }
  }

  commonProps(): PropDoc[] {
    const [first] = this.resources()
    const [parameter] = this.#checker.getTypeOfSymbol(first!).getCallSignatures()[0]?.parameters ?? []
    const all = this.#checker.getTypeOfSymbol(parameter!).getProperties()
    return all
      .filter(({ declarations }) => declarations?.[0]?.getSourceFile().fileName.endsWith('/dsl/declare.ts'))
      .map((symbol) => this.#row(symbol, symbol.name, {}, [], ''))
  }

  #examples(symbol: ts.Symbol): string[] {
    const tags = symbol.getJsDocTags(this.#checker).filter((tag) => tag.name === 'example')
    return tags.map(({ text }) => textOf(text))
  }

  /** A row for each prop, followed by those of the objects in it. */
  #rows(type: ts.Type, prefix: string, schema: JsonSchema, examples: readonly string[], call: string): PropDoc[] {
    const symbols = type.getProperties().sort((a, b) => rankOf(a, schema) - rankOf(b, schema))
    return symbols.flatMap((symbol) => {
      const name = `${prefix}${symbol.name}`
      const inner = this.words.objectIn(this.#checker.getTypeOfSymbol(symbol))
      const own = this.#row(symbol, name, schema, examples, call)
      if (inner === undefined) return [own]
      const below = `${name}${inner.isList ? '[]' : ''}.`
      return [own, ...this.#rows(inner.type, below, schema, examples, call)]
    })
  }

  #row(symbol: ts.Symbol, name: string, schema: JsonSchema, examples: readonly string[], call: string): PropDoc {
    const own = schemaAt(schema, name)
    const about = textOf(symbol.getDocumentationComment(this.#checker)).replaceAll(/\s+/g, ' ')
    const tag = (wanted: string): string | undefined => {
      const found = symbol.getJsDocTags(this.#checker).find((each) => each.name === wanted)
      return found === undefined ? undefined : textOf(found.text).replaceAll(/\s+/g, ' ')
    }
    const given = tag('example')
    const unit = /(Ms|MiB|GB|Seconds|Days)$/.exec(symbol.name)?.[1]
    const parts = {
      default: tag('default'),
      unit: unit === undefined ? undefined : UNITS[unit],
      limits: limitsOf(own),
      form: typeof own['description'] === 'string' ? own['description'] : undefined,
      about: about === '' ? (symbol.name === 'ensure' ? "'absent' removes it." : undefined) : about,
      example:
        exampleOf(given === undefined ? examples : [given], call, name) ??
        given ??
        otherValue(own, tag('default')) ??
        exampleIn(`${about} \`${tag('default') ?? ''}\``),
    }
    const known = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))
    const required = (symbol.flags & ts.SymbolFlags.Optional) === 0
    return { name, type: this.words.textOf(this.#checker.getTypeOfSymbol(symbol), own), required, ...known }
  }
}

const UNITS: { readonly [ending: string]: string } = { Ms: 'ms', MiB: 'MiB', GB: 'GB', Seconds: 's', Days: 'days' }

/** Of what needs no example of its own: a value that is not the default. */
function otherValue({ enum: values, type }: JsonSchema, usual = ''): string | undefined {
  const possible: unknown[] = Array.isArray(values) ? values : type === 'boolean' ? [true, false] : []
  const texts = possible.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  return texts.find((text) => !usual.startsWith(text))
}

function typeOf(name: string): AnyType {
  const made: unknown = Reflect.get(frontDoor, name)
  const about: unknown = typeof made === 'function' ? Reflect.get(made, 'of') : undefined
  const found = [...types.values()].find((each) => each === about)
  if (found === undefined) throw new Error(`${name} is no resource function`)
  return found
}

/** What must be given comes first, then the props in the order of their declaration, `ensure` last. */
function rankOf({ name, flags }: ts.Symbol, { required }: JsonSchema): number {
  if (name === 'ensure') return 2
  return (Array.isArray(required) && required.includes(name)) || (flags & ts.SymbolFlags.Optional) === 0 ? 0 : 1
}

function textOf(parts: ts.SymbolDisplayPart[] | undefined): string {
  return ts.displayPartsToString(parts).trim()
}

/** Calls of the function in a doc comment of the front door. */
function callsIn(doc: string, name: string): string[] {
  return [...doc.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span).filter((span) => span.startsWith(`${name}(`))
}

function withoutCalls(doc: string, name: string): string {
  return doc
    .replaceAll(/\s+/g, ' ')
    .replaceAll(new RegExp(`:? \`${name}\\([^\`]*\``, 'g'), '')
    .replace(/([^.])$/, '$1.')
}

/** The comment on top of a file: one paragraph a text, the lines of each joined. */
function headerOf({ text }: ts.SourceFile): string {
  const [, comment = ''] = /^\/\*\*([\s\S]*?)\*\//.exec(text) ?? []
  const lines = comment.split('\n').map((line) => line.replace(/^ \* ?/, '').trim())
  return lines
    .join('\n')
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll('\n', ' '))
    .join('\n\n')
}

async function formatted(example: string): Promise<string> {
  const options = { semi: false, singleQuote: true, printWidth: EXAMPLE_COLUMNS }
  const { code, errors } = await format('example.ts', example, options)
  if (errors.length > 0) throw new Error(`an example cannot be parsed: ${example}`)
  return code.trim()
}
