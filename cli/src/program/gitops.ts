// `gitops`: environments that Argo CD releases.
import type { Command } from 'commander'
import { addVerb, positiveNumber } from './options.ts'
import type { Runner } from './runner.ts'

export function addGitops(program: Command, { inEnvironment }: Runner): void {
  const gitops = program.command('gitops').description('what Argo CD releases: init, log')
  addVerb(gitops, 'init', 'write the config repo, and the Applications of Argo CD').action(
    async (_, command) => {
      const { gitopsInitCommand } = await import('../commands/gitops.ts')
      await inEnvironment(command, gitopsInitCommand)
    },
  )
  addVerb(gitops, 'log', 'list the commits of the environment, newest first')
    .option('--limit <n>', 'number of commits', positiveNumber, 20)
    .action(async (flags: { limit: number }, command) => {
      const { gitopsLogCommand } = await import('../commands/gitops.ts')
      await inEnvironment(command, (context) => gitopsLogCommand(context, flags))
    })
}
