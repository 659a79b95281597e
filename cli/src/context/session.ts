// One run of a command: its clock, its operator, its progress, and those who are told of it.
import { createClock } from '../adapters/clock.ts'
import { eventsVariable, openEventsFile } from '../adapters/events-file.ts'
import { errorDocument, exitCodeOf } from '../output/errors.ts'
import { createEvents, toldProgress } from '../output/events.ts'
import { createProgress } from '../output/progress.ts'
import type { Result } from '../output/result.ts'
import type { Events } from '../release/ports/events.ts'
import type { Clock, Operator, Progress } from '../release/ports/session.ts'
import { currentOperator } from './operator.ts'

export interface Session {
  clock: Clock
  operator: Operator
  progress: Progress
  events: Events
  /** Tells the start and the end of the command. Returns its result. */
  tell<R extends Result | null>(run: () => Promise<R>): Promise<R>
}

interface SessionOptions {
  /** `messages replay`. */
  command: string
  /** null: a command of `platform`. */
  env: string | null
  /** null: all. */
  services: readonly string[] | null
  variables?: NodeJS.ProcessEnv
}

/** Refused if the file for the events cannot be written. */
export function openSession({
  command,
  env,
  services,
  variables = process.env,
}: SessionOptions): Session {
  const clock = createClock()
  const events = createEvents(clock.now)
  const shown = createProgress(clock.monotonic)
  const progress = toldProgress(shown, events, clock.monotonic)
  const operator = currentOperator(variables)
  const file = variables[eventsVariable]
  if (file) events.add(openEventsFile(file, shown.warn))
  return {
    ...{ clock, operator, progress, events },
    async tell(run) {
      const { by, run: url } = operator
      const chosen = services && [...services]
      events.emit('command.started', { command, env, services: chosen, by, run: url })
      try {
        const result = await run()
        const error = result?.failure ? errorDocument(result.failure) : null
        const exitCode = result?.failure?.exitCode ?? 0
        const document = result && !result.isPrivate ? { ...result.document } : null
        events.emit('command.ended', { command, exitCode, result: document, error })
        return result
      } catch (thrown) {
        const error = errorDocument(thrown)
        const exitCode = exitCodeOf(thrown)
        events.emit('command.ended', { command, exitCode, result: null, error })
        throw thrown
      }
    },
  }
}
