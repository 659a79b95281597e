// How long a gate needs at most if it sets aside any 5 seconds. The exact time depends on the order of all failures. A
// bound of its probability does not: it is calculated, not sampled.
import type { SequentialTest } from '../../../src/release/watch/sequential.ts'
import { boundary } from './exact.ts'

const burstLength = 5

/** Requests. */
const longest = 30_000

/** Probability of at most so many failures. */
export function atMost(requests: number, share: number, failures: number): number {
  if (failures >= requests) return 1
  if (share === 1) return 0
  let summand = (1 - share) ** requests
  let sum = 0
  for (let count = 0; count <= failures; count++) {
    sum += summand
    summand *= ((requests - count) / (count + 1)) * (share / (1 - share))
  }
  return sum
}

/** The smallest number of failures that is a breach. */
function limitsOf(test: SequentialTest): (requests: number) => number {
  const limits = [1]
  for (const limit of boundary(test)) if (limits.push(limit) > longest) break
  return (requests) => limits[requests] ?? Number.POSITIVE_INFINITY
}

/**
 * Seconds until a breach was seen with at least this probability. It is an upper bound: often it takes less.
 * @param rate requests per second, steady; the gate looks once a second
 */
export function secondsUntil(
  test: SequentialTest,
  share: number,
  rate: number,
  probability: number,
): number {
  const limitOf = limitsOf(test)
  const burst = burstLength * rate
  const missed = (requests: number) => atMost(requests, share, limitOf(requests) - 1)
  for (let seconds = burstLength + 1; seconds * rate <= longest; seconds++) {
    const requests = seconds * rate
    const bursts = seconds - burstLength + 1
    // All are no breach, or the rest is none: without one of the bursts, or of the last four, which may not be over yet.
    const unfinished = [1, 2, 3, 4].map((length) => missed(requests - length * rate))
    const sum = [...unfinished, bursts * missed(requests - burst)].reduce(
      (total, probability) => total + probability,
      missed(requests),
    )
    // Or: a burst has more than `most` failures, or there are too few to do without `most`.
    const sums = Array.from({ length: burst + 1 }, (_, most) => {
      const needed = Math.max(limitOf(requests), limitOf(requests - rate) + most)
      return bursts * (1 - atMost(burst, share, most)) + atMost(requests, share, needed - 1)
    })
    if (Math.min(sum, ...sums) <= 1 - probability) return seconds
  }
  throw new Error(`not within ${longest} requests`)
}
