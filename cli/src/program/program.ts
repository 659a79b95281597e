// The commander tree. Flags become typed input; only the command that runs is loaded.
import { Command, CommanderError } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { refused } from '../errors.ts'
import { hasColors, widthOf } from '../output/terminal.ts'
import { addEksToken } from './eks-token.ts'
import { addGitops } from './gitops.ts'
import { helpFormat } from './help.ts'
import { addHold } from './hold.ts'
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
    signal,
  )
  const words = helpAsFlag(program, argv)
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander throws after --help and --version too.
    if (error.exitCode !== 0) throw badUsage(program, words, error)
  }
  return exitCode
}

/** Every command, with its options. */
export function createProgram(runner: Runner, signal: AbortSignal): Command {
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
  addHold(program, runner)
  program.commandsGroup('Inspect:')
  addInspection(program, runner)
  program.commandsGroup('Other:')
  addMessages(program, runner)
  addGitops(program, runner)
  addPlatform(program, runner)
  addEksToken(program, signal)
  refuseBlank(program)
  return program.helpCommand('help [command]', 'show the help of a command')
}

/** Commander's message, with the known commands and options as the hint. */
function badUsage(program: Command, argv: readonly string[], error: CommanderError): Error {
  const command = commandOf(program, argv)
  const known = visibleIn(command).map((each) => each.name())
  const names = known.filter((name) => name !== 'help').join(', ')
  const flags = command.options.map(({ long }) => long).join(', ')
  const early = earlyOption(command, argv, error.code)
  const advice = [
    ...(early ? [`Put ${early} after the command.`] : []),
    ...(names ? [`Commands: ${names}.`] : []),
    ...(command.parent && flags ? [`Options: ${flags}.`] : []),
  ]
  // Without a command, commander's message is the whole help.
  const text = error.code === 'commander.help' ? 'No command was given.' : error.message
  const [message = '', suggestion] = text.replace(/^error: /, '').split('\n')
  const hint = [suggestion?.replace(/^\((.*)\)$/, '$1'), ...advice].filter(Boolean).join(' ')
  return refused({ code: 'bad-usage', message, hint })
}

/** The option that stands before its command, such as `--json status`. */
function earlyOption(command: Command, argv: readonly string[], code: string): string | null {
  const flag = argv.find((word) => word.startsWith('-'))?.split('=')[0]
  if (code !== 'commander.unknownOption' || flag === undefined) return null
  const hasIt = ({ options }: Command): boolean => options.some(({ long }) => long === flag)
  const knows = (each: Command): boolean => hasIt(each) || visibleIn(each).some(knows)
  return !hasIt(command) && visibleIn(command).some(knows) ? flag : null
}

function visibleIn(command: Command): Command[] {
  return command.createHelp().visibleCommands(command)
}

/** `help a b` as `a b --help`. A word that names no command stays: it is refused as without `help`. */
function helpAsFlag(program: Command, argv: readonly string[]): string[] {
  const at = argv.indexOf('help')
  const asks = at >= 0 && namedBy(program, argv.slice(0, at)).length === at
  const parent = asks && commandOf(program, argv.slice(0, at))
  if (!parent || parent.commands.length === 0) return [...argv]
  const words = argv.filter((word, index) => index !== at && !word.startsWith('-'))
  const named = namedBy(program, words)
  const wrong = words[named.length]
  const isKnown = wrong === undefined || commandOf(program, words).commands.length === 0
  return [...named.map((each) => each.name()), isKnown ? '--help' : wrong]
}

/** The innermost command that the words name. */
function commandOf(program: Command, words: readonly string[]): Command {
  return namedBy(program, words).at(-1) ?? program
}

/** The commands that the first words name, the outermost first. */
function namedBy(command: Command, [word, ...rest]: readonly string[]): Command[] {
  const named = command.commands.find((each) => each.name() === word)
  return named ? [named, ...namedBy(named, rest)] : []
}
