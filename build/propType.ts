/**
 * The types of props, in the notation of TypeScript and as short as a reader needs them.
 */
import ts from 'typescript'
import type { JsonSchema } from '../lib/kit/schema.ts'
import type { WordDoc } from '../lib/render/view/typeDoc.ts'

/** A type with named properties that a recipe writes as `{ … }`. */
function isObject(type: ts.Type): boolean {
  if ((type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) === 0 || itemOf(type) !== undefined) return false
  // A branded string.
  if (type.isIntersection() && !type.types.every(({ flags }) => (flags & ts.TypeFlags.Object) !== 0)) return false
  if (isClass(type) || isForeign(type)) return false
  return type.getProperties().length > 0
}

function isClass({ symbol }: ts.Type): boolean {
  return ((symbol?.flags ?? 0) & ts.SymbolFlags.Class) !== 0
}

/** Declared by the platform, such as URL. */
function isForeign({ symbol, aliasSymbol }: ts.Type): boolean {
  return (
    (aliasSymbol ?? symbol)?.declarations?.some((each) => /node_modules/.test(each.getSourceFile().fileName)) === true
  )
}

function membersOf(type: ts.Type): ts.Type[] {
  const members = type.isUnion() ? type.types : [type]
  return members.filter(({ flags }) => (flags & ts.TypeFlags.Undefined) === 0)
}

function itemOf(type: ts.Type): ts.Type | undefined {
  if (!['Array', 'ReadonlyArray'].includes(type.symbol?.name ?? '')) return undefined
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- arrays are references to the type of their items
  return (type as ts.TypeReference).typeArguments?.[0]
}

export class TypeWords {
  readonly #checker: ts.TypeChecker
  readonly #words = new Map<string, ts.Type>()
  /** The word that is being explained, which its own name would not explain. */
  #explained: ts.Type | undefined

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker
  }

  /** The words that occurred so far, and those that occur in them. */
  all(): WordDoc[] {
    const found: WordDoc[] = []
    // A map that grows is walked to its end.
    for (const [name, type] of this.#words) {
      const about = this.#docOf(type.aliasSymbol ?? type.symbol)
      this.#explained = type
      found.push({ name, about, ...(isClass(type) ? {} : { type: this.#structure(type, {}, false) }) })
    }
    this.#explained = undefined
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The one kind of object in a prop whose properties are shown: itself, in a list, or beside plain values. */
  objectIn(type: ts.Type): { type: ts.Type; isList: boolean } | undefined {
    if (this.#wordFor(type) !== undefined) return undefined
    const objects = membersOf(type).flatMap((member) => {
      const item = itemOf(member)
      if (item !== undefined && this.#wordFor(item) !== undefined) return []
      const inner = item === undefined ? [member] : membersOf(item)
      const shown = inner.filter((each) => isObject(each) && this.#wordFor(each) === undefined)
      return shown.map((each) => ({ type: each, isList: item !== undefined }))
    })
    return objects.length === 1 ? objects[0] : undefined
  }

  textOf(type: ts.Type, schema: JsonSchema): string {
    return this.#wordFor(type) ?? this.#structure(type, schema)
  }

  /** @param hasRows Whether the properties of its one kind of object have rows of their own. */
  #structure(type: ts.Type, schema: JsonSchema, hasRows = this.objectIn(type) !== undefined): string {
    const members = membersOf(type)
    const literals = members.filter((member) => member.isLiteral() || isBooleanLiteral(member))
    if (literals.length === members.length) return this.#literals(literals, schema)
    const others = members.filter((member) => !isBooleanLiteral(member))
    const hasBoth = members.length - others.length === 2
    const shown = others.map((member) => ({ rank: this.#rankOf(member), text: this.#member(member, hasRows) }))
    shown.sort((a, b) => a.rank - b.rank || byLength(a.text, b.text))
    const texts = [
      ...shown.map(({ text }) => text),
      ...(hasBoth ? ['boolean'] : members.filter(isBooleanLiteral).map((member) => this.#checker.typeToString(member))),
    ]
    return [...new Set(texts)].join(' | ')
  }

  /** Plain values come first, then objects and words, then lists. */
  #rankOf(type: ts.Type): number {
    return itemOf(type) !== undefined
      ? 2
      : (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0
        ? 1
        : 0
  }

  /** In the order of the schema, where it names them. */
  #literals(members: readonly ts.Type[], { enum: values }: JsonSchema): string {
    const texts = members.map((member) =>
      member.isStringLiteral() ? `'${member.value}'` : this.#checker.typeToString(member),
    )
    if (texts.length === 2 && texts.includes('true') && texts.includes('false')) return 'boolean'
    const order = Array.isArray(values)
      ? values.map((value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value)))
      : []
    return texts.sort((a, b) => order.indexOf(a) - order.indexOf(b) || byLength(a, b)).join(' | ')
  }

  #member(type: ts.Type, hasRows: boolean): string {
    const word = this.#wordFor(type)
    if (word !== undefined) return word
    const item = itemOf(type)
    if (item !== undefined) {
      const text = this.textOf(item, {})
      return text.includes(' | ') ? `(${text})[]` : `${text}[]`
    }
    if (type.isStringLiteral()) return `'${type.value}'`
    if (isObject(type)) return hasRows ? 'object' : (this.#nameOf(type) ?? this.#inline(type))
    const index = this.#checker.getIndexInfoOfType(type, ts.IndexKind.String)
    if (index !== undefined && !isForeign(type)) return `{ [name]: ${this.textOf(index.type, {})} }`
    return this.#checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation)
  }

  #inline(type: ts.Type): string {
    const parts = type.getProperties().map((property) => {
      const mark = property.flags & ts.SymbolFlags.Optional ? '?' : ''
      return `${property.name}${mark}: ${this.textOf(this.#checker.getTypeOfSymbol(property), {})}`
    })
    return `{ ${parts.join('; ')} }`
  }

  /** Classes, and aliases with a doc comment that stand for more than one object or a list of words. */
  #wordFor(type: ts.Type): string | undefined {
    if (type === this.#explained) return undefined
    const isPlain = isObject(type) || membersOf(type).every((member) => member.isLiteral())
    return isPlain ? undefined : this.#nameOf(type)
  }

  /** The first of a name stays: another may be its structure only. */
  #nameOf(type: ts.Type): string | undefined {
    const symbol = type.aliasSymbol ?? (isClass(type) ? type.symbol : undefined)
    if (symbol === undefined || isForeign(type) || this.#docOf(symbol) === '') return undefined
    if (!this.#words.has(symbol.name)) this.#words.set(symbol.name, type)
    return symbol.name
  }

  #docOf(symbol: ts.Symbol): string {
    return ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)).trim()
  }
}

/** The compiler's own order depends on what it has seen before. */
function byLength(a: string, b: string): number {
  return a.length - b.length || (a < b ? 1 : -1)
}

function isBooleanLiteral({ flags }: ts.Type): boolean {
  return (flags & ts.TypeFlags.BooleanLiteral) !== 0
}
