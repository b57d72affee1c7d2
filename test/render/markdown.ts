/** A plan as Markdown, made of the view alone, as any further form of output would be. */
import type { ChangeRow, Field, PlanView } from '../../lib/render/view/view.ts'

export function renderMarkdown({ head, rows, gathered, followUps, undo, closing }: PlanView): string {
  const lines = [
    `## ${plain(head.host)}: ${plain(head.sum)}`,
    ...head.remarks.map(({ kind, text }) => `> ${kind}: ${plain(text)}`),
    ...rows.flatMap(changeLines),
    ...gathered.map(({ kind, text, labels }) => `- **${kind}** ${plain(text)}: ${plain(labels.join(', '))}`),
    ...followUps.map(({ what, because }) => `- **follow-up** ${plain(what)}, because ${plain(because)}`),
    ...(undo?.stays ?? []).map(({ label, why }) => `* ${plain(label)} stays: ${plain(why)}`),
    plain(closing),
  ]
  return `${lines.join('\n')}\n`
}

function changeLines({ sign, label, where, notes, fields, loads }: ChangeRow): string[] {
  const said = notes.map(({ tone, text }) => ` ${tone === 'danger' ? `**${plain(text)}**` : plain(text)}`)
  return [
    `- **${sign}** ${plain(label)} (${plain(where)})${said.join(';')}`,
    ...fields.flatMap((field) => [`  - ${plain(field.name)} ${plain(brief(field))}`, ...diffLines(field)]),
    ...loads.map(({ what, because }) => `  - ${plain(what)}, because ${plain(because)}`),
  ]
}

function brief(field: Field): string {
  if (field.form === 'new') return field.value
  if (field.form === 'value') return `${field.before} → ${field.after}`
  if (field.form === 'list')
    return [...field.gains.map((one) => `+${one}`), ...field.losses.map((one) => `-${one}`)].join()
  return field.form === 'secret' ? '(secret)' : (field.difference?.words ?? 'differs')
}

function diffLines(field: Field): string[] {
  const { hunks = [] } = (field.form === 'text' ? field.difference : undefined) ?? {}
  return hunks.flatMap(({ lines }) => ['    ~~~~~~diff', ...lines.map((line) => `    ${line}`), '    ~~~~~~'])
}

const plain = (text: string): string => text.replaceAll(/[\\`*_[\]<>|]/g, '\\$&')
