// A Prometheus in memory, and what a test lets it know.
import { type Figures, type Line, type Measure, measures } from '../../src/release/ports/figures.ts'
import type { Alert, Metrics, SlotMetrics } from '../../src/release/ports/metrics.ts'
import type { Tally } from '../../src/release/ports/pod-metrics.ts'

export interface FakeMetrics extends Metrics {
  /** null: it does not answer, like `measured`. */
  alerts: Alert[] | null
  measured: SlotMetrics[] | null
  /** null: it does not answer. */
  lines: Partial<Record<Measure, Line[]>> | null
  /** Of the half hour before. null: it does not answer. */
  tallies: Record<string, Tally> | null
  /** Of expressions, by their text. Without one, Prometheus has no series; null: it does not answer. */
  values: Record<string, number | null> | null
  /** How often its coverage was checked. */
  checks: number
}

export function createFakeMetrics(): FakeMetrics {
  const metrics: FakeMetrics = {
    alerts: [],
    measured: [],
    lines: {},
    tallies: {},
    values: {},
    checks: 0,
    async checkCoverage() {
      metrics.checks += 1
    },
    firing: async () => metrics.alerts,
    slots: async () => metrics.measured,
    counted: async () => metrics.tallies,
    value: async (query) => metrics.values && { value: metrics.values[query] ?? null },
    figures: async () => metrics.lines && figuresOf(metrics.lines),
  }
  return metrics
}

export function anAlert(over: Partial<Alert> = {}): Alert {
  return {
    ...{ name: 'OutboxStuck', severity: 'critical', service: 'order', color: null },
    ...{ version: null, release: null, summary: 'Events of order are not published' },
    ...{ command: 'shopctl messages list --service order', since: '2026-01-01T11:59:00.000Z' },
    ...over,
  }
}

/** A point each 5 s, rates over 20 s. */
export function figuresOf(lines: Partial<Record<Measure, readonly Line[]>>): Figures {
  const all = measures.map((measure) => [measure, lines[measure] ?? []])
  return { stepMs: 5_000, windowMs: 20_000, lines: Object.fromEntries(all), unanswered: [] }
}
