// The lines of a report: the queries for them, and what their answers say. Pure.
import { z } from 'zod'
import type { Line, Measure, Point, Span } from '../../release/ports/figures.ts'
import { colors } from '../../release/slot.ts'

/** Of /api/v1/query_range: the samples of each series, as texts that may be `NaN`. */
export const matrixSchema = z.object({
  resultType: z.literal('matrix'),
  result: z.array(
    z.object({
      metric: z.record(z.string(), z.string()),
      values: z.array(z.tuple([z.number(), z.string()])),
    }),
  ),
})

/** The times of the points. All in whole seconds; the last one is `to` at the latest. */
export interface Grid {
  from: number
  to: number
  step: number
  /** Of rates. */
  window: number
}

const countedSeconds = 300
const mostSteps = 600
/** A Prometheus that has just begun to read has few samples, too. */
const mostInterval = 60

/** How many samples the target that is read most often gave in five minutes. */
export function samplesQuery(env: string): string {
  return `max(count_over_time(up{environment="${env}"}[${countedSeconds}s]))`
}

/**
 * As fine as targets are read, in whole seconds. A rate is over four of these intervals, as Grafana has it: one that is missing
 * leaves no hole.
 */
export function gridOf({ from, to }: Span, samples: number): Grid {
  const start = Math.floor(from.getTime() / 1_000)
  const end = Math.max(start + 1, Math.floor(to.getTime() / 1_000))
  const interval = Math.min(mostInterval, Math.max(1, Math.round(countedSeconds / samples)))
  const step = Math.max(interval, Math.ceil((end - start) / mostSteps))
  return { from: start, to: end, step, window: 4 * interval }
}

/** In the words of the rules and dashboards of charts/observability. A queue has the name of the service that reads it. */
export function rangeQueries(
  env: string,
  services: readonly string[],
  { window }: Pick<Grid, 'window'>,
): Record<Measure, string> {
  const names = services.map(escaped).join('|')
  const ofEnvironment = `environment="${env}"`
  const select = (metric: string, ...more: string[]): string =>
    `${metric}{${[ofEnvironment, ...more].join(',')}}`
  const live = (metric: string, ...more: string[]): string =>
    select(metric, 'plane="live"', `service=~${JSON.stringify(names)}`, ...more)
  const rate = (by: string, series: string): string =>
    `sum by (${by}) (rate(${series}[${window}s]))`
  const ofSlots = (of: string, series: string): string => `${of} by (service, color) (${series})`
  // What never occurred has no series: it is 0.
  const part = (some: string, all: string): string =>
    `${rate('service, color', some)} or 0 * ${rate('service, color', all)}`
  const buckets = rate('le, service, color', live('http_request_duration_seconds_bucket'))
  const quantile = (share: number): string => `histogram_quantile(${share}, ${buckets})`
  const queue = (metric: string): string => {
    const matching = [`vhost="/"`, `queue=~${JSON.stringify(names)}`]
    const found = `sum by (queue) (${select(metric, ...matching)})`
    return `label_replace(${found}, "service", "$1", "queue", "(.+)")`
  }
  const [requests, attempts] = ['http_request', 'event_handler'].map(
    (what) => `${what}_duration_seconds_count`,
  ) as [string, string]
  return {
    requests: rate('service, color', live(requests)),
    failedRequests: part(live(requests, 'status=~"5.."'), live(requests)),
    requestP50: quantile(0.5),
    requestP99: quantile(0.99),
    handled: part(live(attempts, 'outcome="handled"'), live(attempts)),
    failedAttempts: part(live(attempts, 'outcome=~"failed|parked"'), live(attempts)),
    queued: queue('rabbitmq_detailed_queue_messages_ready'),
    unacknowledged: queue('rabbitmq_detailed_queue_messages_unacked'),
    unpublishedAge: `max by (service) (${live('outbox_oldest_event_age_seconds')})`,
    waitingAge: `max by (service) (${live('messages_waiting_oldest_age_seconds')})`,
    consumers: ofSlots('sum', live('slot_consuming')),
    epoch: ofSlots('max', live('gate_epoch')),
  }
}

/** For a regular expression of Prometheus. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, (character) => `\\${character}`)
}

export function rangePath(query: string, { from, to, step }: Grid): string {
  const range = { query, start: String(from), end: String(to), step: String(step) }
  return `/api/v1/query_range?${new URLSearchParams(range)}`
}

export function linesOf({ result }: z.infer<typeof matrixSchema>, grid: Grid): Line[] {
  return result.flatMap(({ metric, values }): Line[] => {
    const color = colors.find((each) => each === metric.color) ?? null
    const isOther = metric.color !== undefined && color === null
    const points = pointsOf(values, grid)
    if (metric.service === undefined || isOther) return []
    return points.some(({ value }) => value !== null)
      ? [{ service: metric.service, color, points }]
      : []
  })
}

/** Prometheus leaves out the steps at which there was nothing. */
function pointsOf(values: readonly [number, string][], { from, to, step }: Grid): Point[] {
  const known = new Map(values.map(([at, text]) => [Math.round(at), Number(text)]))
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => {
    const at = from + index * step
    const value = known.get(at) ?? Number.NaN
    return { at: at * 1_000, value: Number.isFinite(value) ? value : null }
  })
}
