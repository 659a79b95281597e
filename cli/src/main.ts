// argv, signals, exit code; the only catch.
import { type Command, CommanderError } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { refused } from './errors.ts'
import { tell } from './output/errors.ts'
import { addPlatform, createProgram } from './program.ts'

const argv = process.argv.slice(2)
const controller = new AbortController()
const program = createProgram(controller.signal, manifest.version)

/** One Ctrl-C may arrive twice, from the terminal and from the launcher; a later one means: at once. */
const sameMs = 1_000
let interruptedAt: number | null = null

function interrupt(): void {
  // A release lets go of its lock and puts back what is half-way; the platform is safe to interrupt anywhere.
  if (argv[0] === 'platform') process.exit(130)
  const now = performance.now()
  if (interruptedAt !== null && now - interruptedAt > sameMs) process.exit(130)
  interruptedAt ??= now
  controller.abort()
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt)
let exitCode: number | null = null
// Whoever reads may stop early, as `head` does; that is no failure, and hides none. What a command prints it prints
// at its end, so that a moment later it is known what it came to.
process.stdout.on('error', () => setImmediate(() => process.exit(exitCode ?? 0)))
// A terminal that is gone must not keep a release from letting go of what it holds.
process.stderr.on('error', () => {})

async function run(): Promise<number> {
  try {
    await addPlatform(program, argv)
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const told = tell(error instanceof CommanderError ? badUsage(error) : error, {
      verbose: argv.includes('--verbose'),
    })
    if (argv.includes('--json')) process.stdout.write(`${JSON.stringify(told.document)}\n`)
    process.stderr.write(`${told.text}\n`)
    return told.exitCode
  }
}

/** Commander's message, and the names that would have been right. */
function badUsage(error: CommanderError): Error {
  let command: Command = program
  for (const word of argv)
    command = command.commands.find((each) => each.name() === word) ?? command
  const known =
    command.commands.length > 0
      ? `Commands: ${command.commands.map((each) => each.name()).join(', ')}.`
      : `Options: ${command.options.map(({ long }) => long).join(', ')}.`
  // Without a command, commander answers with the whole help.
  const text = error.code === 'commander.help' ? 'No command was given.' : error.message
  const [message = '', suggestion] = text.replace(/^error: /, '').split('\n')
  const hint = suggestion ? `${suggestion.replace(/^\((.*)\)$/, '$1')} ${known}` : known
  return refused({ code: 'bad-usage', message, hint })
}

const outcome = await run()
exitCode = outcome
// Open connections must not hold a finished command back.
process.stdout.write('', () => process.exit(outcome))
