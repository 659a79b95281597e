// The commands that change nothing.
import { type Command, Option } from 'commander'
import { type Plane, planes } from '../release/ports/cluster.ts'
import {
  addServicesVerb,
  addVerb,
  type ColorFlag,
  colorOption,
  positiveNumber,
  seconds,
} from './options.ts'
import type { Runner } from './runner.ts'

export function addInspection(program: Command, { inEnvironment }: Runner): void {
  addServicesVerb(
    program,
    'status',
    'show what is live, what is on standby and what is running',
  ).action(async (_, command) => {
    const { statusCommand } = await import('../commands/status.ts')
    await inEnvironment(command, statusCommand)
  })
  addServicesVerb(program, 'plan', 'show what deploy would do, and change nothing')
    .addOption(colorOption('the slot to deploy to'))
    .action(async (flags: ColorFlag, command) => {
      const { planCommand } = await import('../commands/plan.ts')
      const input = { color: flags.color ?? null }
      await inEnvironment(command, (context) => planCommand(context, input))
    })
  addHistory(program, inEnvironment)
  addVerb(program, 'audit', 'check whether the accounts of all services balance')
    .addOption(
      new Option('--plane <plane>', 'plane to audit').choices([...planes]).default('live' as Plane),
    )
    .addOption(
      new Option('--wait <seconds>', 'first wait this long until nothing is in flight').argParser(
        seconds,
      ),
    )
    .action(async (flags: { plane: Plane; wait?: number }, command) => {
      const { auditCommand } = await import('../commands/audit.ts')
      const waitMs = flags.wait === undefined ? null : flags.wait * 1000
      const input = { plane: flags.plane, waitMs }
      await inEnvironment(command, (context) => auditCommand(context, input))
    })
}

function addHistory(program: Command, inEnvironment: Runner['inEnvironment']): void {
  const history = addVerb(program, 'history', 'list the latest operations')
    .option('--limit <n>', 'number of operations', positiveNumber, 20)
    .action(async (input: { limit: number }, command) => {
      const { historyCommand } = await import('../commands/history.ts')
      await inEnvironment(command, (context) => historyCommand(context, { limit: input.limit }))
    })
  addVerb(history, 'show', 'show one operation with its phases and its proof')
    .argument('<id>', 'number of an operation or a release, from `history`')
    .action(async (id: string, _, command) => {
      const { historyShowCommand } = await import('../commands/history.ts')
      await inEnvironment(command, (context) => historyShowCommand(context, { id }))
    })
}
