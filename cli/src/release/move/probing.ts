// Accompanies one switch or rollback with the probe. Nothing that goes wrong with the probe ends or delays the move.
import { said } from '../../errors.ts'
import type { Probe, ProbeRun } from '../ports/probe.ts'
import type { Clock } from '../ports/session.ts'
import type { Operation } from '../record.ts'
import type { Move } from '../slot.ts'
import { type MoveTimes, probeReport } from './probe-report.ts'

export interface ProbingPorts {
  /** null: the environment sets none. */
  probe: Probe | null
  clock: Clock
  signal: AbortSignal
}

/** What a proof says of the probe: its figures, or why there are none. Neither: nothing was moved. */
export type Probed = Pick<Operation, 'probe' | 'withoutProbe'>

export interface Probing {
  /** Waits until there are enough requests to compare with. */
  before(): Promise<void>
  /** Does without the probe while `work` runs, which may take minutes. */
  paused<T>(work: () => Promise<T>): Promise<T>
  /** At the first write. Times are those of `Clock.monotonic`. */
  written(at: number): void
  tookOver(at: number): void
  /** Waits until there are enough requests after the takeover. */
  after(): Promise<void>
  /** Ends the probe. */
  stop(): Promise<void>
  /** So far. */
  probed(moves: readonly Move[]): Probed
  /** Whether the probe asks this service. */
  asks(service: string): boolean
}

/** What a percentile of 99 needs at least. */
const enoughRequests = 300
/** For so many at a low rate. */
const mostMs = 1_500
/** Until a request has its answer. */
const answerMs = 50
/** Until it sends. A switch waits no longer for that. */
const startMs = 3_000
const lookMs = 20

/** The probe begins at once, and ends with `work` at the latest. */
export async function withProbe<T>(
  ports: ProbingPorts,
  { probe: isWanted }: { probe: boolean },
  work: (probing: Probing) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const signal = AbortSignal.any([ports.signal, ending.signal])
  try {
    const { probe } = ports
    if (!probe) return await work(noProbing('this environment sets none'))
    if (!isWanted) return await work(noProbing('--no-probe was given'))
    return await work(startProbing(probe, { ...ports, signal }))
  } finally {
    ending.abort()
  }
}

interface RunState {
  /** null: it does not send yet. */
  run: ProbeRun | null
  startedAt: number
  /** Why it cannot be started. */
  problem: string | null
}

/** One start of the probe. */
function beginRun(probe: Probe, { clock, signal }: Omit<ProbingPorts, 'probe'>) {
  const begunAt = clock.monotonic()
  const pausing = new AbortController()
  const state: RunState = { run: null, startedAt: 0, problem: null }
  const starting = probe.start(AbortSignal.any([signal, pausing.signal])).then(
    (run) => {
      state.run = run
      state.startedAt = clock.monotonic()
    },
    (error) => {
      state.problem ??= `it could not be started: ${said(error)}`.slice(0, 300)
    },
  )
  return {
    state,
    begunAt,
    abort: () => pausing.abort(),
    async stop() {
      if (!hasStarted(state)) {
        state.problem = 'it had not started when all was over'
        pausing.abort()
      }
      await starting
      await state.run?.stop().catch(() => {})
    },
  }
}

/** Or it never will. */
function hasStarted({ run, problem }: RunState): boolean {
  return run !== null || problem !== null
}

function startProbing(probe: Probe, ports: Omit<ProbingPorts, 'probe'>): Probing {
  const { clock, signal } = ports
  const enoughMs = Math.min(mostMs, (enoughRequests / probe.rate) * 1_000)
  const times: { firstWrite: number | null; takeover: number | null } = {
    firstWrite: null,
    takeover: null,
  }
  let current = beginRun(probe, ports)
  const sleepUntil = async (at: number): Promise<void> => {
    const ms = at - clock.monotonic()
    if (ms > 0 && current.state.run !== null) await clock.sleep(ms, signal)
  }
  /** Waits until it sends, or never will. false: it has not started in time. */
  const started = async (): Promise<boolean> => {
    const { state, begunAt } = current
    while (!hasStarted(state) && clock.monotonic() < begunAt + startMs)
      await clock.sleep(lookMs, signal)
    return hasStarted(state)
  }
  return {
    async before() {
      if (await started()) await sleepUntil(current.state.startedAt + enoughMs + answerMs)
    },
    async paused(work) {
      current.abort()
      const result = await work()
      current = beginRun(probe, ports)
      return result
    },
    written(at) {
      times.firstWrite ??= at
    },
    tookOver(at) {
      times.takeover = at
    },
    async after() {
      const { takeover } = times
      if (takeover === null) return
      // A rollback on a busy machine may be over before the probe sends.
      const enough = async (): Promise<void> => {
        if (await started())
          await sleepUntil(Math.max(takeover, current.state.startedAt) + enoughMs)
      }
      // Who interrupts the command now wants to wait no longer.
      await enough().catch(() => {})
    },
    stop: () => current.stop(),
    probed(moves) {
      const { run, problem } = current.state
      const { firstWrite, takeover } = times
      if (problem !== null) return { withoutProbe: problem }
      if (!run || firstWrite === null) return {}
      const { address, service } = probe
      const move = moves.find(({ name }) => name === service)
      const at: MoveTimes = { firstWrite, takeover }
      return { probe: probeReport(run.samples, at, { address, service, move }) }
    },
    asks: (service) => service === probe.service,
  }
}

function noProbing(why: string): Probing {
  return {
    async before() {},
    paused: (work) => work(),
    written() {},
    tookOver() {},
    async after() {},
    async stop() {},
    probed: () => ({ withoutProbe: why }),
    asks: () => false,
  }
}
