/**
 * plan show: the plans in a file, in one of several forms; no host is contacted.
 */
import type { PlanFile } from '../../engine/plan/planFile.ts'
import type { ExitName } from '../../engine/report.ts'
import { cleanJson } from '../../render/clean.ts'
import { renderHtml } from '../../render/html/planHtml.ts'
import { renderMarkdown } from '../../render/markdown/planMarkdown.ts'
import type { Page } from '../../render/text/page.ts'
import { renderPlanFile } from '../../render/text/planFileText.ts'
import { viewPlanFile } from '../../render/view/planFileView.ts'
import { viewReviews } from '../../render/view/review.ts'
import type { CommandContext } from '../commandContext.ts'
import type { ShowFlags } from '../options.ts'
import { readPlanFile } from '../planFile.ts'

const markdown = (file: PlanFile): string => viewReviews(file).map(renderMarkdown).join('\n')

const FORMS: { readonly [form in ShowFlags['as']]: (file: PlanFile, page: Page) => string } = {
  text: (file, page) => renderPlanFile(viewPlanFile(file), page),
  markdown,
  md: markdown,
  html: (file) => renderHtml(viewReviews(file)),
  json: (file) => `${cleanJson(file)}\n`,
}

export async function planShow({ output, json }: CommandContext, path: string, flags: ShowFlags): Promise<ExitName> {
  const file = await readPlanFile(path)
  output.out.write(FORMS[json ? 'json' : flags.as](file, output.out.page))
  return 'ok'
}
