// The commands of a release.
import type { Command } from 'commander'
import {
  addChange,
  addServicesVerb,
  addVerb,
  addWholeChange,
  type ChangeFlags,
  type ColorFlag,
  changeOf,
  colorOption,
  deployTimeout,
  digests,
  dryRunOption,
  type FreezeFlags,
  freezeOf,
  idleTimeout,
  type LockFlag,
  lockOf,
  lockWait,
  noProbe,
  overrideFreeze,
  switchTimeout,
  timeSpan,
  watchOption,
} from './options.ts'
import type { Runner } from './runner.ts'

type StandardFlags = ChangeFlags & FreezeFlags & LockFlag

interface DeployFlags extends StandardFlags, ColorFlag {
  digests?: Record<string, string>
  /** Seconds. */
  timeout: number
}

interface SwitchFlags extends StandardFlags, ColorFlag {
  skipSmoke?: true
  despiteAlerts?: true
  probe: boolean
  /** Milliseconds. */
  watch?: number
  json?: true
  /** Seconds. */
  timeout: number
}

interface ResumeFlags extends ChangeFlags, LockFlag {
  probe: boolean
  /** Milliseconds. */
  watch?: number
  json?: true
  /** Seconds. */
  timeout: number
}

interface WatchFlags {
  /** Milliseconds. */
  for?: number
  /** Seconds. */
  timeout: number
}

interface RollbackFlags extends ChangeFlags, LockFlag {
  dryRun?: true
  to?: string
  emergency?: true
  probe: boolean
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
    .addOption(lockWait())
    .addOption(overrideFreeze())
    .action(async (flags: DeployFlags, command) => {
      const { digests = null, color = null } = flags
      const timeoutMs = flags.timeout * 1000
      const input = { ...standardOf(flags, command), color, digests, timeoutMs }
      const { deployCommand } = await import('../commands/deploy.ts')
      await inEnvironment(command, (context) => deployCommand(context, input))
    })
  addServicesVerb(program, 'smoke', 'test the standby slots through their preview Services')
    .addOption(lockWait())
    .action(async (flags: LockFlag, command) => {
      const { smokeCommand } = await import('../commands/smoke.ts')
      await inEnvironment(command, (context) => smokeCommand(context, lockOf(flags)))
    })
  addMoves(program, inEnvironment)
  addChange(program, 'cleanup', 'delete the slots that are not live, once nobody uses them')
    .option('--now', 'also what `keep` of shopctl.yaml keeps, or what is in use after --timeout')
    .addOption(idleTimeout())
    .addOption(lockWait())
    .addOption(overrideFreeze())
    .action(async (flags: StandardFlags & { now?: true; timeout: number }, command) => {
      const [now, timeoutMs] = [flags.now === true, flags.timeout * 1000]
      const input = { ...standardOf(flags, command), now, timeoutMs }
      const { cleanupCommand } = await import('../commands/cleanup.ts')
      await inEnvironment(command, (context) => cleanupCommand(context, input))
    })
  addLocks(program, inEnvironment)
}

function addLocks(program: Command, inEnvironment: Runner['inEnvironment']): void {
  const why = 'why, for others and for the journal'
  addVerb(program, 'lock', 'let nobody change the environment until you unlock it')
    .requiredOption('--reason <text>', why)
    .addOption(lockWait())
    .action(async ({ reason, ...flags }: LockFlag & { reason: string }, command) => {
      const { lockCommand } = await import('../commands/lock.ts')
      const input = { reason, ...lockOf(flags) }
      await inEnvironment(command, (context) => lockCommand(context, input))
    })
  addVerb(program, 'unlock', 'end a lock by hand, whoever made it')
    .requiredOption('--reason <text>', why)
    .addOption(lockWait())
    .action(async ({ reason, ...flags }: LockFlag & { reason: string }, command) => {
      const { unlockCommand } = await import('../commands/lock.ts')
      const input = { reason, ...lockOf(flags) }
      await inEnvironment(command, (context) => unlockCommand(context, input))
    })
}

function addMoves(program: Command, inEnvironment: Runner['inEnvironment']): void {
  addChange(program, 'switch', 'make the standby slots live, all at once')
    .addOption(colorOption('the slot to make live'))
    .option('--skip-smoke', 'switch without a smoke test; needs --reason')
    .option('--despite-alerts', 'switch although critical alerts fire; needs --reason')
    .addOption(dryRunOption('the checks and the plan'))
    .option('--pause-before', 'ask at the terminal after the checks, before anything is moved')
    .addOption(noProbe())
    .addOption(watchOption())
    .addOption(switchTimeout())
    .addOption(lockWait())
    .addOption(overrideFreeze())
    .action(async (flags: SwitchFlags & { dryRun?: true; pauseBefore?: true }, command) => {
      const [dryRun, pauseBefore] = [flags.dryRun === true, flags.pauseBefore === true]
      const input = { ...switchOf(flags, command), dryRun, pauseBefore }
      const { switchCommand } = await import('../commands/switch.ts')
      await inEnvironment(command, (context) => switchCommand(context, input))
    })
  addVerb(program, 'watch', 'judge the live release, and roll it back if it is worse than before')
    .argument('[release]', 'the id of the last switch, such as r-41')
    .option(
      '--for <span>',
      'how long, such as 5m (default: for what is left of its watch)',
      timeSpan,
    )
    .addOption(switchTimeout())
    .action(async (release: string | undefined, flags: WatchFlags, command) => {
      const { watchCommand } = await import('../commands/watch.ts')
      const [forMs, timeoutMs] = [flags.for ?? null, flags.timeout * 1000]
      const input = { release: release ?? null, forMs, timeoutMs }
      await inEnvironment(command, (context) => watchCommand(context, input))
    })
  addChange(program, 'rollback', 'go back to the slots that were live before the last switch')
    .option(
      '--to <release>',
      'go back to what was live after this release; deploys its images again where needed',
    )
    .option('--emergency', 'with Argo CD, while git is away: write to the cluster; needs --reason')
    .addOption(dryRunOption('the plan'))
    .addOption(noProbe())
    .addOption(deployTimeout('--deploy-timeout'))
    .addOption(switchTimeout())
    .addOption(lockWait('3m, and not at all for a lock by hand'))
    .action(async (flags: RollbackFlags, command) => {
      const { rollbackCommand } = await import('../commands/rollback.ts')
      const times = { timeoutMs: flags.timeout * 1000, deployTimeoutMs: flags.deployTimeout * 1000 }
      if (flags.emergency && !flags.reason) command.error("--emergency needs --reason '…'")
      const [emergency, dryRun] = [flags.emergency === true, flags.dryRun === true]
      const { to = null, probe } = flags
      const way = { to, emergency, dryRun, probe }
      const input = { ...changeOf(flags), ...lockOf(flags), ...way, ...times }
      await inEnvironment(command, (context) => rollbackCommand(context, input))
    })
  addWholeChange(program, 'resume', 'finish a switch or rollback that was interrupted')
    .addOption(noProbe())
    .addOption(watchOption())
    .addOption(switchTimeout())
    .addOption(lockWait())
    .action(async ({ probe, timeout, watch, json, ...flags }: ResumeFlags, command) => {
      const after = {
        watchMs: watch ?? null,
        probe,
        json: json === true,
        timeoutMs: timeout * 1000,
      }
      const input = { ...changeOf(flags), ...lockOf(flags), ...after }
      const { resumeCommand } = await import('../commands/resume.ts')
      await inEnvironment(command, (context) => resumeCommand(context, input))
    })
  addChange(program, 'release', 'build, push, deploy, smoke and switch')
    .addOption(colorOption('the slot to deploy to and make live'))
    .option('--skip-smoke', 'switch without a smoke test; needs --reason')
    .option('--despite-alerts', 'switch although critical alerts fire; needs --reason')
    .addOption(noProbe())
    .addOption(watchOption())
    .addOption(deployTimeout('--deploy-timeout'))
    .addOption(switchTimeout())
    .addOption(lockWait())
    .addOption(overrideFreeze())
    .action(async (flags: SwitchFlags & { deployTimeout: number }, command) => {
      const deployTimeoutMs = flags.deployTimeout * 1000
      const input = { ...switchOf(flags, command), deployTimeoutMs }
      const { releaseCommand } = await import('../commands/release.ts')
      await inEnvironment(command, (context) => releaseCommand(context, input))
    })
}

function standardOf(flags: StandardFlags, command: Command) {
  return { ...changeOf(flags), ...lockOf(flags), ...freezeOf(flags, command) }
}

function switchOf(flags: SwitchFlags, command: Command) {
  // The journal keeps the reason why a check was skipped.
  if (!flags.reason && flags.skipSmoke) command.error("--skip-smoke needs --reason '…'")
  if (!flags.reason && flags.despiteAlerts) command.error("--despite-alerts needs --reason '…'")
  return {
    ...standardOf(flags, command),
    color: flags.color ?? null,
    skipSmoke: flags.skipSmoke === true,
    despiteAlerts: flags.despiteAlerts === true,
    probe: flags.probe,
    watchMs: flags.watch ?? null,
    json: flags.json === true,
    timeoutMs: flags.timeout * 1000,
  }
}
