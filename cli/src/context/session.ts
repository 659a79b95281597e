// One run of a command: its clock, its operator, its progress, and those who are told of it.
import { createClock } from '../adapters/clock.ts'
import { eventsVariable, openEventsFile } from '../adapters/events-file.ts'
import { agentFor, proxyFor } from '../adapters/kubernetes/proxy.ts'
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
  /** Tells Slack of the operations in an environment, if a webhook is set. */
  tellSlack(subject: { system: string; env: string; variable: string | undefined }): Promise<void>
  /** Tells the start and the end of the command. Returns its result. */
  tell<R extends Result | null>(run: () => Promise<R>): Promise<R>
  /** Call it last: a message to Slack may still be under way. */
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

/** How long a slow Slack delays the end of a command. */
const settleMs = 1_500

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
  const closing: (() => Promise<void>)[] = []
  return {
    ...{ clock, operator, progress, events },
    async tellSlack({ system, env, variable }) {
      const name = variable ?? 'SHOPCTL_SLACK_WEBHOOK'
      const value = variables[name]
      if (!value && variable === undefined) return
      const { createSlack, webhookOf } = await import('../adapters/slack.ts')
      const { createSlackMessages } = await import('../output/slack.ts')
      const url = value ? webhookOf(value) : null
      const slack = url && createSlack({ url, agentOf, warn: progress.warn })
      const messageOf = createSlackMessages({ system, env, ...operator })
      let warned = false
      events.add((event) => {
        const message = messageOf(event)
        if (message && slack) slack.post(message)
        else if (message && !warned) {
          warned = true
          const problem = value ? 'is no https address' : 'is not set'
          progress.warn(`Slack was not told: the variable ${name} ${problem}.`)
        }
      })
      if (slack) closing.push(() => slack.settle(settleMs))
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
      } catch (thrown) {
        const error = errorDocument(thrown)
        const exitCode = exitCodeOf(thrown)
        events.emit('command.ended', { command, exitCode, result: null, error })
        throw thrown
      }
    },
    async close() {
      for (const each of closing) await each()
    },
  }
}

function agentOf(address: URL) {
  return agentFor(address, proxyFor(address, null, process.env), {})
}
