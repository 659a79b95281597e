// Which answers are slow, by the bounds of the histogram that pods count in. Pure.
import type { Tally } from '../ports/pod-metrics.ts'
import type { Counts } from './tolerated.ts'

/** With fewer requests before, nobody knows what is slow here. */
const enoughBefore = 300

/** Seconds within which 99 % were answered: a bound of the histogram. null: it has none that is so high. */
export function p99Of({ requests, within }: Tally): number | null {
  const bounds = boundsOf(within)
  return bounds.find((bound) => (within[bound] ?? 0) >= 0.99 * requests) ?? null
}

/** The bound above which an answer is slow: at least `leastMs` and p99 before. null: nobody can say. */
export function slowBound(before: Tally, leastMs: number): number | null {
  if (before.requests < enoughBefore) return null
  const p99 = p99Of(before)
  const least = Math.max(leastMs / 1_000, p99 ?? Number.POSITIVE_INFINITY)
  return boundsOf(before.within).find((bound) => bound >= least) ?? null
}

/** Why `slowBound` has found none. */
export function noBoundText({ requests }: Tally, leastMs: number): string {
  return requests < enoughBefore
    ? `off: fewer than ${enoughBefore} requests before`
    : `off: no bound of the histogram is as high as p99 before and ${leastMs} ms`
}

/** @param bound of `slowBound`. Where the histogram has none like it, nothing is counted: see `lacksBound`. */
export function slowCounts({ requests, within }: Tally, bound: number): Counts {
  const quick = within[bound]
  if (quick === undefined) return { requests: 0, failures: 0 }
  return { requests, failures: Math.max(0, requests - quick) }
}

/** The new version counts in other buckets than the one before, so nobody can say which answers are slow. */
export function lacksBound({ requests, within }: Tally, bound: number): boolean {
  return requests > 0 && within[bound] === undefined
}

function boundsOf(within: Tally['within']): number[] {
  return Object.keys(within)
    .map(Number)
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b)
}
