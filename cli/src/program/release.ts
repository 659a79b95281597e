// The commands of a release.
import type { Command } from 'commander'
import {
  addChange,
  addServicesVerb,
  type ChangeFlags,
  type ColorFlag,
  changeOf,
  colorOption,
  deployTimeout,
  digests,
  switchTimeout,
} from './options.ts'
import type { Runner } from './runner.ts'

interface DeployFlags extends ChangeFlags, ColorFlag {
  digests?: Record<string, string>
  /** Seconds. */
  timeout: number
}

interface SwitchFlags extends ChangeFlags, ColorFlag {
  skipSmoke?: true
  despiteAlerts?: true
  /** Seconds. */
  timeout: number
}

interface RollbackFlags extends ChangeFlags {
  to?: string
  emergency?: true
  /** Seconds. */
  timeout: number
  deployTimeout: number
}

export function addRelease(program: Command, { inEnvironment }: Runner): void {
  addServicesVerb(program, 'build', 'build the images whose inputs changed')
    .option('--no-cache', 'build all anew, from the newest base images')
    .action(async ({ cache }: { cache: boolean }, command) => {
      const { buildCommand } = await import('../commands/build.ts')
      await inEnvironment(command, (context) => buildCommand(context, { noCache: !cache }))
    })
  addServicesVerb(program, 'push', 'push the images to the registry').action(async (_, command) => {
    const { pushCommand } = await import('../commands/push.ts')
    await inEnvironment(command, pushCommand)
  })
  addChange(program, 'deploy', 'deploy to the standby slots and wait until they are ready')
    .addOption(colorOption('the slot to deploy to'))
    .option('--digests <json>', 'deploy exactly these images, pushed by another machine', digests)
    .addOption(deployTimeout('--timeout'))
    .action(async (flags: DeployFlags, command) => {
      const { deployCommand } = await import('../commands/deploy.ts')
      const { digests = null, color = null } = flags
      const input = { ...changeOf(flags), color, digests, timeoutMs: flags.timeout * 1000 }
      await inEnvironment(command, (context) => deployCommand(context, input))
    })
  addServicesVerb(program, 'smoke', 'test the standby slots through their preview Services').action(
    async (_, command) => {
      const { smokeCommand } = await import('../commands/smoke.ts')
      await inEnvironment(command, smokeCommand)
    },
  )
  addMoves(program, inEnvironment)
  addChange(program, 'cleanup', 'delete the slots that are not live').action(
    async (flags: ChangeFlags, command) => {
      const { cleanupCommand } = await import('../commands/cleanup.ts')
      await inEnvironment(command, (context) => cleanupCommand(context, changeOf(flags)))
    },
  )
}

function addMoves(program: Command, inEnvironment: Runner['inEnvironment']): void {
  addChange(program, 'switch', 'make the standby slots live, all at once')
    .addOption(colorOption('the slot to make live'))
    .option('--skip-smoke', 'switch without a smoke test; needs --reason')
    .option('--despite-alerts', 'switch although critical alerts fire; needs --reason')
    .addOption(switchTimeout())
    .action(async (flags: SwitchFlags, command) => {
      const input = switchOf(flags, command)
      const { switchCommand } = await import('../commands/switch.ts')
      await inEnvironment(command, (context) => switchCommand(context, input))
    })
  addChange(program, 'rollback', 'go back to the slots that were live before the last switch')
    .option(
      '--to <release>',
      'go back to what was live after this release; deploys its images again where needed',
    )
    .option('--emergency', 'with Argo CD, while git is away: write to the cluster; needs --reason')
    .addOption(deployTimeout('--deploy-timeout'))
    .addOption(switchTimeout())
    .action(async (flags: RollbackFlags, command) => {
      const { rollbackCommand } = await import('../commands/rollback.ts')
      const times = { timeoutMs: flags.timeout * 1000, deployTimeoutMs: flags.deployTimeout * 1000 }
      if (flags.emergency && !flags.reason) command.error("--emergency needs --reason '…'")
      const emergency = flags.emergency === true
      const input = { ...changeOf(flags), to: flags.to ?? null, emergency, ...times }
      await inEnvironment(command, (context) => rollbackCommand(context, input))
    })
  addChange(program, 'release', 'build, push, deploy, smoke and switch')
    .addOption(colorOption('the slot to deploy to and make live'))
    .option('--skip-smoke', 'switch without a smoke test; needs --reason')
    .option('--despite-alerts', 'switch although critical alerts fire; needs --reason')
    .addOption(deployTimeout('--deploy-timeout'))
    .addOption(switchTimeout())
    .action(async (flags: SwitchFlags & { deployTimeout: number }, command) => {
      const deployTimeoutMs = flags.deployTimeout * 1000
      const input = { ...switchOf(flags, command), deployTimeoutMs }
      const { releaseCommand } = await import('../commands/release.ts')
      await inEnvironment(command, (context) => releaseCommand(context, input))
    })
}

function switchOf(flags: SwitchFlags, command: Command) {
  // The journal keeps the reason why a check was skipped.
  if (!flags.reason && flags.skipSmoke) command.error("--skip-smoke needs --reason '…'")
  if (!flags.reason && flags.despiteAlerts) command.error("--despite-alerts needs --reason '…'")
  return {
    ...changeOf(flags),
    color: flags.color ?? null,
    skipSmoke: flags.skipSmoke === true,
    despiteAlerts: flags.despiteAlerts === true,
    timeoutMs: flags.timeout * 1000,
  }
}
