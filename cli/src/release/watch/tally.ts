// Adds up what pods have counted, over their restarts. Pure.
import type { PodReading, Tally } from '../ports/pod-metrics.ts'

export const emptyTally: Tally = {
  requests: 0,
  failedRequests: 0,
  within: {},
  attempts: 0,
  failedAttempts: 0,
  parked: {},
  consumed: 0,
  ageSum: 0,
}

type Named = Readonly<Record<string, number>>

function combined(one: Named, other: Named, combine: (a: number, b: number) => number): Named {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return Object.fromEntries(
    [...names].map((name) => [name, combine(one[name] ?? 0, other[name] ?? 0)]),
  )
}

function both(one: Tally, other: Tally, combine: (a: number, b: number) => number): Tally {
  return {
    requests: combine(one.requests, other.requests),
    failedRequests: combine(one.failedRequests, other.failedRequests),
    within: combined(one.within, other.within, combine),
    attempts: combine(one.attempts, other.attempts),
    failedAttempts: combine(one.failedAttempts, other.failedAttempts),
    parked: combined(one.parked, other.parked, combine),
    consumed: combine(one.consumed, other.consumed),
    ageSum: combine(one.ageSum, other.ageSum),
  }
}

export function sumOf(tallies: readonly Tally[]): Tally {
  return tallies.reduce((sum, each) => both(sum, each, (a, b) => a + b), emptyTally)
}

/** The last reading of each pod. null: it was there when the meter began, and has not been read yet. */
export type Meter = ReadonlyMap<string, PodReading | null>

export type Readings = Readonly<Record<string, PodReading | null>>

/** What these pods have counted so far is not counted: it was before. */
export function beginMeter(readings: Readings): Meter {
  return new Map(Object.entries(readings))
}

/** `counted`: since the last reading of each pod. What a pod has counted that was not there at the beginning counts in whole. */
export function advance(meter: Meter, readings: Readings): { meter: Meter; counted: Tally } {
  const next = new Map(meter)
  const counted: Tally[] = []
  for (const [pod, reading] of Object.entries(readings)) {
    if (!reading) continue
    const last = meter.get(pod)
    next.set(pod, reading)
    if (last !== null) counted.push(since(last, reading))
  }
  return { meter: next, counted: sumOf(counted) }
}

/** A process that has begun anew counts from 0. */
function since(last: PodReading | undefined, { startedAt, tally }: PodReading): Tally {
  if (last?.startedAt !== startedAt) return tally
  const difference = both(tally, last.tally, (now, before) => now - before)
  return isNegative(difference) ? tally : difference
}

function isNegative({ within, parked, ...counts }: Tally): boolean {
  return [counts, within, parked].some((each) => Object.values(each).some((count) => count < 0))
}
