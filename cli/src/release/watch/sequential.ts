// The test of a gate: whether more requests fail than is tolerated. One may look after every request. Pure.
import type { Counts } from './tolerated.ts'

/** Of a false breach, during a whole watch and all of its gates together. */
const falseAlarm = 0.001

/** Fewer failures than this are never a breach, whatever their share. */
const leastFailures = 3

/** Assumed shares of failures are this far apart. The last is for a version that answers nothing. */
const step = 1.6
const highest = 0.999

export interface SequentialTest {
  /** ln of the evidence that makes a breach. */
  threshold: number
  /** For each assumed share, how much ln of the likelihood changes with one request. */
  weights: readonly { failure: number; success: number }[]
}

/**
 * @param tolerated the share of requests that may fail, above 0 and below 0.5
 * @param gates how many tests one watch makes: each gets its part of the false alarms
 */
export function createTest(tolerated: number, gates: number): SequentialTest {
  const shares: number[] = []
  for (let share = 2 * tolerated; share < highest; share *= step) shares.push(share)
  return {
    threshold: Math.log(gates / falseAlarm),
    weights: [...shares, highest].map((share) => ({
      failure: Math.log(share / tolerated),
      success: Math.log1p(-share) - Math.log1p(-tolerated),
    })),
  }
}

/**
 * ln of how much better the assumed shares explain the counts than the tolerated one does: their likelihood ratios,
 * averaged. While no request fails with a higher probability than is tolerated, this average is a fair or losing game
 * that starts with 1, and such a game reaches 1,000 at any time with a probability of at most 1 in 1,000. Therefore one
 * may look as often as one likes. It grows with each failure, and shrinks with each success.
 */
export function evidence({ weights }: SequentialTest, { requests, failures }: Counts): number {
  if (failures < leastFailures) return -Infinity
  const successes = requests - failures
  const ratios = weights.map(({ failure, success }) => failures * failure + successes * success)
  // The ratios themselves are too large or too small for a number.
  const largest = Math.max(...ratios)
  const sum = ratios.reduce((total, ratio) => total + Math.exp(ratio - largest), 0)
  return largest + Math.log(sum / weights.length)
}

export function isBreach(test: SequentialTest, counts: Counts): boolean {
  return evidence(test, counts) >= test.threshold
}

/** The smallest number of failures that is a breach. null: not even if all of the requests fail. */
export function leastBreach(test: SequentialTest, requests: number): number | null {
  let low = 0
  let high = requests + 1
  while (low < high) {
    const failures = Math.floor((low + high) / 2)
    if (isBreach(test, { requests, failures })) high = failures
    else low = failures + 1
  }
  return high > requests ? null : high
}
