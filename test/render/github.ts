/** Markdown as GitHub renders it: CommonMark with GitHub's extensions, then an HTML parser as browsers have it. */
import { micromark } from 'micromark'
import { gfm, gfmHtml } from 'micromark-extension-gfm'
import { type DefaultTreeAdapterTypes as Tree, parseFragment } from 'parse5'
import * as assert from 'uvu/assert'

export type Element = Tree.Element
export type Parent = Tree.ParentNode

export function rendered(markdown: string): Tree.DocumentFragment {
  const html = micromark(markdown, { extensions: [gfm()], htmlExtensions: [gfmHtml()], allowDangerousHtml: true })
  return parseFragment(html, { sourceCodeLocationInfo: true })
}

export function* nodesOf(parent: Parent): Generator<Tree.ChildNode> {
  for (const node of parent.childNodes) {
    yield node
    if ('childNodes' in node) yield* nodesOf(node)
  }
}

export function elementsOf(parent: Parent, name: string): Element[] {
  return [...nodesOf(parent)].filter((node): node is Element => node.nodeName === name)
}

export function textOf(node: Tree.Node): string {
  if ('value' in node) return node.value
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : ''
}

const ELEMENTS = 'h3 p blockquote ul li strong code pre details summary table thead tbody tr th td'.split(' ')
const ATTRIBUTES = ['td align=left', 'th align=left', 'code class=language-diff', 'details open=']
/**
 * What GitHub makes something of in text, other than by Markdown: mentions, issues, commits, addresses, emoji, and marks
 * that would have to be markup by then.
 */
const LIVELY = /@\w|#\d|\bGH-\d|:\/\/|www\.|\b[0-9a-f]{7,40}\b|:[a-z0-9_+-]+:|[<>`*_~$\\|]/i

/**
 * That nothing of the text is anything but text.
 *
 * @param ours Comments of HTML that Keelson itself writes.
 */
export function assertInert(markdown: string, ours = 1): void {
  const tree = rendered(markdown)
  const comments = [...nodesOf(tree)].filter(({ nodeName }) => nodeName === '#comment')
  assert.is(comments.length, ours)
  assert.is(tree.childNodes[0], comments[0])
  for (const node of nodesOf(tree)) {
    if ('tagName' in node) assertKnown(node)
    if (node.nodeName === '#text' && 'value' in node && !isCode(node))
      assert.not.match(node.value, LIVELY, JSON.stringify(node.value.slice(0, 300)))
  }
  for (const row of elementsOf(tree, 'tr'))
    assert.is(row.childNodes.filter(({ nodeName }) => nodeName !== '#text').length, 5)
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  assert.not.match(markdown, /[\0-\x08\x0b-\x1f\x7f-\x9f]|\p{Bidi_Control}|\p{Cs}/u)
}

function assertKnown(node: Element): void {
  assert.ok(ELEMENTS.includes(node.tagName), `<${node.tagName}>`)
  for (const { name, value } of node.attrs) {
    const known = `${node.tagName} ${name}=${value}`
    assert.ok(ATTRIBUTES.includes(known), known)
  }
  // Without an end tag it reaches to the end of the comment, or as far as a parser's repairs.
  assert.ok(node.sourceCodeLocation?.endTag !== undefined || node.tagName === 'tbody', `<${node.tagName}> is open`)
}

function isCode(node: Tree.ChildNode): boolean {
  return node.parentNode !== null && node.parentNode.nodeName === 'code'
}
