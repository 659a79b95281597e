// Asks Prometheus. Whatever goes wrong is one warning: a release does not depend on its metrics.
import type { z } from 'zod'
import { isInterrupted, said } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import type { Metrics } from '../../release/ports/metrics.ts'
import {
  type Answer,
  alertsOf,
  alertsSchema,
  readAnswer,
  slotsOf,
  slotsQuery,
  targetsQuery,
  vectorSchema,
} from './answers.ts'

export interface PrometheusOptions {
  /** Sends a GET; the path begins with `/api/v1/`. null: there is no Prometheus. */
  ask(path: string): Promise<Answer | null>
  /** The label `environment`. */
  env: string
  /** Gets the first problem. */
  warn(problem: string): void
}

export function createPrometheus({ ask, env, warn }: PrometheusOptions): Metrics {
  let warned = false
  const warnOnce = (problem: string): void => {
    if (!warned) warn(oneLine(`Prometheus: ${problem}`))
    warned = true
  }
  /** `what` is for messages. */
  const get = async <T>(path: string, what: string, schema: z.ZodType<T>): Promise<T | null> => {
    try {
      const answer = await ask(path)
      if (!answer) return null
      const read = readAnswer(answer, schema)
      if (read.kind === 'problem') {
        warnOnce(`${what} failed: ${read.why}`)
        return null
      }
      // A part is better than nothing, as long as the user knows.
      for (const warning of read.warnings) warnOnce(`${what}: ${warning}`)
      return read.data
    } catch (error) {
      if (isInterrupted(error)) throw error
      warnOnce(said(error))
      return null
    }
  }
  const query = (text: string) =>
    get(`/api/v1/query?${new URLSearchParams({ query: text })}`, `the query ${text}`, vectorSchema)
  return {
    async firing() {
      const found = await get('/api/v1/alerts', 'the list of alerts', alertsSchema)
      return found && alertsOf(found, env)
    },
    async checkCoverage() {
      // The warning is there, and the answer would take as long as the last one.
      if (warned) return
      const found = await query(targetsQuery(env))
      if (found?.result.length === 0)
        warnOnce(`no target has the label environment="${env}", so no alert of ${env} can fire`)
    },
    async slots() {
      const found = await query(slotsQuery(env))
      return found && slotsOf(found)
    },
  }
}
