// The commands for what is on hold.
import type { Command } from 'commander'
import { addVerb, isDigestStart, type LockFlag, lockOf, lockWait } from './options.ts'
import type { Runner } from './runner.ts'

export function addHold(program: Command, { inEnvironment }: Runner): void {
  const hold = addVerb(program, 'hold', 'list the images that a rollback has put on hold').action(
    async (_, command) => {
      const { holdCommand } = await import('../commands/hold.ts')
      await inEnvironment(command, holdCommand)
    },
  )
  addVerb(hold, 'release', 'let images go live again that a rollback has put on hold')
    .argument('<digests...>', 'their digests, as `hold` shows them')
    .requiredOption('--reason <text>', 'why, for others and for the journal')
    .addOption(lockWait())
    .action(async (digests: string[], flags: LockFlag & { reason: string }, command) => {
      const { reason } = flags
      const other = digests.find((digest) => !isDigestStart(digest))
      if (other !== undefined)
        command.error(`Expected a digest, such as sha256:6c9086ebd2f1, not ${other}.`)
      const { holdReleaseCommand } = await import('../commands/hold.ts')
      const input = { digests, reason, ...lockOf(flags) }
      await inEnvironment(command, (context) => holdReleaseCommand(context, input))
    })
}
