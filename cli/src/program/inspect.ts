// The verbs that only look.
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
  addServicesVerb(program, 'status', 'what serves, what stands by, what is under way').action(
    async (_, command) => {
      const { statusCommand } = await import('../commands/status.ts')
      await inEnvironment(command, statusCommand)
    },
  )
  addServicesVerb(program, 'plan', 'say what deploy would do, and do nothing')
    .addOption(colorOption('the slot to write'))
    .action(async (flags: ColorFlag, command) => {
      const { planCommand } = await import('../commands/plan.ts')
      const input = { color: flags.color ?? null }
      await inEnvironment(command, (context) => planCommand(context, input))
    })
  addHistory(program, inEnvironment)
  addVerb(program, 'audit', 'whether everything is accounted for')
    .addOption(
      new Option('--plane <plane>', 'whose books').choices([...planes]).default('live' as Plane),
    )
    .addOption(
      new Option('--wait <seconds>', 'first wait until nothing is under way').argParser(seconds),
    )
    .action(async (flags: { plane: Plane; wait?: number }, command) => {
      const { auditCommand } = await import('../commands/audit.ts')
      const waitMs = flags.wait === undefined ? null : flags.wait * 1000
      const input = { plane: flags.plane, waitMs }
      await inEnvironment(command, (context) => auditCommand(context, input))
    })
}

function addHistory(program: Command, inEnvironment: Runner['inEnvironment']): void {
  const history = addVerb(program, 'history', 'the latest operations: who, when, why')
    .option('--limit <n>', 'how many', positiveNumber, 20)
    .action(async (input: { limit: number }, command) => {
      const { historyCommand } = await import('../commands/history.ts')
      await inEnvironment(command, (context) => historyCommand(context, { limit: input.limit }))
    })
  addVerb(history, 'show', 'one of them, with its phases and its proof')
    .argument('<id>', "an operation's number or a release, as `history` shows it")
    .action(async (id: string, _, command) => {
      const { historyShowCommand } = await import('../commands/history.ts')
      await inEnvironment(command, (context) => historyShowCommand(context, { id }))
    })
}
