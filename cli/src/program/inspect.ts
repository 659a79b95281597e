// The commands that change nothing.
import { type Command, Option } from 'commander'
import { type HistoryFilter, shownOutcomes, shownVerbs } from '../inspect/history-filter.ts'
import { type Plane, planes } from '../release/ports/cluster.ts'
import { colors } from '../release/slot.ts'
import {
  addServicesVerb,
  addVerb,
  type ColorFlag,
  colorOption,
  logLimit,
  positiveNumber,
  seconds,
  someOf,
  timeSpan,
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
  addVerb(program, 'diagnose', 'say what is wrong, and which command to run next')
    .argument('[service]', 'only this service')
    .action(async (service: string | undefined, _, command) => {
      const { diagnoseCommand } = await import('../commands/diagnose.ts')
      const input = { service: service ?? null }
      await inEnvironment(command, (context) => diagnoseCommand(context, input))
    })
  addPlan(program, inEnvironment)
  addHistory(program, inEnvironment)
  addReport(program, inEnvironment)
  addLogs(program, inEnvironment)
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

interface PlanFlags extends ColorFlag {
  from?: string
  to?: string
  service?: string[]
}

function addPlan(program: Command, inEnvironment: Runner['inEnvironment']): void {
  addServicesVerb(program, 'plan', 'show what deploy or a merge would do, and change nothing')
    .addOption(colorOption('the slot to deploy to').conflicts(['from', 'to']))
    .option('--from <commit>', 'of the config repo: what is live, such as main')
    .option('--to <commit>', 'of the config repo: what would be merged, such as HEAD')
    .action(async ({ from, to, color, service }: PlanFlags, command: Command) => {
      if (from === undefined && to === undefined) {
        const { planCommand } = await import('../commands/plan.ts')
        const input = { color: color ?? null }
        return inEnvironment(command, (context) => planCommand(context, input))
      }
      if (from === undefined || to === undefined)
        command.error('Give both --from and --to, such as --from main --to HEAD')
      if (service) command.error('--service does not go with --from: a merge is for all services')
      const { planMergeCommand } = await import('../commands/plan-merge.ts')
      await inEnvironment(command, (context) => planMergeCommand(context, { from, to }))
    })
}

interface LogFlags extends ColorFlag {
  /** Milliseconds. */
  since?: number
  grep?: string
  order?: string
  limit: number
  follow?: true
  json?: true
}

function addLogs(program: Command, inEnvironment: Runner['inEnvironment']): void {
  addVerb(program, 'logs', 'show what the services wrote, both colors in order of time')
    .argument('[service]', 'only this service')
    .addOption(new Option('--color <color>', 'only this color').choices([...colors]))
    .option(
      '--since <span>',
      'only the lines of the last 30s, 10m, 2h and so on (default: 10m; all with --order)',
      timeSpan,
    )
    .option('--grep <text>', 'only lines with exactly this text in them')
    .option('--order <id>', 'only lines with this id in them: one order, in all services')
    .option('--limit <n>', 'at most this number of lines, the latest', logLimit, 1_000)
    .option('--follow', 'keep printing new lines, until Ctrl-C')
    .action(async (service: string | undefined, flags: LogFlags, command) => {
      const { logsCommand } = await import('../commands/logs.ts')
      const { color = null, since = null, grep = null, order = null, limit } = flags
      const input = { service: service ?? null, color, sinceMs: since, grep, order, limit }
      const more = { follow: flags.follow === true, json: flags.json === true }
      await inEnvironment(command, (context) => logsCommand(context, { ...input, ...more }))
    })
}

interface HistoryFlags {
  verb?: HistoryFilter['verbs']
  outcome?: HistoryFilter['outcomes']
  limit: number
}

function addHistory(program: Command, inEnvironment: Runner['inEnvironment']): void {
  const history = addServicesVerb(program, 'history', 'list the latest operations')
    .option('--verb <verbs>', `only ${shownVerbs.join(', ')}`, someOf(shownVerbs))
    .option('--outcome <outcomes>', `only ${shownOutcomes.join(', ')}`, someOf(shownOutcomes))
    .option('--limit <n>', 'number of operations', positiveNumber, 20)
    .action(async ({ verb = null, outcome = null, limit }: HistoryFlags, command) => {
      const { historyCommand } = await import('../commands/history.ts')
      const input = { verbs: verb, outcomes: outcome, limit }
      await inEnvironment(command, (context) => historyCommand(context, input))
    })
  addVerb(history, 'show', 'show one operation with its phases and its proof')
    .argument('<id>', 'number of an operation or a release, from `history`')
    .action(async (id: string, _, command) => {
      const { historyShowCommand } = await import('../commands/history.ts')
      await inEnvironment(command, (context) => historyShowCommand(context, { id }))
    })
}

function addReport(program: Command, inEnvironment: Runner['inEnvironment']): void {
  addVerb(
    program,
    'report',
    'write a page about a switch, a rollback or a deploy, with its figures',
  )
    .argument('<id>', 'number of an operation or a release, from `history`')
    .option('-o, --output <file>', 'the page (default: <id>.html)')
    .action(async (id: string, { output }: { output?: string }, command) => {
      const { reportCommand } = await import('../commands/report.ts')
      const input = { id, file: output ?? null }
      await inEnvironment(command, (context) => reportCommand(context, input))
    })
}
