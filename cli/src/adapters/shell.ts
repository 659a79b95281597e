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
  timeoutMs?: number
  /** false: only `onLine` gets the output, for programs without end. */
  keepOutput?: boolean
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
  /** Returns any exit code. Throws when the program cannot be started or is interrupted. */
  run(command: Command, onLine?: (line: string) => void): Promise<Finished>
  /** Returns stdout. Throws `failed` with the last lines of stderr on any exit code but 0. */
  check(command: Command, onLine?: (line: string) => void): Promise<string>
}

export function createShell(): Shell {
  const run: Shell['run'] = async (command, onLine) => {
    const { program, args, input, cwd, env, signal, timeoutMs, keepOutput = true } = command
    const subprocess = execa(program, args, {
      reject: false,
      all: true,
      buffer: keepOutput,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      ...(cwd !== undefined && { cwd }),
      ...(env !== undefined && { env }),
      ...(signal !== undefined && { cancelSignal: signal }),
      ...(timeoutMs !== undefined && { timeout: timeoutMs }),
    })
    if (onLine && subprocess.all) createInterface({ input: subprocess.all }).on('line', onLine)
    const result = await subprocess
    // A terminal sends Ctrl-C to the program too. It may end before shopctl gets the signal.
    if (result.isCanceled || result.signal === 'SIGINT') throw interrupted()
    if (result.exitCode === undefined && !result.isTerminated && !result.timedOut) {
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
        message: `${command.program} ${command.args[0] ?? ''} ended with exit code ${exitCode}:\n${last}`,
      })
    },
  }
}
