// A probe in memory: its requests are answered at once, by what a test says.
import type { Probe, Sample } from '../../src/release/ports/probe.ts'
import type { Clock } from '../../src/release/ports/session.ts'

export type FakeAnswer = Partial<Omit<Sample, 'sentAt' | 'endedAt'>> & { tookMs?: number }

export interface FakeProbe extends Probe {
  /** How often it was started. */
  starts: number
  /** Runs that were neither stopped nor ended by their signal. */
  running: Set<object>
}

/** A request that was answered in 2 ms. */
export function aSample(sentAt: number, { tookMs = 2, ...over }: FakeAnswer = {}): Sample {
  return {
    ...{ sentAt, endedAt: sentAt + tookMs, status: 200, error: null, color: null },
    ...{ isLate: false, isNew: false, isResent: false, ...over },
  }
}

/** `answer` gets when the request was sent. */
export function createFakeProbe(
  { monotonic }: Pick<Clock, 'monotonic'>,
  answer: (sentAt: number) => FakeAnswer,
  over: Partial<Probe> = {},
): FakeProbe {
  const probe: FakeProbe = {
    starts: 0,
    running: new Set(),
    service: 'order',
    address: 'http://127.0.0.1:1/orders',
    rate: 100,
    async start(signal) {
      probe.starts += 1
      const startedAt = monotonic()
      let endedAt: number | null = null
      const run = {
        get samples() {
          const count = Math.floor(((endedAt ?? monotonic()) - startedAt) / 10) + 1
          return Array.from({ length: count }, (_, n) => startedAt + n * 10).map((sentAt) =>
            aSample(sentAt, answer(sentAt)),
          )
        },
        async stop() {
          endedAt ??= monotonic()
          probe.running.delete(run)
        },
      }
      probe.running.add(run)
      signal.addEventListener('abort', () => void run.stop())
      return run
    },
    ...over,
  }
  return probe
}
