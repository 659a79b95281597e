// argv, signals, exit code; the only catch.
import { runProgram } from './program/program.ts'

const argv = process.argv.slice(2)
const controller = new AbortController()

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
    return await runProgram(argv, controller.signal)
  } catch (error) {
    const { report } = await import('./output/errors.ts')
    return report(error, { json: argv.includes('--json'), verbose: argv.includes('--verbose') })
  }
}

exitCode = await run()
// Open connections must not hold a finished command back.
process.stdout.write('', () => process.exit(exitCode ?? 0))
