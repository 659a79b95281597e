// Asks Prometheus. Whatever goes wrong is one warning: a release does not depend on its metrics.
import type { z } from 'zod'
import { isInterrupted, said } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import { type Line, type Measure, measures } from '../../release/ports/figures.ts'
import type { Metrics } from '../../release/ports/metrics.ts'
import {
  type Answer,
  alertsOf,
  alertsSchema,
  highestOf,
  readAnswer,
  slotsOf,
  slotsQuery,
  targetsQuery,
  valueSchema,
  vectorSchema,
} from './answers.ts'
import { countedQueries, talliesOf } from './counted.ts'
import { gridOf, linesOf, matrixSchema, rangePath, rangeQueries, samplesQuery } from './ranges.ts'

export interface PrometheusOptions {
  /** Sends a GET; the path begins with `/api/v1/`. null: there is no Prometheus. */
  ask(path: string): Promise<Answer | null>
  /** The label `environment`. */
  env: string
  /** Gets the first problem. */
  warn(problem: string): void
}

/** Where it has none of that time: one in 15 s, as charts/observability has it. */
const usualSamples = 20

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
  const queryAs = <T>(schema: z.ZodType<T>, text: string, at: Date | null = null) => {
    const time = at && { time: String(at.getTime() / 1_000) }
    const path = `/api/v1/query?${new URLSearchParams({ query: text, ...time })}`
    return get(path, `the query ${text}`, schema)
  }
  const query = (text: string, at: Date | null = null) => queryAs(vectorSchema, text, at)
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
    async counted(span, services) {
      const queries = Object.entries(countedQueries(env, services, span))
      const found = await Promise.all(
        queries.map(async ([part, text]) => [part, await query(text, span.to)] as const),
      )
      const answered = found.every(([, vector]) => vector !== null)
      return answered
        ? talliesOf(Object.fromEntries(found) as Parameters<typeof talliesOf>[0], services)
        : null
    },
    async value(text, at) {
      const found = await queryAs(valueSchema, text, at)
      return found && { value: highestOf(found) }
    },
    async figures(span, services) {
      const counted = await query(samplesQuery(env), span.to)
      if (!counted) return null
      const samples = Number(counted.result[0]?.value[1] ?? usualSamples)
      const grid = gridOf(span, samples)
      const queries = rangeQueries(env, services, grid)
      const found = await Promise.all(
        measures.map(async (measure): Promise<[Measure, Line[] | null]> => {
          const path = rangePath(queries[measure], grid)
          const answer = await get(path, `the query ${queries[measure]}`, matrixSchema)
          return [measure, answer && linesOf(answer, grid)]
        }),
      )
      const unanswered = found.flatMap(([measure, lines]) => (lines ? [] : [measure]))
      if (unanswered.length === measures.length) return null
      const lines = Object.fromEntries(found.map(([measure, each]) => [measure, each ?? []]))
      const times = { stepMs: grid.step * 1_000, windowMs: grid.window * 1_000 }
      return { ...times, lines: lines as Record<Measure, Line[]>, unanswered }
    },
  }
}
