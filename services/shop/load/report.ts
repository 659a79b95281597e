// The result of a load, as data and as text.
import type { createLatencies } from '../../../cli/src/adapters/sender.ts'
import type { Ledger, Surprise } from './ledger.ts'
import type { Outcome } from './mix.ts'

export interface Percentiles {
  count: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  maxMs: number
}

export type Ends = { orders: number; open: number } & Record<Outcome, number>

export interface LoadReport {
  url: string
  /** The requests per second and the duration, as given. */
  rate: number
  seconds: number
  seed: number
  /** Scheduled requests that were sent. */
  requests: number
  failures: number
  /** Latencies from the scheduled time to the end of the answer. */
  answers: Percentiles
  /** Failures by kind, for example `503` or `read ECONNRESET`. */
  failuresByKind: Record<string, number>
  /** Requests that were repeated with the same key, because they failed. */
  retries: number
  /** Orders that were accepted with 202. */
  accepted: number
  /** Keys without an answer. Whether they have an order is unknown. */
  unanswered: number
  /** Latencies from placed to confirmed, from the times in the order. */
  confirmed: Percentiles
  /** For each expected outcome, how many orders there were and how they ended. */
  outcomes: Record<Outcome, Ends>
  /** Repeated requests that got the same bytes. */
  repeats: number
  /** Requests with an earlier key and another body that got 409. */
  conflicts: number
  /** Accepted orders that had not ended when time was up. */
  lost: string[]
  unexpected: Surprise[]
}

const outcomes: readonly Outcome[] = ['confirmed', 'rejected', 'cancelled']

export function percentilesOf(latencies: ReturnType<typeof createLatencies>): Percentiles {
  return {
    count: latencies.count(),
    p50Ms: latencies.percentile(50),
    p95Ms: latencies.percentile(95),
    p99Ms: latencies.percentile(99),
    maxMs: latencies.max(),
  }
}

/** The part of the report that comes from the ledger. */
export function close(ledger: Ledger) {
  const none = (): Ends => ({ orders: 0, open: 0, confirmed: 0, rejected: 0, cancelled: 0 })
  const ends = { confirmed: none(), rejected: none(), cancelled: none() }
  const lost: string[] = []
  let unanswered = 0
  for (const { id, outcome, placement } of ledger.entries()) {
    if (id === null) {
      unanswered += 1
      continue
    }
    const row = ends[placement.expected]
    row.orders += 1
    row[outcome ?? 'open'] += 1
    if (outcome === null) lost.push(id)
  }
  const { repeats, conflicts } = ledger.answered()
  const unexpected = [...ledger.surprises()]
  return {
    accepted: ledger.accepted(),
    unanswered,
    outcomes: ends,
    repeats,
    conflicts,
    lost,
    unexpected,
  }
}

/** Whether each order is known and ended as expected. Requests may have failed. */
export function isExact(report: Pick<LoadReport, 'unanswered' | 'lost' | 'unexpected'>): boolean {
  return report.unanswered === 0 && report.lost.length === 0 && report.unexpected.length === 0
}

/** Whether the load is exact and no request failed. */
export function isClean(report: LoadReport): boolean {
  return report.failures === 0 && isExact(report)
}

function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0
          ? String(cell).padEnd(widths[0] ?? 0)
          : String(cell).padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

function few<T>(list: readonly T[], show: (one: T) => string): string[] {
  return [
    ...list.slice(0, 5).map(show),
    ...(list.length > 5 ? [`  … and ${list.length - 5} more`] : []),
  ]
}

function latencyRow(
  title: string,
  { count, p50Ms, p95Ms, p99Ms, maxMs }: Percentiles,
): (string | number)[] {
  return count === 0
    ? [title, 0, '-', '-', '-', '-']
    : [title, count, ...[p50Ms, p95Ms, p99Ms, maxMs].map((ms) => `${ms.toFixed(ms < 100 ? 1 : 0)}`)]
}

/** The lines to print. They have at most 80 columns, except for errors and URLs that are longer. */
export function describe(report: LoadReport): string[] {
  const { url, rate, seconds, seed, failures, failuresByKind, lost, unexpected } = report
  const kinds = Object.entries(failuresByKind).map(([kind, count]) => `  ${count} × ${kind}`)
  return [
    `${rate} requests/s for ${seconds} s to ${url}, seed ${seed}`,
    '',
    ...table([
      ['MILLISECONDS', 'COUNT', 'P50', 'P95', 'P99', 'MAX'],
      latencyRow('request → answer', report.answers),
      latencyRow('placed → confirmed', report.confirmed),
    ]),
    '',
    ...table([
      ['EXPECTED', 'ORDERS', 'CONFIRMED', 'REJECTED', 'CANCELLED', 'OPEN'],
      ...outcomes.map((expected) => {
        const { orders, confirmed, rejected, cancelled, open } = report.outcomes[expected]
        return [expected, orders, confirmed, rejected, cancelled, open]
      }),
    ]),
    '',
    `${report.repeats} repeated keys got the same answer, ${report.conflicts} with another body got 409`,
    ...(failures > 0
      ? [`✗ ${failures} of ${report.requests} requests failed, ${report.retries} sent again`]
      : []),
    ...few(kinds, (line) => line),
    ...(report.unanswered > 0 ? [`✗ ${report.unanswered} keys never got an answer`] : []),
    ...(lost.length > 0 ? [`✗ ${lost.length} accepted orders have not ended`] : []),
    ...few(lost, (id) => `  ${id}`),
    ...(unexpected.length > 0 ? [`✗ ${unexpected.length} unexpected`] : []),
    ...few(unexpected, ({ what, orderId, key }) => `  ${orderId ?? key}: ${what}`),
    ...(isClean(report) ? [`✓ ${report.accepted} orders, each ended as expected`] : []),
  ]
}
