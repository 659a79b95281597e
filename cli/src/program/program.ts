// The commander tree. Flags become typed input; only the command that runs is loaded.
import { Command, CommanderError } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { refused } from '../errors.ts'
import { hasColors, widthOf } from '../output/terminal.ts'
import { helpFormat } from './help.ts'
import { addInspection } from './inspect.ts'
import { addMessages } from './messages.ts'
import { refuseBlank } from './options.ts'
import { addPlatform } from './platform.ts'
import { addRelease } from './release.ts'
import { createRunner, type Runner } from './runner.ts'

/** Runs the command that argv names. Resolves to its exit code. */
export async function runProgram(argv: readonly string[], signal: AbortSignal): Promise<number> {
  let exitCode = 0
  const program = createProgram(
    createRunner(signal, (code) => {
      exitCode = code
    }),
  )
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander throws after --help and --version too.
    if (error.exitCode !== 0) throw badUsage(program, argv, error)
  }
  return exitCode
}

export function createProgram(runner: Runner): Command {
  const program = new Command('shopctl')
    .description('Releases event-driven services blue-green: HTTP and consumers switch together.')
    .version(manifest.version)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeErr: () => {},
      getOutHasColors: () => hasColors(process.stdout),
      getOutHelpWidth: () => (process.stdout.isTTY ? widthOf(process.stdout) : 80),
    })
    .configureHelp(helpFormat)
  program.commandsGroup('Release:')
  addRelease(program, runner)
  program.commandsGroup('Inspect:')
  addInspection(program, runner)
  program.commandsGroup('Other:')
  addMessages(program, runner)
  addPlatform(program, runner)
  refuseBlank(program)
  return program.helpCommand('help [command]', 'show the help of a command')
}

/** Commander's message, with the known commands and options as the hint. */
function badUsage(program: Command, argv: readonly string[], error: CommanderError): Error {
  const command = commandOf(program, argv)
  const names = command.commands.map((each) => each.name()).join(', ')
  const flags = command.options.map(({ long }) => long).join(', ')
  const known = [
    ...(names ? [`Commands: ${names}.`] : []),
    ...(command.parent && flags ? [`Options: ${flags}.`] : []),
  ]
  // Without a command, commander's message is the whole help.
  const text = error.code === 'commander.help' ? 'No command was given.' : error.message
  const [message = '', suggestion] = text.replace(/^error: /, '').split('\n')
  const hint = [suggestion?.replace(/^\((.*)\)$/, '$1'), ...known].filter(Boolean).join(' ')
  return refused({ code: 'bad-usage', message, hint })
}

/** The innermost command that the words name. */
function commandOf(command: Command, [word, ...rest]: readonly string[]): Command {
  const named = command.commands.find((each) => each.name() === word)
  return named ? commandOf(named, rest) : command
}
