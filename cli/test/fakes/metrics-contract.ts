// The contract of Metrics: in memory, and of a real Prometheus.
import { expect, it } from 'vitest'
import type { Line, Measure } from '../../src/release/ports/figures.ts'
import type { Alert, Metrics, SlotMetrics } from '../../src/release/ports/metrics.ts'

/** What the Prometheus under test knows of the environment `local`. It knows alerts and slots of others, too. */
export const known: {
  alerts: Omit<Alert, 'since'>[]
  slots: SlotMetrics[]
  /** At one time. */
  lines(now: Date): Partial<Record<Measure, Line[]>>
} = {
  alerts: [
    {
      ...{ name: 'SlotFails', severity: 'critical', service: 'order', color: 'green' },
      ...{ version: 'v-b', release: 'r-2', summary: 'order green fails' },
      command: 'shopctl rollback --env local',
    },
    // It has no environment: all share the node.
    {
      ...{ name: 'DiskFull', severity: 'critical', service: null, color: null, version: null },
      ...{ release: null, summary: 'The disk of node-1 is full', command: null },
    },
    {
      ...{ name: 'CpuHigh', severity: 'warning', service: null, color: null, version: null },
      ...{ release: null, summary: 'The processors are busy', command: null },
    },
  ],
  slots: [
    {
      ...{ service: 'order', color: 'blue', version: 'v-a' },
      ...{ requestsPerSecond: 0, errorShare: null, p99Ms: null },
    },
    {
      ...{ service: 'order', color: 'green', version: 'v-b' },
      ...{ requestsPerSecond: 20, errorShare: 0.25, p99Ms: 250 },
    },
  ],
  lines(now) {
    const at = (color: Line['color'], value: number): Line => ({
      ...{ service: 'order', color, points: [{ at: now.getTime(), value }] },
    })
    return {
      consumers: [at('blue', 0), at('green', 2)],
      epoch: [at('green', 8)],
      queued: [at(null, 37)],
      waitingAge: [at(null, 1.5)],
    }
  },
}

export function metricsContract(make: () => Promise<Metrics>): void {
  it('has the alerts of the environment', async () => {
    const alerts = (await (await make()).firing()) ?? []
    const found = alerts.toSorted((a, b) => b.name.localeCompare(a.name))
    expect(found).toEqual(known.alerts.map((alert) => ({ ...alert, since: expect.any(String) })))
    for (const { since } of found) expect(new Date(since).toISOString()).toBe(since)
  })

  it('has what is measured of its slots', async () => {
    const slots = (await (await make()).slots()) ?? []
    expect(slots.toSorted((a, b) => a.color.localeCompare(b.color))).toEqual(known.slots)
  })

  it('has the lines of a time that is asked for, of these services alone', async () => {
    const now = new Date()
    const span = { from: new Date(now.getTime() - 300_000), to: now }
    const figures = await (await make()).figures(span, ['order'])
    const lasts = Object.entries(known.lines(now)).map(([measure, lines]) => [
      measure,
      lines.map(({ points: _, ...line }) => line),
      lines.map(({ points }) => points.at(-1)?.value),
    ])
    const found = lasts.map(([measure]) => {
      const lines = (figures?.lines[measure as Measure] ?? []).toSorted((one, other) =>
        (one.color ?? '').localeCompare(other.color ?? ''),
      )
      const last = ({ points }: Line) => points.findLast(({ value }) => value !== null)?.value
      return [measure, lines.map(({ points: _, ...line }) => line), lines.map(last)]
    })
    expect(found).toEqual(lasts)
    expect(figures?.lines.unpublishedAge).toEqual([])
  })
}
