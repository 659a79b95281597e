// What the answers of Prometheus' HTTP API say. Pure.
import { z } from 'zod'
import { oneLine } from '../../one-line.ts'
import type { Alert, SlotMetrics } from '../../release/ports/metrics.ts'
import { parseJson } from '../json.ts'

/** An answer of the server, before it is read. */
export interface Answer {
  status: number
  text: string
}

export type Read<T> =
  | { kind: 'data'; data: T; warnings: string[] }
  | { kind: 'problem'; why: string }

const failure = z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() })
const warnings = z.array(z.string()).default([])

export function readAnswer<T>({ status, text }: Answer, schema: z.ZodType<T>): Read<T> {
  const body = parseJson(text)
  const refused = failure.safeParse(body)
  if (refused.success) {
    const { errorType, error } = refused.data
    return { kind: 'problem', why: `${errorType}: ${error}` }
  }
  const answer = z.object({ status: z.literal('success'), data: schema, warnings }).safeParse(body)
  if (answer.success && status === 200) return { kind: 'data', ...answer.data }
  const what = status === 200 ? 'what no Prometheus answers' : String(status)
  return { kind: 'problem', why: `it answered ${what}` }
}

const labels = z.record(z.string(), z.string())

/** Of /api/v1/alerts. */
export const alertsSchema = z.object({
  alerts: z.array(
    z.object({
      state: z.string(),
      labels,
      annotations: labels.default({}),
      activeAt: z.coerce.date(),
      /** Since when its cause is gone. */
      keepFiringSince: z.string().optional(),
    }),
  ),
})

/** Of /api/v1/query: the latest sample of each series, as a text that may be `NaN`. */
export const vectorSchema = z.object({
  resultType: z.literal('vector'),
  result: z.array(z.object({ metric: labels, value: z.tuple([z.number(), z.string()]) })),
})

/** Of an expression of the user, which may be a scalar. */
export const valueSchema = z.union([
  vectorSchema,
  z.object({ resultType: z.literal('scalar'), result: z.tuple([z.number(), z.string()]) }),
])

/** The highest one. null: there is none. */
export function highestOf(found: z.infer<typeof valueSchema>): number | null {
  const texts =
    found.resultType === 'scalar' ? [found.result[1]] : found.result.map(({ value }) => value[1])
  // A division by 0 is no number.
  const values = texts.map(Number).filter((value) => !Number.isNaN(value))
  return values.length > 0 ? Math.max(...values) : null
}

/** The label `environment` of what all environments share, such as a node. */
const everybodys = 'cluster'

/**
 * Those that concern one environment, and ask for somebody: a dead man's switch asks for nobody, and neither does an alert
 * that is kept only to silence what follows from it.
 */
export function alertsOf({ alerts }: z.infer<typeof alertsSchema>, env: string): Alert[] {
  return alerts
    .filter(({ state, keepFiringSince }) => state === 'firing' && !keepFiringSince)
    .filter(({ labels: { environment } }) => environment === env || environment === everybodys)
    .filter(({ labels }) => labels.severity !== 'none')
    .map(({ labels, annotations, activeAt }) => ({
      name: textOf(labels.alertname) ?? 'an alert without a name',
      severity: textOf(labels.severity) ?? 'unknown',
      service: textOf(labels.service),
      color: textOf(labels.color),
      version: textOf(labels.version),
      release: textOf(labels.release),
      summary: textOf(annotations.summary) ?? '',
      command: textOf(annotations.command),
      since: activeAt.toISOString(),
    }))
}

/** Prometheus keeps whatever a target or a rule says. It goes to terminals, logs and chats. */
function textOf(given: string | undefined): string | null {
  return given === undefined ? null : oneLine(given)
}

/** The targets of an environment, whether they answer or not. */
export function targetsQuery(env: string): string {
  return `count(up{environment="${env}"})`
}

/** What the recording rules measure of a slot. */
const rules = {
  requests: 'slot:http_requests:rate1m',
  errors: 'slot:http_errors:rate1m',
  p99: 'slot:http_request_duration_seconds:p99_1m',
} as const

/** All of them in one query. */
export function slotsQuery(env: string): string {
  const names = Object.values(rules).join('|')
  return `{__name__=~"${names}",environment="${env}"}`
}

/** A rate without its series is none. */
export function slotsOf({ result }: z.infer<typeof vectorSchema>): SlotMetrics[] {
  const samples = result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  const known = samples.filter(({ value }) => Number.isFinite(value))
  const sum = (rule: string, slot: string): number =>
    known
      .filter(({ metric }) => metric.__name__ === rule && keyOf(metric) === slot)
      .reduce((total, { value }) => total + value, 0)
  const slots = new Map(
    known
      .filter(({ metric }) => metric.__name__ === rules.requests)
      .map(({ metric }) => [keyOf(metric), metric]),
  )
  return [...slots].map(([slot, { service = '', color = '', version = '' }]) => {
    const requestsPerSecond = sum(rules.requests, slot)
    const isIdle = requestsPerSecond === 0
    const p99 = known.find(
      ({ metric }) => metric.__name__ === rules.p99 && keyOf(metric) === slot,
    )?.value
    return {
      service,
      color,
      version,
      requestsPerSecond,
      errorShare: isIdle ? null : Math.min(1, sum(rules.errors, slot) / requestsPerSecond),
      p99Ms: isIdle || p99 === undefined ? null : p99 * 1_000,
    }
  })
}

function keyOf({ service, color, version }: Readonly<Record<string, string>>): string {
  return JSON.stringify([service, color, version])
}
