// Reads lines from Grafana Loki, to which the collector sends by OTLP.
import { z } from 'zod'
import type { LogQuery, LogStore } from '../../release/ports/logs.ts'
import { parseJson } from '../json.ts'
import { lineOf, missing, type StoreOptions, unread } from './store.ts'

const labels = z.record(z.string(), z.string())
/** The labels include the structured metadata. A value is a time in nanoseconds, a line, and what else there is of it. */
const schema = z.object({
  status: z.literal('success'),
  data: z.object({
    resultType: z.literal('streams'),
    result: z.array(
      z.object({
        stream: labels,
        values: z.array(z.tuple([z.string().regex(/^\d+$/), z.string()]).rest(z.unknown())),
      }),
    ),
  }),
})

/** Loki refuses a longer range, unless it is configured otherwise (`max_query_length`, 721 h). */
const longestMs = 30 * 24 * 3_600_000
/** And more lines (`max_entries_limit_per_query`). */
export const mostLines = 5_000

/** In LogQL. */
export function logQl(
  namespace: string,
  { services, color, text, word }: Omit<LogQuery, 'since' | 'limit'>,
): string {
  const names = JSON.stringify(services.join('|'))
  const selector = `{k8s_namespace_name=${JSON.stringify(namespace)}, service_name=~${names}}`
  const texts = [text, word].filter((each) => each !== null)
  return [
    selector,
    ...texts.map((each) => `|= ${JSON.stringify(each)}`),
    ...(color ? [`| service_color=${JSON.stringify(color)}`] : []),
  ].join(' ')
}

export function createLoki({ name, namespace, ask, now }: StoreOptions): LogStore {
  return {
    name,
    async read(query, signal) {
      const end = now().getTime() + 60_000
      const limit = Math.min(query.limit + 1, mostLines)
      const parameters = new URLSearchParams({
        query: logQl(namespace, query),
        start: `${query.since?.getTime() ?? end - longestMs}000000`,
        end: `${end}000000`,
        limit: String(limit),
        direction: 'backward',
      })
      const answer = await ask(`/loki/api/v1/query_range?${parameters}`, signal)
      if (!answer) throw missing()
      const read = schema.safeParse(parseJson(answer.text))
      if (answer.status !== 200 || !read.success) throw unread(answer)
      const found = read.data.data.result.flatMap(({ stream, values }) =>
        values.map(([nanoseconds, text]) => ({ stream, nanoseconds, text })),
      )
      const lines = found.flatMap(({ stream, nanoseconds, text }) => {
        const attribute = (each: string): string | undefined => stream[each.replaceAll('.', '_')]
        return lineOf(query, timeOf(nanoseconds), text, attribute) ?? []
      })
      return { lines, more: found.length >= limit, notes: [] }
    },
  }
}

/** RFC 3339 of nanoseconds since 1970. */
function timeOf(nanoseconds: string): string {
  const digits = nanoseconds.padStart(10, '0')
  const seconds = new Date(Number(digits.slice(0, -9)) * 1_000).toISOString().slice(0, 19)
  return `${seconds}.${digits.slice(-9)}Z`
}
