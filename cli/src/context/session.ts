// One run of a command: its clock, its operator, its progress, and those who are told of it.
import { createClock } from '../adapters/clock.ts'
import { eventsVariable, openEventsFile } from '../adapters/events-file.ts'
import { errorDocument, exitCodeOf } from '../output/errors.ts'
import { createEvents, toldProgress } from '../output/events.ts'
import { createMask } from '../output/mask.ts'
import { createProgress } from '../output/progress.ts'
import type { Result } from '../output/result.ts'
import { workflowOf } from '../output/workflow.ts'
import type { Events } from '../release/ports/events.ts'
import type { Clock, Mask, Operator, Progress } from '../release/ports/session.ts'
import { createListeners, type Subject, slackVariable } from './listeners.ts'
import { currentOperator } from './operator.ts'

export interface Session {
  clock: Clock
  operator: Operator
  mask: Mask
  progress: Progress
  events: Events
  /** The value of a variable with a secret, which no later program inherits. undefined: it is not set. */
  secretOf(variable: string): string | undefined
  /** Tells Slack, GitHub and Grafana of the operations in an environment, if they are set up. */
  tellOthers(subject: Subject): Promise<void>
  /** Tells the start and the end of the command. Returns its result. */
  tell<R extends Result | null>(run: () => Promise<R>): Promise<R>
  /** Call it last: a message may still be under way. */
  close(): Promise<void>
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
  variables: inherited = process.env,
}: SessionOptions): Session {
  // A copy: the programs that shopctl runs do not inherit the webhook.
  const variables = { ...inherited }
  delete inherited[slackVariable]
  const clock = createClock()
  const events = createEvents(clock.now)
  const shown = createProgress(clock.monotonic)
  const progress = toldProgress(shown, events, clock.monotonic)
  const operator = currentOperator(variables)
  const mask = createMask(workflowOf(variables))
  for (const name of [slackVariable, 'GITHUB_TOKEN']) mask(variables[name] ?? '')
  const file = variables[eventsVariable]
  if (file) events.add(openEventsFile(file, shown.warn))
  const closing: (() => Promise<void>)[] = []
  const secretOf = (variable: string): string | undefined => {
    const value = variables[variable]
    mask(value ?? '')
    delete inherited[variable]
    return value
  }
  return {
    clock,
    operator,
    mask,
    progress,
    events,
    secretOf,
    async tellOthers(subject) {
      for (const name of [subject.variable, subject.grafana?.token]) if (name) secretOf(name)
      // Not `progress`: a problem of theirs is no event, or they would be told of it.
      const others = await createListeners({ ...subject, operator, variables, warn: shown.warn })
      for (const { tell, settle } of others) {
        events.add(tell)
        closing.push(settle)
      }
    },
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
      } catch (error) {
        const exitCode = exitCodeOf(error)
        const document = errorDocument(error)
        events.emit('command.ended', { command, exitCode, result: null, error: document })
        throw error
      }
    },
    async close() {
      await Promise.all(closing.map((settle) => settle()))
    },
  }
}
