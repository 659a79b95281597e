// `platform`: the cluster on this machine. Needs no shopctl.yaml.
import { type Command, Option } from 'commander'
import type { PlatformUpInput } from '../commands/platform.ts'
import { additions } from '../platform/additions.ts'
import { seconds, wholeNumber } from './options.ts'
import type { Runner } from './runner.ts'

export function addPlatform(program: Command, { onPlatform }: Runner): void {
  const platform = program
    .command('platform')
    .description('the Kubernetes cluster on this machine: up, status, env, logs, down')
  const verb = (name: string, description: string): Command =>
    platform
      .command(name)
      .description(description)
      // Every command accepts --env; here it has no effect.
      .option('--env <name>', 'ignored: all environments share one platform')
      .option('--verbose', 'print the stacks of errors')
  const verbWithResult = (name: string, description: string): Command =>
    verb(name, description).option('--json', 'print one JSON document on stdout')

  verbWithResult('up', 'build what is missing and start what is not running')
    .option('--timeout <seconds>', 'how long each download or build may take', seconds, 3_600)
    .addOption(
      new Option(
        '--with <part>',
        'add a part, or upgrade it: observability, or Argo CD and a git server',
      ).choices(additions),
    )
    .addOption(
      new Option('--without <part>', 'remove a part with its data')
        .choices(additions)
        .conflicts('with'),
    )
    .action(async (input: Pick<PlatformUpInput, 'with' | 'without'>, command) => {
      const { with: added, without } = input
      const { platformUpCommand } = await import('../commands/platform.ts')
      await onPlatform(command, (context) =>
        platformUpCommand(context, { ...(added && { with: added }), ...(without && { without }) }),
      )
    })
  verbWithResult('status', 'show the components and their addresses').action(async (_, command) => {
    const { platformStatusCommand } = await import('../commands/platform.ts')
    await onPlatform(command, platformStatusCommand)
  })
  verbWithResult('env', 'print variables for a shell: eval "$(shopctl platform env)"').action(
    async (_, command) => {
      const { platformEnvCommand } = await import('../commands/platform.ts')
      await onPlatform(command, platformEnvCommand)
    },
  )
  verb('logs', 'print the last log lines of one component, or of all')
    .argument('[component]', 'name of a component, from `platform status`')
    .option('--follow', 'keep printing new lines')
    .option('--tail <lines>', 'number of lines per component', wholeNumber, 50)
    .action(
      async (
        component: string | undefined,
        { follow, tail }: { follow?: true; tail: number },
        command,
      ) => {
        const input = { component: component ?? null, follow: follow === true, tail }
        const { platformLogsCommand } = await import('../commands/platform.ts')
        await onPlatform(command, (context) => platformLogsCommand(context, input))
      },
    )
  verbWithResult('down', 'stop the platform and keep only its data')
    .option('--purge', 'delete its data and all builds too')
    .action(async ({ purge }: { purge?: true }, command) => {
      const { platformDownCommand } = await import('../commands/platform.ts')
      const input = { purge: purge === true }
      await onPlatform(command, (context) => platformDownCommand(context, input))
    })
}
