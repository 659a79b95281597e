// The share of failures that a gate tolerates after a switch, from what was counted before it. Pure.

export interface Counts {
  requests: number
  failures: number
}

/** The least share that is tolerated, however few failed before: of failures, and of slow answers. */
export const leastTolerated = { failures: 0.005, slow: 0.03 } as const

/**
 * Twice the share that may have failed before, and never less than `least`. Without requests before, it is 1.
 * @param least one of `leastTolerated`
 */
export function toleratedShare(before: Counts, least: number): number {
  return Math.min(1, Math.max(least, 2 * upperBound(before)))
}

/** How unlikely so few failures are at the upper bound. */
const doubt = 0.05

/**
 * The highest true share that these counts leave plausible: the upper 95 % bound of Clopper and Pearson. At that share,
 * so few failures or fewer have a probability of 5 %.
 */
export function upperBound({ requests, failures }: Counts): number {
  if (failures >= requests) return 1
  const ways = lnWays(requests, failures)
  let low = failures / requests
  let high = 1
  // Each round halves the interval: afterwards it is as narrow as the number type allows.
  for (let round = 0; round < 60; round++) {
    const share = (low + high) / 2
    if (probabilityOfAtMost({ requests, failures }, share, ways) > doubt) low = share
    else high = share
  }
  return high
}

/** ln of the number of ways to choose `failures` of `requests`. */
function lnWays(requests: number, failures: number): number {
  let sum = 0
  for (let index = 0; index < failures; index++) sum += Math.log((requests - index) / (index + 1))
  return sum
}

/** The binomial distribution's, for a share above `failures / requests`: there each summand is less than the one before. */
function probabilityOfAtMost({ requests, failures }: Counts, share: number, ways: number): number {
  let summand = Math.exp(
    ways + failures * Math.log(share) + (requests - failures) * Math.log1p(-share),
  )
  let sum = summand
  for (let count = failures; count > 0 && summand > sum * Number.EPSILON; count--) {
    summand *= (count / (requests - count + 1)) * ((1 - share) / share)
    sum += summand
  }
  return sum
}
