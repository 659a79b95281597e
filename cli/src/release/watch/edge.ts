// The probe during a watch: it goes on at a low rate, and its failures are those of customers.
import { said } from '../../errors.ts'
import { hasFailed } from '../move/probe-report.ts'
import type { Probe, ProbeRun, Sample } from '../ports/probe.ts'
import type { Clock } from '../ports/session.ts'
import { createGate, type Gate, type Second } from './gate.ts'
import { add } from './service-watch.ts'
import type { Counts } from './tolerated.ts'

/** Requests per second: enough to find a version that fails, and no load. */
const mostPerSecond = 30
/** Seconds until all requests of a second have their answer, or have failed. */
const decided = 3
/** Seconds without requests that are no reason to say so. */
const patience = 10

export interface Edge {
  /** The service whose pods answer. */
  service: string
  gate: Gate
  before: Counts
  /** Of which all requests are decided. */
  seconds: Second[]
  /** Takes over what has ended since it was called last. */
  collect(): readonly Sample[]
  /** Why its requests are not known now. null: they are. */
  problem(): string | null
  /** Forgets what was counted so far. */
  forgive(): void
  stop(): Promise<void>
}

interface EdgeOptions {
  clock: Clock
  signal: AbortSignal
  before: Counts
  /** Share that is tolerated at least. */
  least: number
  /** How many tests the watch makes in all. */
  gates: number
  /** Its end, where nobody ends it. */
  mostSeconds: number
}

/** Begins in the background: a probe that does not start holds up nothing. */
export function startEdge(probe: Probe, options: EdgeOptions): Edge {
  const { clock, signal, before, least, gates, mostSeconds } = options
  const ending = new AbortController()
  const offset = clock.now().getTime() - clock.monotonic()
  const unix = (monotonic: number): number => (monotonic + offset) / 1_000
  const waiting = new Map<number, Counts>()
  let run: ProbeRun | null = null
  let failure: string | null = null
  let taken = 0
  let lastAt = unix(clock.monotonic())
  const pace = { rate: Math.min(mostPerSecond, probe.rate), seconds: mostSeconds }
  const starting = probe.start(AbortSignal.any([signal, ending.signal]), pace).then(
    (started) => {
      run = started
    },
    (error) => {
      failure = said(error)
    },
  )
  const edge: Edge = {
    service: probe.service,
    before,
    gate: createGate(before, least, gates),
    seconds: [],
    collect() {
      const samples = run?.samples.slice(taken) ?? []
      taken += samples.length
      for (const sample of samples) {
        const at = Math.floor(unix(sample.sentAt))
        lastAt = Math.max(lastAt, at)
        const counts = waiting.get(at) ?? { requests: 0, failures: 0 }
        counts.requests += 1
        counts.failures += hasFailed(sample) ? 1 : 0
        waiting.set(at, counts)
      }
      const until = unix(clock.monotonic()) - decided
      for (const at of [...waiting.keys()].toSorted((a, b) => a - b)) {
        if (at + 1 > until) break
        add(edge.seconds, at, waiting.get(at) ?? { requests: 0, failures: 0 })
        waiting.delete(at)
      }
      return samples
    },
    problem() {
      if (failure !== null) return `the probe cannot be started: ${failure}`
      return unix(clock.monotonic()) - lastAt > patience ? 'the probe sends nothing' : null
    },
    forgive() {
      edge.seconds = []
      waiting.clear()
    },
    async stop() {
      if (!run) ending.abort()
      await starting
      await run?.stop().catch(() => {})
      ending.abort()
    },
  }
  return edge
}
