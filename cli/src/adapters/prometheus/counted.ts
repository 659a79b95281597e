// What the pods of an environment have counted in a span of time: the queries, and what their answers say. Pure.
import type { z } from 'zod'
import type { Span } from '../../release/ports/figures.ts'
import type { Tally } from '../../release/ports/pod-metrics.ts'
import type { vectorSchema } from './answers.ts'
import { escaped } from './ranges.ts'

const parts = ['requests', 'within', 'attempts', 'consumed', 'ageSum'] as const
type Part = (typeof parts)[number]

export function countedQueries(
  env: string,
  services: readonly string[],
  { from, to }: Span,
): Record<Part, string> {
  const seconds = Math.max(1, Math.round((to.getTime() - from.getTime()) / 1_000))
  const names = JSON.stringify(services.map(escaped).join('|'))
  const sum = (by: string, metric: string): string =>
    `sum by (${by}) (increase(${metric}{environment="${env}",plane="live",service=~${names}}[${seconds}s]))`
  return {
    requests: sum('service, status', 'http_request_duration_seconds_count'),
    within: sum('service, le', 'http_request_duration_seconds_bucket'),
    attempts: sum('service, outcome, type', 'event_handler_duration_seconds_count'),
    consumed: sum('service', 'event_age_seconds_count'),
    ageSum: sum('service', 'event_age_seconds_sum'),
  }
}

type Vector = z.infer<typeof vectorSchema>
interface Sample {
  labels: Readonly<Record<string, string>>
  value: number
}

/** `increase` estimates what was between two samples. */
function samplesOf({ result }: Vector, service: string): Sample[] {
  return result
    .map(({ metric: labels, value }) => ({ labels, value: Number(value[1]) }))
    .filter(({ labels, value }) => labels.service === service && Number.isFinite(value))
}

/** Without a service: there are no series of it. */
export function talliesOf(
  found: Record<Part, Vector>,
  services: readonly string[],
): Record<string, Tally> {
  return Object.fromEntries(
    services.flatMap((service): [string, Tally][] => {
      const of = (part: Part): Sample[] => samplesOf(found[part], service)
      return parts.some((part) => of(part).length > 0) ? [[service, tallyOf(of)]] : []
    }),
  )
}

function tallyOf(of: (part: Part) => Sample[]): Tally {
  const [requests, attempts] = [of('requests'), of('attempts')]
  const ofOutcome = (...outcomes: string[]): Sample[] =>
    attempts.filter(({ labels: { outcome = '' } }) => outcomes.includes(outcome))
  return {
    requests: count(requests),
    failedRequests: count(requests.filter(({ labels }) => labels.status?.startsWith('5'))),
    within: byLabel(
      of('within').filter(({ labels: { le } }) => le !== '+Inf'),
      ({ le = '' }) => String(Number(le)),
    ),
    attempts: count(ofOutcome('handled', 'failed', 'parked')),
    failedAttempts: count(ofOutcome('failed', 'parked')),
    parked: byLabel(ofOutcome('parked'), ({ type = 'other' }) => type),
    consumed: count(of('consumed')),
    ageSum: sumOf(of('ageSum')),
  }
}

function sumOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0)
}

function count(samples: readonly Sample[]): number {
  return Math.round(sumOf(samples))
}

function byLabel(
  samples: readonly Sample[],
  keyOf: (labels: Sample['labels']) => string,
): Record<string, number> {
  const groups = Map.groupBy(samples, ({ labels }) => keyOf(labels))
  return Object.fromEntries([...groups].map(([key, each]) => [key, count(each)]))
}
