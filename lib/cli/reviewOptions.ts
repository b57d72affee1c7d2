/**
 * The commands of `review`, and their arguments.
 */
import { type Command, Option } from 'commander'
import type { CommandContext } from './commandContext.ts'
import type { IssueFlags, PostFlags, PullFlags } from './commands/review.ts'
import type { ExitName } from '../engine/report.ts'
import { addGlobals, several } from './options.ts'

type Run = (work: () => Promise<ExitName>) => Promise<void>

/** @param examples Formats command lines for the help. */
export function addReview(
  program: Command,
  context: CommandContext,
  run: Run,
  examples: (...lines: string[]) => string,
): void {
  const load = () => import('./commands/review.ts')
  const review = program
    .command('review')
    .description('put plans on a pull request, and drift into an issue; no host is contacted')
    .addHelpText('after', examples('review post plan.json --pr 12', 'review issue plan.json'))
  addPull(addForge(review.command('post <file>').description('one comment for each host, edited in place')))
    .addOption(
      new Option('--comment <when>', 'when a comment is created; one that is there is always kept up to date')
        .choices(['always', 'changes', 'never'])
        .default('changes'),
    )
    .option('--untrusted', 'say that code of the pull request has made the plan')
    .addHelpText(
      'after',
      examples(
        'review post plan.json --pr 12',
        'review post plan.json --branch "$OWNER:$BRANCH" --head "$COMMIT" --untrusted',
      ),
    )
    .action((file: string, flags: PostFlags) => run(async () => (await load()).reviewPost(context, file, flags)))
  addPull(
    addForge(review.command('outdated').description('mark the comments of earlier commits, until a plan is posted')),
  )
    .addHelpText('after', examples('review outdated --pr 12'))
    .action((flags: PullFlags) => run(async () => (await load()).reviewOutdated(context, flags)))
  addForge(review.command('issue <file>').description('one issue about drift, closed when all hosts are in order'))
    .addOption(several('--label <label>', 'a label of the issue, when it is opened', 'none'))
    .addHelpText('after', examples('review issue plan.json --label drift'))
    .action((file: string, flags: IssueFlags) => run(async () => (await load()).reviewIssue(context, file, flags)))
}

function addForge(command: Command): Command {
  return addGlobals(command)
    .option('--repo <owner/name>', 'the repository; otherwise GITHUB_REPOSITORY')
    .option('--api <url>', 'URL of the REST API; otherwise GITHUB_API_URL, or that of GitHub')
    .option('--author <login>', 'account that writes, for a token that may not say it')
    .option('--run-url <url>', 'page of the run that the text links to')
}

function addPull(command: Command): Command {
  return command
    .option('--pr <number>', 'the pull request; otherwise the one of GITHUB_REF')
    .option('--branch <owner:branch>', 'in place of --pr: the branch of the pull request, also of a fork')
    .option('--head <commit>', 'refuse when the pull request has another commit at its head')
}
