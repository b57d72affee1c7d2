/**
 * What the examples of a type give a prop.
 */
import ts from 'typescript'

/** A longer value explains nothing where one prop is shown. */
const LONGEST = 60

/**
 * Source text of the first value of a prop, such as `locations[].path`, in a call of the function.
 *
 * @returns Undefined where no example gives it in a few words.
 */
export function exampleOf(examples: readonly string[], call: string, name: string): string | undefined {
  const path = name.split(/\.|(?=\[\])/)
  const found = examples.flatMap((example) => {
    const source = ts.createSourceFile('example.ts', example, ts.ScriptTarget.Latest, true)
    return callsOf(source, call).flatMap((each) => valuesAt(each, path))
  })
  return found.map((node) => node.getText()).find((text) => text.length <= LONGEST && !text.includes('\n'))
}

/** The first value in a doc comment. */
export function exampleIn(about: string): string | undefined {
  const spans = [...about.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)
  return spans.find((span) => /^('.*'|\[.*\]|\{ .* \}|\d+)$/.test(span))
}

/** Props with which a function is called, or with which `absent` and `forget` are called for it. */
function callsOf(node: ts.Node, name: string): ts.Expression[] {
  const found: ts.Expression[] = []
  const visit = (each: ts.Node): void => {
    if (ts.isCallExpression(each)) {
      const words = [each.expression, ...each.arguments]
      const at = words.slice(0, 2).findIndex((word) => word.getText() === name)
      const props = at === -1 ? undefined : words[at + 1]
      if (props !== undefined) found.push(props)
    }
    ts.forEachChild(each, visit)
  }
  visit(node)
  return found
}

function valuesAt(node: ts.Expression, [key, ...rest]: readonly string[]): ts.Expression[] {
  if (key === undefined) return [node]
  if (key === '[]')
    return ts.isArrayLiteralExpression(node) ? node.elements.flatMap((each) => valuesAt(each, rest)) : []
  if (!ts.isObjectLiteralExpression(node)) return []
  const own = node.properties.find((property) => property.name?.getText() === key)
  return own !== undefined && ts.isPropertyAssignment(own) ? valuesAt(own.initializer, rest) : []
}
