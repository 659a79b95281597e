// Runs a command in the environment of its flags, and shows the result.
import type { Command } from 'commander'
import type { Context, PlatformContext, Session } from '../context.ts'
import { advised, isInterrupted } from '../errors.ts'
import type { Result } from '../output/result.ts'

export interface Runner {
  /** In the environment that the flags name. null: the command printed its output itself. */
  inEnvironment(command: Command, verb: (context: Context) => Promise<Result | null>): Promise<void>
  /** On this machine. null: likewise. */
  onPlatform(
    command: Command,
    verb: (context: PlatformContext) => Promise<Result | null>,
  ): Promise<void>
}

interface Flags {
  env: string
  json?: true
  verbose?: true
  service?: string[]
  /** Seconds. */
  timeout?: number
}

/** `ended` gets the exit code. */
export function createRunner(signal: AbortSignal, ended: (exitCode: number) => void): Runner {
  async function end(command: Command, result: Result): Promise<void> {
    const { json, verbose } = flagsOf(command)
    const { show } = await import('../output/result.ts')
    const title = `shopctl ${nameOf(command)}`
    ended(show(result, { json: json === true, verbose: verbose === true, title }))
  }
  /** Runs the command in a session. Nothing is changed before its events can be written. */
  async function inSession(
    command: Command,
    env: string | null,
    run: (session: Session) => Promise<Result | null>,
  ): Promise<void> {
    const { openSession } = await import('../context.ts')
    const { service } = flagsOf(command)
    const session = openSession({ command: nameOf(command), env, services: service ?? null })
    const result = await session
      .tell(() => run(session).catch(addHint(command)))
      .finally(() => session.close())
    // At the very end: the process may end as soon as its output is read.
    if (result) await end(command, result)
  }
  return {
    inEnvironment(command, verb) {
      const { env, service } = flagsOf(command)
      return inSession(command, env, async (session) => {
        const { createContext } = await import('../context.ts')
        const options = { env, services: service ?? null, signal }
        return verb(await createContext(options, session))
      })
    },
    onPlatform(command, verb) {
      return inSession(command, null, async ({ progress }) => {
        const { createPlatformContext } = await import('../context.ts')
        return verb(await createPlatformContext(progress, flagsOf(command).timeout))
      })
    },
  }
}

/** `messages replay`. */
function nameOf(command: Command): string {
  const { parent } = command
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name()
}

/** How to go on after Ctrl-C. All of these commands skip what is done already. */
const afterInterrupt: Readonly<Record<string, string>> = {
  build: 'Run `shopctl build` again: it builds what is missing.',
  push: 'Run `shopctl push` again: it pushes what is missing.',
  deploy: 'No slot was written. Run `shopctl deploy` again.',
  smoke: 'Run `shopctl smoke` again. No slot was changed.',
  switch: 'What was live before is live. Run `shopctl switch` again.',
  rollback: 'Run `shopctl rollback` again: it completes this one if it had begun.',
  resume: 'Run `shopctl status`: it says what serves now, and what to do.',
  watch: 'What is live stays live. Run `shopctl watch` again.',
  cleanup: 'Run `shopctl cleanup` again: it deletes what is left.',
  lock: 'Run `shopctl status`: it shows whether the lock stands.',
  unlock: 'Run `shopctl status`: it shows whether the lock stands.',
  'hold release': 'Run `shopctl hold`: it shows what is still on hold.',
  release: 'No slot was written. Run `shopctl release` again: it skips what is built and pushed.',
}

function addHint(command: Command): (error: unknown) => never {
  return (error) => {
    const hint = afterInterrupt[nameOf(command)]
    throw isInterrupted(error) && error.hint === undefined && hint ? advised(error, hint) : error
  }
}

/** Includes the flags of the parent: commander gives it the --env of `history show 7 --env test`. */
function flagsOf(command: Command): Flags {
  const { parent } = command
  const given = Object.entries(parent?.opts() ?? {}).filter(
    ([name]) => parent?.getOptionValueSource(name) === 'cli',
  )
  return { ...command.opts<Flags>(), ...Object.fromEntries(given) }
}
