// A switch of two services as a journal has it, and what a Prometheus would have of its time. Made up for tests.
import type { Line, Measure } from '../../src/release/ports/figures.ts'
import type { Color } from '../../src/release/slot.ts'
import type { Report } from '../../src/report/page.ts'
import { coveredBy } from '../../src/report/times.ts'
import { figuresOf } from '../fakes/metrics.ts'
import { aMove, aSide } from '../fakes/state.ts'

export const began = Date.parse('2026-01-01T12:00:00.000Z')
export const madeAt = new Date(began + 3_600_000)

/** Ended after 2 s. */
export const operation = aMove('r-41', 'switch', [], {
  number: 57,
  startedAt: new Date(began).toISOString(),
  endedAt: new Date(began + 2_000).toISOString(),
  by: 'jane@laptop',
  run: 'https://github.com/acme/shop/actions/runs/1',
  reason: 'faster search',
  services: ['order', 'payment'].map((name) => ({
    ...{ name, from: aSide('blue', 'a'), to: aSide('green', 'b') },
    proof: { endpointsMs: 40, consumersMs: 118, epoch: 8 },
  })),
  phases: [
    { name: 'preview', startedAt: '2026-01-01T12:00:00.100Z', tookMs: 300 },
    { name: 'write', startedAt: '2026-01-01T12:00:00.500Z', tookMs: 60 },
    { name: 'take over', startedAt: '2026-01-01T12:00:00.560Z', tookMs: 1_200 },
  ],
})

/** `value` of a time in seconds since the switch began. */
export function line(
  service: string,
  color: Color | null,
  value: (seconds: number) => number | null,
): Line {
  const points = Array.from({ length: 181 }, (_, index) => {
    const seconds = index * 5 - 300
    return { at: began + seconds * 1_000, value: value(seconds) }
  })
  return { service, color, points }
}

/** From 1 to 0 over the 20 s of a rate. */
function falls(seconds: number): number {
  return Math.min(1, Math.max(0, 1 - seconds / 20))
}

function wave(seconds: number): number {
  return Math.sin(seconds / 17) + Math.sin(seconds / 41)
}

function ofSlots(
  service: string,
  of: (share: number, seconds: number, color: Color) => number | null,
): Line[] {
  return [
    line(service, 'blue', (at) => of(falls(at), at, 'blue')),
    line(service, 'green', (at) => of(1 - falls(at), at, 'green')),
  ]
}

export const lines: Partial<Record<Measure, Line[]>> = {
  requests: ofSlots('order', (share, at) => share * (30 + wave(at))),
  failedRequests: ofSlots('order', (_, at, color) => (color === 'green' && at > 400 ? 0.25 : 0)),
  requestP50: ofSlots('order', (share, at) => (share > 0 ? 0.008 + wave(at) / 2_000 : null)),
  requestP99: ofSlots('order', (share, at) => (share > 0 ? 0.03 + wave(at) / 200 : null)),
  handled: ['order', 'payment'].flatMap((name) => ofSlots(name, (share) => share * 12.5)),
  failedAttempts: ofSlots('payment', () => 0),
  queued: [line('order', null, (at) => (at > 0 && at < 30 ? 37 : 2))],
  unacknowledged: [line('order', null, () => 4)],
  unpublishedAge: [line('order', null, (at) => (at > 0 && at < 30 ? 0.4 : 0.02))],
  consumers: ofSlots('order', (_, at, color) => (at > 0 === (color === 'green') ? 2 : 0)),
  epoch: ofSlots('order', (_, at, color) =>
    at > 0 === (color === 'green') ? { blue: 7, green: 8 }[color] : null,
  ),
}

export function aReport(over: Partial<Report> = {}): Report {
  const of = over.operation ?? operation
  return {
    ...{ system: 'shop', env: 'local', operation: of, madeAt, covered: coveredBy(of, madeAt) },
    undo: { command: 'shopctl rollback', note: null },
    others: [aMove('r-42', 'rollback', ['order'], { startedAt: '2026-01-01T12:07:00.000Z' })],
    figures: figuresOf(lines),
    ...over,
  }
}
