// The metrics of pods in memory: what they have counted, as a test says.
import type { PodMetrics, PodReading, Tally } from '../../src/release/ports/pod-metrics.ts'
import { emptyTally } from '../../src/release/watch/tally.ts'

export interface FakePodMetrics extends PodMetrics {
  /** null: the pod does not answer. */
  reading(service: string, pod: string): PodReading | null
}

export function createFakePodMetrics(): FakePodMetrics {
  const metrics: FakePodMetrics = {
    reading: () => aReading(),
    isNamed: () => true,
    read: async (service, pod) => metrics.reading(service, pod),
  }
  return metrics
}

/** Quick requests, and messages, all of which succeeded. */
export function aTally(over: Partial<Tally> = {}): Tally {
  const { requests = 0 } = over
  return { ...emptyTally, within: { '0.1': requests, '0.5': requests, '1': requests }, ...over }
}

export function aReading(over: Partial<Tally> = {}, startedAt = 1): PodReading {
  return { startedAt, tally: aTally(over) }
}
