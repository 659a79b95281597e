// `platform`: the cluster on this machine. It needs no shopctl.yaml.
import type { Command } from 'commander'
import { wholeNumber } from './options.ts'
import type { Runner } from './runner.ts'

export function addPlatform(program: Command, { onPlatform }: Runner): void {
  const platform = program
    .command('platform')
    .description('the Kubernetes cluster on this machine: up, status, env, logs, down')
  const verb = (name: string, description: string): Command =>
    platform
      .command(name)
      .description(description)
      // Every command takes it; here it changes nothing.
      .option('--env <name>', 'any: the platform is one for all environments')
      .option('--verbose', 'stacks of errors')
  const verbWithResult = (name: string, description: string): Command =>
    verb(name, description).option('--json', 'one JSON document on stdout')

  verbWithResult('up', 'build what is missing, start what does not run').action(
    async (_, command) => {
      const { platformUpCommand } = await import('../commands/platform.ts')
      await onPlatform(command, platformUpCommand)
    },
  )
  verbWithResult('status', 'what runs, and where').action(async (_, command) => {
    const { platformStatusCommand } = await import('../commands/platform.ts')
    await onPlatform(command, platformStatusCommand)
  })
  verbWithResult('env', 'variables for a shell: eval "$(shopctl platform env)"').action(
    async (_, command) => {
      const { platformEnvCommand } = await import('../commands/platform.ts')
      await onPlatform(command, platformEnvCommand)
    },
  )
  verb('logs', 'the last lines of the logs of a component, or of all')
    .argument('[component]', 'one of those that status names')
    .option('--follow', 'go on with what is added')
    .option('--tail <lines>', 'how many lines of each', wholeNumber, 50)
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
  verbWithResult('down', 'stop it and leave nothing behind but its data')
    .option('--purge', 'remove its data and everything that was built, too')
    .action(async ({ purge }: { purge?: true }, command) => {
      const { platformDownCommand } = await import('../commands/platform.ts')
      const input = { purge: purge === true }
      await onPlatform(command, (context) => platformDownCommand(context, input))
    })
}
