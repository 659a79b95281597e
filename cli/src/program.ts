// The commander tree: flags become typed input, and only the verb that runs is loaded.
import { Command, InvalidArgumentError, Option } from 'commander'
import type { MoveInput } from './commands/switch.ts'
import type { Context } from './context.ts'
import type { Wish } from './release/messages.ts'
import { type Plane, planes } from './release/ports.ts'
import { type Color, colors } from './release/state.ts'

interface CommonFlags {
  env: string
  json?: true
  verbose?: true
  service?: string[]
}

interface MoveFlags {
  reason?: string
  timeout: number
  yes?: true
}

function list(value: string, before: string[] = []): string[] {
  const names = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  // An empty variable of a script would otherwise stand for no service, and be done at once.
  if (names.length === 0) throw new InvalidArgumentError('Expected a name.')
  return [...before, ...names]
}

function seconds(value: string): number {
  const number = Number(value.replace(/s$/, ''))
  if (!(number > 0)) throw new InvalidArgumentError('Expected a number of seconds above 0.')
  return number
}

function colorOption(does: string): Option {
  return new Option(
    '--color <color>',
    `${does}, refused where it is live (default: each service's standby)`,
  ).choices([...colors])
}

function deployTimeout(flag: string): Option {
  return new Option(`${flag} <seconds>`, 'how long a slot may take to become ready')
    .argParser(seconds)
    .default(180)
}

function switchTimeout(flag: string): Option {
  return new Option(`${flag} <seconds>`, 'how long a slot may take to take over')
    .argParser(seconds)
    .default(10)
}

function moveInput({ reason, timeout, yes }: MoveFlags): MoveInput {
  return {
    reason: reason ?? null,
    timeoutMs: timeout * 1000,
    yes: yes === true,
  }
}

/** Going without a test is a decision, and the records say why it was taken. */
function checkSkip(command: Command, flags: { skipSmoke?: true; reason?: string }): void {
  if (flags.skipSmoke && !flags.reason) command.error("error: --skip-smoke needs --reason '…'")
}

/** Loads the platform only for its own verbs; elsewhere the help just names it. */
export async function addPlatform(program: Command, argv: readonly string[]): Promise<void> {
  if (!argv.slice(0, 2).includes('platform')) {
    program
      .command('platform')
      .description('the Kubernetes cluster on this machine: up, status, env, logs, down')
    return
  }
  const [{ registerPlatform }, { createPlatformContext }] = await Promise.all([
    import('./commands/platform.ts'),
    import('./context.ts'),
  ])
  const context = await createPlatformContext()
  registerPlatform(program, () => context)
}

export function createProgram(signal: AbortSignal, version: string): Command {
  const program = new Command('shopctl')
    .description('Releases event-driven services blue-green: HTTP and consumers switch together.')
    .version(version)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })

  const contextOf = async (command: Command): Promise<Context> => {
    const flags = command.opts<CommonFlags>()
    const { createContext } = await import('./context.ts')
    return createContext({
      env: flags.env,
      json: flags.json === true,
      services: flags.service ?? null,
      signal,
    })
  }
  const whole = (name: string, description: string, parent = program): Command =>
    parent
      .command(name)
      .description(description)
      .option('--env <name>', 'environment of shopctl.yaml', 'local')
      .option('--json', 'one JSON document on stdout')
      .option('--verbose', 'stacks of errors')
  const verb = (name: string, description: string, parent = program): Command =>
    whole(name, description, parent).option(
      '--service <names>',
      'only these services: repeat it, or separate them by commas',
      list,
    )
  const moving = (command: Command): Command =>
    command
      .option('--reason <text>', 'why, for the records')
      .option('--yes', 'do not ask in a protected environment')

  verb('build', 'build the images whose inputs changed').action(async (_, command) => {
    const { buildCommand } = await import('./commands/build.ts')
    await buildCommand(await contextOf(command))
  })
  verb('push', 'bring the images into the registry').action(async (_, command) => {
    const { pushCommand } = await import('./commands/push.ts')
    await pushCommand(await contextOf(command))
  })
  verb('plan', 'say what deploy would do, and do nothing')
    .addOption(colorOption('the slot to write'))
    .action(async (flags: { color?: Color }, command) => {
      const { planCommand } = await import('./commands/plan.ts')
      await planCommand(await contextOf(command), { color: flags.color ?? null })
    })
  verb('deploy', 'write the standby slots and wait until they are ready')
    .addOption(colorOption('the slot to write'))
    .addOption(deployTimeout('--timeout'))
    .action(async (flags: { color?: Color; timeout: number }, command) => {
      const { deployCommand } = await import('./commands/deploy.ts')
      const timeoutMs = flags.timeout * 1000
      await deployCommand(await contextOf(command), { color: flags.color ?? null, timeoutMs })
    })
  verb('smoke', 'test the deployed slots through the preview Service').action(
    async (_, command) => {
      const { smokeCommand } = await import('./commands/smoke.ts')
      await smokeCommand(await contextOf(command))
    },
  )
  moving(verb('switch', 'make the deployed slots live, all at once'))
    .addOption(colorOption('the slot to make live'))
    .option('--skip-smoke', 'switch without a smoke test; needs --reason')
    .addOption(switchTimeout('--timeout'))
    .action(async (flags: MoveFlags & { color?: Color; skipSmoke?: true }, command) => {
      checkSkip(command, flags)
      const { switchCommand } = await import('./commands/switch.ts')
      const skipSmoke = flags.skipSmoke === true
      await switchCommand(await contextOf(command), {
        ...moveInput(flags),
        color: flags.color ?? null,
        skipSmoke,
      })
    })
  moving(verb('rollback', 'make the slots live again that served before the last switch'))
    .option('--to <release>', 'go back to what served after this release, while its slots stand')
    .addOption(switchTimeout('--timeout'))
    .action(async (flags: MoveFlags & { to?: string }, command) => {
      const { rollbackCommand } = await import('./commands/rollback.ts')
      await rollbackCommand(await contextOf(command), { ...moveInput(flags), to: flags.to ?? null })
    })
  verb('cleanup', 'remove the slots that do not serve').action(async (_, command) => {
    const { cleanupCommand } = await import('./commands/cleanup.ts')
    await cleanupCommand(await contextOf(command))
  })
  verb('status', 'what serves, what stands by, what is under way').action(async (_, command) => {
    const { statusCommand } = await import('./commands/status.ts')
    await statusCommand(await contextOf(command))
  })
  moving(verb('release', 'build, push, deploy, smoke and switch'))
    .addOption(colorOption('the slot to write and to make live'))
    .option('--skip-smoke', 'switch without a smoke test; needs --reason')
    .addOption(deployTimeout('--deploy-timeout'))
    .addOption(switchTimeout('--timeout'))
    .action(
      async (
        flags: MoveFlags & { color?: Color; skipSmoke?: true; deployTimeout: number },
        command,
      ) => {
        checkSkip(command, flags)
        const { releaseCommand } = await import('./commands/release.ts')
        await releaseCommand(await contextOf(command), {
          deploy: { color: flags.color ?? null, timeoutMs: flags.deployTimeout * 1000 },
          // What deploy wrote is what is switched to; a service that serves already need not be there.
          switch: { ...moveInput(flags), color: null, skipSmoke: flags.skipSmoke === true },
        })
      },
    )
  whole('audit', 'whether every order, payment and event is accounted for')
    .addOption(
      new Option('--plane <plane>', 'whose books').choices([...planes]).default('live' as Plane),
    )
    .addOption(
      new Option('--wait <seconds>', 'first wait until nothing is under way').argParser(seconds),
    )
    .action(async (flags: { plane: Plane; wait?: number }, command) => {
      const { auditCommand } = await import('./commands/audit.ts')
      const waitMs = flags.wait === undefined ? null : flags.wait * 1000
      await auditCommand(await contextOf(command), { plane: flags.plane, waitMs })
    })
  addMessages(program, verb, contextOf)
  return program
}

function addMessages(
  program: Command,
  verb: (name: string, description: string, parent: Command) => Command,
  contextOf: (command: Command) => Promise<Context>,
): void {
  const messages = program
    .command('messages')
    .description('events that got stuck: list, show, replay, discard')
  verb('list', 'those that are parked, tried again, or that nobody takes', messages).action(
    async (_, command) => {
      const { listCommand } = await import('./commands/messages.ts')
      await listCommand(await contextOf(command))
    },
  )
  verb('show', 'one of them, with its event', messages)
    .argument('<id>', 'as `messages list` shows it')
    .option('--reveal', 'payment tokens and e-mail addresses too')
    .action(async (id: string, flags: { reveal?: true }, command) => {
      const { showCommand } = await import('./commands/messages.ts')
      await showCommand(await contextOf(command), { id, reveal: flags.reveal === true })
    })
  const wishes = {
    replay: 'send parked ones to their service once more',
    discard: 'give parked ones up, for good',
  } as const
  for (const [wish, description] of Object.entries(wishes) as [Wish, string][])
    verb(wish, description, messages)
      .argument('[ids...]', 'as `messages list` shows them')
      .option('--all', 'all that are parked')
      .action(async (ids: string[], flags: { all?: true }, command) => {
        if (flags.all ? ids.length > 0 : ids.length === 0)
          command.error('error: either ids or --all have to be given')
        const { wishCommand } = await import('./commands/messages.ts')
        await wishCommand(await contextOf(command), { wish, ids: flags.all ? null : ids })
      })
}
