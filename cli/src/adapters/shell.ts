// Runs other programs: the only importer of execa. Callers pass an argument vector, never a command line.
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { failed, interrupted, refused } from '../errors.ts'

export interface Command {
  program: string
  args: readonly string[]
  cwd?: string
  /** Added to the inherited environment. Secrets go here or into `input`, never into `args`. */
  env?: Readonly<Record<string, string>>
  /** Text for standard input. */
  input?: string
  signal?: AbortSignal
  /** After this time the program and its children are ended. */
  limit?: Limit
  /** For messages. Default: the program and its first argument. */
  title?: string
  /** false: only `onLine` gets the output, for programs without end. */
  keepOutput?: boolean
}

export interface Limit {
  seconds: number
  /** Where the user sets it: `timeouts.build` of shopctl.yaml. */
  setting: string
}

export interface Finished {
  /** As a shell reports it: 128 and the signal's number after a signal. */
  exitCode: number
  stdout: string
  stderr: string
  /** Both, in the order of writing. */
  output: string
}

export interface Shell {
  /** Returns any exit code. Throws when the program cannot be started, is interrupted or takes too long. */
  run(command: Command, onLine?: (line: string) => void): Promise<Finished>
  /** Returns stdout. Throws `failed` with the last lines of stderr on any exit code but 0. */
  check(command: Command, onLine?: (line: string) => void): Promise<string>
}

/** Between SIGTERM and SIGKILL. */
const graceMs = 5_000

/** The leaders of the process groups that run. */
const running = new Set<number>()
process.on('exit', () => {
  for (const leader of running) endGroup(leader, 'SIGTERM')
})

/** `usualLimit` is for commands without one. A program without end has none. */
export function createShell(usualLimit?: Limit): Shell {
  const run: Shell['run'] = async (command, onLine) => {
    const { program, args, input, cwd, env, signal, keepOutput = true } = command
    const limit = command.limit ?? (keepOutput ? usualLimit : undefined)
    if (signal?.aborted) throw interrupted()
    const subprocess = execa(program, args, {
      reject: false,
      all: true,
      buffer: keepOutput,
      // A process group of its own: a program's children are ended with it.
      detached: true,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      ...(cwd !== undefined && { cwd }),
      ...(env !== undefined && { env }),
    })
    if (onLine && subprocess.all) createInterface({ input: subprocess.all }).on('line', onLine)
    const stop = guard(subprocess.pid, signal, limit)
    const result = await subprocess
    const ended = stop()
    if (ended === 'late' && limit) throw late(command, limit, String(result.all ?? ''))
    // A terminal sends Ctrl-C to the program too. It may end before shopctl gets the signal.
    if (ended === 'interrupted' || result.signal === 'SIGINT') throw interrupted()
    if (result.exitCode === undefined && !result.isTerminated) {
      throw refused({
        code: 'program-missing',
        message: `${program} could not be started: ${result.originalMessage ?? result.shortMessage}`,
        hint: `Install ${program}, or put it on the PATH.`,
        cause: result,
      })
    }
    return {
      exitCode: result.exitCode ?? 128 + (result.signal ? constants.signals[result.signal] : 0),
      stdout: String(result.stdout ?? ''),
      stderr: String(result.stderr ?? ''),
      output: String(result.all ?? ''),
    }
  }
  return {
    run,
    async check(command, onLine) {
      const { exitCode, stdout, stderr } = await run(command, onLine)
      if (exitCode === 0) return stdout
      const last = (stderr.trim() || stdout.trim()).split('\n').slice(-12).join('\n')
      throw failed({
        code: 'program-failed',
        message: `${titleOf(command)} ended with exit code ${exitCode}:\n${last}`,
      })
    },
  }
}

function titleOf({ title, program, args }: Command): string {
  return title ?? [program, ...args.slice(0, 1)].join(' ')
}

/** Ends the group when the signal aborts or the time is up. The result is called at the end, and returns which it was. */
function guard(
  leader: number | undefined,
  signal: AbortSignal | undefined,
  limit: Limit | undefined,
): () => 'interrupted' | 'late' | null {
  if (leader === undefined) return () => null
  let why: 'interrupted' | 'late' | null = null
  let kill: NodeJS.Timeout | undefined
  const end = (cause: 'interrupted' | 'late'): void => {
    if (why) return
    why = cause
    endGroup(leader, 'SIGTERM')
    kill = setTimeout(() => endGroup(leader, 'SIGKILL'), graceMs)
  }
  const abort = (): void => end('interrupted')
  const timer = limit && setTimeout(() => end('late'), limit.seconds * 1000)
  running.add(leader)
  signal?.addEventListener('abort', abort)
  return () => {
    clearTimeout(timer)
    clearTimeout(kill)
    signal?.removeEventListener('abort', abort)
    // What it left behind ignored SIGTERM, or closed its output.
    if (why) endGroup(leader, 'SIGKILL')
    running.delete(leader)
    return why
  }
}

function endGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal)
  } catch {
    // It has ended.
  }
}

function late(command: Command, { seconds, setting }: Limit, output: string): Error {
  const last = output.trim().split('\n').slice(-5).join('\n')
  return failed({
    code: 'timed-out',
    message: `${titleOf(command)} did not end within ${seconds} s, the limit of ${setting}.${last && ` Its last lines:\n${last}`}`,
    hint: 'Find out what it waits for, or set a higher limit. Then run the command again.',
  })
}
