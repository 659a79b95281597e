// argv, signals, exit code; the only catch.
import { runProgram } from './program/program.ts'

const argv = process.argv.slice(2)
const controller = new AbortController()

/** The terminal and bin/shopctl.js may both deliver one Ctrl-C. A second one after this time exits at once. */
const sameMs = 1_000
let interruptedAt: number | null = null
/** A cancelled job gets SIGINT, SIGTERM after 7.5 s, and is killed after 10 s: nobody waits for it, and it may need them. */
const isJob = process.env.GITHUB_ACTIONS === 'true'

function interrupt(): void {
  // A release undoes what is incomplete and releases its lock. The platform can be interrupted anywhere.
  if (argv[0] === 'platform') process.exit(130)
  const now = performance.now()
  if (interruptedAt !== null && now - interruptedAt > sameMs && !isJob) {
    process.stderr.write('Stopped at once. The lock expires within 15 s; run `shopctl status`.\n')
    process.exit(130)
  }
  interruptedAt ??= now
  controller.abort()
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt)
let exitCode: number | null = null
let isLost = false
// The reader of stdout may stop early, as `head` does. That is no failure, but a full disk is one. A command prints its
// result at its end, so its exit code is known a moment later.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code !== 'EPIPE' && !isLost) {
    isLost = true
    process.stderr.write(`✗ The output could not be written: ${message}\n`)
  }
  setImmediate(end)
})

function end(): void {
  process.exit(exitCode || (isLost ? 1 : 0))
}

// Without its terminal, a release must still release its lock.
process.stderr.on('error', () => {})

async function run(): Promise<number> {
  try {
    return await runProgram(argv, controller.signal)
  } catch (error) {
    const { report } = await import('./output/errors.ts')
    const [json, verbose] = [argv.includes('--json'), argv.includes('--verbose')]
    return report(error, { json, verbose, title: `shopctl ${argv[0] ?? ''}`.trim() })
  }
}

exitCode = await run()
// Open connections must not delay the end of the command.
process.stdout.write('', () => setImmediate(end))
