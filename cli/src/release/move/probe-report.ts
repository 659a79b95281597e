// Sums up the requests of a probe by the times of a move. Pure.
import type { Sample } from '../ports/probe.ts'
import type { FailedRequest, Phase, ProbeRecord } from '../probe-record.ts'
import type { Move } from '../slot.ts'

/** Milliseconds of `Clock.monotonic`. */
export interface MoveTimes {
  firstWrite: number
  /** When all services had taken over. null: they have not. */
  takeover: number | null
}

interface Subject {
  address: string
  service: string
  /** Of the service that answers. undefined: it is not moved. */
  move: Move | undefined
}

/** Failed requests that a record keeps. */
const mostFailed = 20
const longestReason = 120

export function probeReport(
  all: readonly Sample[],
  times: MoveTimes,
  { address, service, move }: Subject,
): ProbeRecord {
  const samples = all.filter((sample) => isExpected(sample, times, move))
  const byPhase = Map.groupBy(samples, (sample) => phaseOf(sample, times))
  const figures = (phase: Phase) => figuresOf(byPhase.get(phase) ?? [])
  return {
    address,
    service,
    ...figuresOf(samples),
    resent: samples.filter(({ isResent }) => isResent).length,
    lastOldAnswerMs: lastOldAnswer(samples, times, move),
    before: figures('before'),
    during: figures('during'),
    after: figures('after'),
    failed: samples
      .filter(hasFailed)
      .toSorted((one, other) => one.sentAt - other.sentAt)
      .slice(0, mostFailed)
      .map((sample) => failedRequest(sample, times)),
  }
}

/** Where no slot was live, nothing answers until one has taken over: no failure of the move. */
function isExpected({ sentAt }: Sample, { takeover }: MoveTimes, move: Move | undefined): boolean {
  return move?.from !== null || (takeover !== null && sentAt >= takeover)
}

/**
 * The phase in which it was sent. A request in flight at the first write belongs to the move, unless it hung: that began
 * before.
 */
export function phaseOf(
  { sentAt, endedAt, isLate }: Sample,
  { firstWrite, takeover }: MoveTimes,
): Phase {
  if (takeover !== null && sentAt >= takeover) return 'after'
  return sentAt < firstWrite && (endedAt < firstWrite || isLate) ? 'before' : 'during'
}

export function hasFailed({ status }: Sample): boolean {
  return status === 0 || status >= 500
}

function figuresOf(samples: readonly Sample[]) {
  const answered = samples
    .filter(({ status }) => status > 0)
    .map(({ sentAt, endedAt }) => endedAt - sentAt)
    .toSorted((a, b) => a - b)
  return {
    requests: samples.length,
    failures: samples.filter(hasFailed).length,
    p50Ms: percentile(answered, 50),
    p99Ms: percentile(answered, 99),
  }
}

/** By nearest rank, of values in order: no value is invented. null: there is none. */
export function percentile(ordered: readonly number[], percent: number): number | null {
  const value = ordered[Math.max(0, Math.ceil((percent / 100) * ordered.length) - 1)]
  return value === undefined ? null : tenths(value)
}

function lastOldAnswer(
  samples: readonly Sample[],
  { firstWrite }: MoveTimes,
  move: Move | undefined,
): number | null {
  const old = move?.from?.color
  const ends = samples
    .filter(({ status, color }) => status > 0 && color !== null && color === old)
    .map(({ endedAt }) => endedAt)
  if (ends.length === 0) return null
  return Math.max(0, tenths(ends.reduce((last, end) => Math.max(last, end), 0) - firstWrite))
}

function failedRequest(sample: Sample, times: MoveTimes): FailedRequest {
  const { sentAt, endedAt, status, error, color, isNew } = sample
  return {
    phase: phaseOf(sample, times),
    atMs: Math.round(sentAt - times.firstWrite),
    tookMs: Math.round(endedAt - sentAt),
    what: (error ?? String(status)).slice(0, longestReason),
    connection: isNew ? 'new' : 'kept',
    color,
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
