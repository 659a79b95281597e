// Runs other programs: the only importer of execa. Callers pass an argument vector, never a command line.
import type { ChildProcess } from 'node:child_process'
import { access, constants as modes } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { delimiter, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { failed, interrupted, refused } from '../errors.ts'

export interface Command {
  program: string
  args: readonly string[]
  cwd?: string
  /** Added to the inherited environment. Secrets go here or into `input`, never into `args`. */
  env?: Readonly<Record<string, string>>
  /** For standard input. */
  input?: string | Uint8Array
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
  /** Without masks. */
  stderr: string
  /** Both, in the order of writing, without masks. */
  output: string
}

export interface Shell {
  /** Returns any exit code. Throws when the program cannot be started, is interrupted or takes too long. */
  run(command: Command, onLine?: (line: string) => void): Promise<Finished>
  /** Returns stdout. Throws `failed` with the last lines of stderr on any exit code but 0. */
  check(command: Command, onLine?: (line: string) => void): Promise<string>
}

/** Variables with which a program reaches these hosts directly. None where no proxy is set. */
export function withoutProxy(
  hosts: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']
  if (!names.some((name) => env[name] || env[name.toLowerCase()])) return {}
  const list = [env.NO_PROXY || env.no_proxy, ...hosts].filter(Boolean).join(',')
  // Go reads either, curl the second one.
  return { NO_PROXY: list, no_proxy: list }
}

/** Between SIGTERM and SIGKILL. */
const graceMs = 5_000

/** What was written before the SIGKILL is read by then. */
const lastLinesMs = 500

/** The leaders of the process groups that run. */
const running = new Set<number>()
process.on('exit', () => {
  for (const leader of running) endGroup(leader, 'SIGTERM')
})

/**
 * Becomes the program. Before, it starts a watcher in the program's process group. File 3 is a socket to shopctl. A line
 * from it ends the watcher. If shopctl ends without it, even by SIGKILL, the whole group gets the signal $0.
 */
const guarded = `( (trap '' HUP INT TERM; read -r end <&3 || kill -s "$0" 0) </dev/null >/dev/null 2>&1 &)
exec "$@" 3<&-`

/**
 * `usualLimit` is for commands without one. A program without end has none. `orphaned` is what programs get when shopctl
 * ends before them.
 */
export function createShell(
  usualLimit?: Limit,
  orphaned: 'SIGKILL' | 'SIGTERM' = 'SIGKILL',
): Shell {
  const run: Shell['run'] = async (command, onLine) => {
    const { program, args, input, cwd, env, signal, keepOutput = true } = command
    const limit = command.limit ?? (keepOutput ? usualLimit : undefined)
    if (!(await isProgram(command))) throw missing(program, 'it is not on the PATH.')
    if (signal?.aborted) throw interrupted()
    const subprocess = execa('sh', ['-c', guarded, orphaned.slice(3), program, ...args], {
      reject: false,
      all: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
      buffer: { stdout: keepOutput, stderr: keepOutput, all: keepOutput, fd3: false },
      // A process group of its own: a program's children are ended with it.
      detached: true,
      ...(input !== undefined && { input }),
      ...(cwd !== undefined && { cwd }),
      // A git that is killed must leave no .git/index.lock, also one that the program starts.
      env: { GIT_OPTIONAL_LOCKS: '0', ...env },
    })
    if (onLine && subprocess.all) {
      const lines = createInterface({ input: subprocess.all })
      lines.on('line', (line) => isMask(line) || onLine(line))
    }
    const { nodeChildProcess: child } = subprocess
    child.once('exit', () => (child.stdio[3] as Socket).end('\n'))
    const stop = guard(child, signal, limit)
    const result = await subprocess
    const ended = stop()
    const output = withoutMasks(String(result.all ?? ''))
    if (ended === 'late' && limit) throw late(command, limit, output)
    // Or the user interrupted the program alone.
    if (ended === 'interrupted' || result.signal === 'SIGINT') throw interrupted()
    if (result.exitCode === undefined && !result.isTerminated)
      throw missing(program, result.originalMessage ?? result.shortMessage ?? '', result)
    return {
      exitCode: result.exitCode ?? 128 + (result.signal ? constants.signals[result.signal] : 0),
      stdout: String(result.stdout ?? ''),
      stderr: withoutMasks(String(result.stderr ?? '')),
      output,
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

/** A script for GitHub, such as another shopctl, names secrets there in clear. They are for the runner alone. */
function isMask(line: string): boolean {
  return line.trimStart().startsWith('::add-mask::')
}

function withoutMasks(text: string): string {
  if (!text.includes('::add-mask::')) return text
  return text
    .split('\n')
    .filter((line) => !isMask(line))
    .join('\n')
}

/** As execvp finds it: by the working directory and the PATH of the command. */
async function isProgram({ program, cwd = '.', env }: Command): Promise<boolean> {
  const path = env?.PATH ?? process.env.PATH ?? ''
  const folders = program.includes('/') ? [''] : path.split(delimiter)
  const found = folders.map((folder) => access(resolve(cwd, folder, program), modes.X_OK))
  return Promise.any(found).then(
    () => true,
    () => false,
  )
}

function missing(program: string, why: string, cause?: unknown): Error {
  return refused({
    code: 'program-missing',
    message: `${program} could not be started: ${why}`,
    hint: `Install ${program}, or put it on the PATH.`,
    cause,
  })
}

function titleOf({ title, program, args }: Command): string {
  return title ?? [program, ...args.slice(0, 1)].join(' ')
}

/** Ends the group when the signal aborts or the time is up. The result is called at the end, and returns which it was. */
function guard(
  { pid: leader, stdout, stderr }: Pick<ChildProcess, 'pid' | 'stdout' | 'stderr'>,
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
    kill = setTimeout(() => {
      endGroup(leader, 'SIGKILL')
      // What has left the group may keep them open for ever.
      kill = setTimeout(() => {
        stdout?.destroy()
        stderr?.destroy()
      }, lastLinesMs)
    }, graceMs)
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

/** Ends a process group. */
export function endGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal)
  } catch {
    // It has ended.
  }
}

/** For an answer that is not there in time. */
export function noAnswer({ seconds, setting }: Limit): string {
  const limit = setting && `, the limit of ${setting}`
  return `no answer within ${seconds} s${limit}`
}

function late(command: Command, { seconds, setting }: Limit, output: string): Error {
  const last = output.trim().split('\n').slice(-5).join('\n')
  const ending = last && ` Its last lines:\n${last}`
  return failed({
    code: 'timed-out',
    message: `${titleOf(command)} did not end within ${seconds} s, the limit of ${setting}.${ending}`,
    hint: 'Find out what it waits for, or set a higher limit. Then run the command again.',
  })
}
