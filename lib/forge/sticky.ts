/**
 * Texts that are kept up to date on a forge: one comment, or one issue, found by its first line and its own author.
 * Anybody can write that first line.
 */
import { ForgeError, Gone, TooLong, Uncertain } from './errors.ts'
import {
  type Comment,
  createComment,
  createIssue,
  deleteComment,
  editComment,
  editIssue,
  type Issue,
  readComments,
  readIssues,
  type Repository,
} from './github.ts'
import { backOff } from './request.ts'

/** An account of the forge that writes. */
export type Writer = Repository & { author: string }

export type Kept = { action: 'created' | 'updated' | 'unchanged' | 'closed' | 'none'; url?: string }

/** The text for what is there; `short` when the forge takes no long one. Undefined: nothing is to be created. */
export type Write = (known: Comment | undefined, short: boolean) => string | undefined

/** Times that a text is written anew, because it was deleted meanwhile, or no answer said whether it was written. */
const ATTEMPTS = 4

export function isBy({ author: own }: Writer, marker: string, { author, body }: Comment): boolean {
  return author.toLowerCase() === own.toLowerCase() && (body === marker || body.startsWith(`${marker}\n`))
}

/**
 * Creates or edits the one comment of a marker.
 *
 * @param marker First line of the text.
 */
export function keepComment(writer: Writer, number: number, marker: string, write: Write): Promise<Kept> {
  return insisting(writer, async () => {
    const [known, ...others] = (await readComments(writer, number)).filter((each) => isBy(writer, marker, each))
    const kept = await shortened(async (short) => {
      const body = write(known, short)
      if (body === undefined) return { action: 'none' }
      if (known === undefined) {
        const { url, author } = await createComment(writer, number, body)
        requireOwn(writer, author)
        return { action: 'created', url }
      }
      // A forge may take white space off the end.
      if (known.body.trimEnd() === body.trimEnd()) return { action: 'unchanged', url: known.url }
      const { url } = await editComment(writer, known.id, body)
      return { action: 'updated', url }
    })
    // Two runs at the same time may both have created one.
    for (const { id } of others) await deleteComment(writer, id)
    return kept
  })
}

/**
 * Opens or edits the one open issue of a marker, and closes it.
 *
 * @param marker First line of its text.
 * @param text Undefined: what is open gets the text `closing`, and is closed.
 */
export function keepIssue(
  writer: Writer,
  marker: string,
  text: { title: string; body: string; labels: string[] } | undefined,
  closing: { title: string; body: string },
): Promise<Kept> {
  return insisting(writer, async () => {
    const open = (await readIssues(writer, writer.author)).filter((each) => isBy(writer, marker, each))
    const [known, ...others] = open
    const done = text === undefined ? open : others
    for (const { number } of done)
      await editIssue(writer, number, { ...closing, state: 'closed', state_reason: 'completed' })
    if (text !== undefined) return known === undefined ? createdIssue(writer, text) : updatedIssue(writer, known, text)
    return known === undefined ? { action: 'none' } : { action: 'closed', url: known.url }
  })
}

async function createdIssue(writer: Writer, text: Parameters<typeof createIssue>[1]): Promise<Kept> {
  const { url, author } = await createIssue(writer, text)
  requireOwn(writer, author)
  return { action: 'created', url }
}

/** The labels are left to people once it is open. */
async function updatedIssue(
  writer: Writer,
  known: Issue,
  { title, body }: { title: string; body: string },
): Promise<Kept> {
  if (known.body.trimEnd() === body.trimEnd()) return { action: 'unchanged', url: known.url }
  const { url } = await editIssue(writer, known.number, { title, body })
  return { action: 'updated', url }
}

/** Looks anew before each attempt, so that nothing is written twice. */
async function insisting(writer: Writer, work: () => Promise<Kept>): Promise<Kept> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const isWorth = error instanceof Gone || error instanceof Uncertain
      if (!isWorth || attempt === ATTEMPTS) throw error
      if (error instanceof Uncertain) await backOff(writer, attempt, error.message)
    }
  }
}

async function shortened(work: (short: boolean) => Promise<Kept>): Promise<Kept> {
  try {
    return await work(false)
  } catch (error) {
    if (!(error instanceof TooLong)) throw error
    return work(true)
  }
}

/** @throws {ForgeError} When the next run would not find what this one wrote. */
function requireOwn({ author: own }: Writer, author: string): void {
  if (author === '' || author.toLowerCase() === own.toLowerCase()) return
  throw new ForgeError(`it was written as ${author}, and looked for as ${own}`, {
    next: `give --author ${author}, or each run writes another one`,
  })
}
