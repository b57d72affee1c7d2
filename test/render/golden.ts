/**
 * Texts that stand in files, each at the widths of two terminals. With GOLDEN=write the files are written anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import stringWidth from 'fast-string-width'
import * as assert from 'uvu/assert'
import type { Page } from '../../lib/render/text/page.ts'
import { paper } from './fixture.ts'

const WIDTHS = [80, 120] as const

/** @param now Milliseconds since 1970 at which the text is shown. */
export function assertGolden(name: string, render: (page: Page) => string, now: number): void {
  for (const width of WIDTHS) {
    const text = render({ ...paper, width, now: () => now })
    const file = new URL(`golden/${name}.${width}.txt`, import.meta.url)
    if (process.env['GOLDEN'] === 'write') writeFileSync(file, text)
    assert.fixture(text, readFileSync(file, 'utf8'), `${name} at ${width} columns`)
    assert.equal(tooWide(text, width), [], `${name} at ${width} columns`)
  }
}

/** Lines that a terminal would break inside a word. A word that has no room has a line of its own. */
function tooWide(text: string, width: number): string[] {
  return text.split('\n').filter((line) => stringWidth(line) > width && /\S\s+\S/.test(line))
}
