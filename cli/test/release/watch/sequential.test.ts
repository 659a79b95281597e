// The test of a gate, against its definition, and its exact probabilities.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createTest,
  evidence,
  isBreach,
  leastBreach,
  type SequentialTest,
} from '../../../src/release/watch/sequential.ts'
import { boundary, breached, breachedAfter, requestsUntil } from './exact.ts'

const one = createTest(0.005, 1)

/** The assumed shares of failures. */
function sharesOf(tolerated: number): number[] {
  const shares = Array.from({ length: 100 }, (_, power) => 2 * tolerated * 1.6 ** power)
  return [...shares.filter((share) => share < 0.999), 0.999]
}

describe('a breach', () => {
  it.each([
    [2, null],
    [3, 3],
    [10, 3],
    [30, 4],
    [100, 6],
    [300, 10],
    [1_000, 18],
  ])('of %d requests, of which one gate tolerates 0.005, is at %d failures', (requests, limit) => {
    expect(leastBreach(one, requests)).toBe(limit)
  })

  it('never needs fewer failures after more requests, and one more at most', () => {
    let last = 3
    let requests = 0
    for (const limit of boundary(one)) {
      requests++
      if (requests < 3) continue
      expect([requests, limit - last]).toEqual([requests, limit === last ? 0 : 1])
      last = limit
      if (requests === 5_000) return
    }
  })

  it('is at the same number of failures, whichever way one looks for it', () => {
    let requests = 0
    for (const limit of boundary(one)) {
      requests++
      expect(leastBreach(one, requests) ?? requests + 1).toBe(limit)
      if (requests === 2_000) return
    }
  })
})

describe('the evidence', () => {
  const cases = {
    tolerated: fc.constantFrom(0.005, 0.013, 0.03, 0.1),
    requests: fc.integer({ min: 3, max: 60 }),
  }
  const counts = fc
    .record({ ...cases, part: fc.double({ min: 0, max: 1, noNaN: true }) })
    .map(({ tolerated, requests, part }) => ({
      tolerated,
      requests,
      failures: 3 + Math.round(part * (requests - 3)),
    }))

  it('is ln of the mean likelihood ratio', () => {
    fc.assert(
      fc.property(counts, ({ tolerated, requests, failures }) => {
        const ratios = sharesOf(tolerated).map(
          (share) =>
            (share / tolerated) ** failures *
            ((1 - share) / (1 - tolerated)) ** (requests - failures),
        )
        const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
        const found = evidence(createTest(tolerated, 1), { requests, failures })
        expect(found).toBeCloseTo(Math.log(mean), 8)
      }),
    )
  })

  it('grows with a failure and shrinks with a success', () => {
    fc.assert(
      fc.property(counts, ({ tolerated, requests, failures }) => {
        const test = createTest(tolerated, 1)
        const now = evidence(test, { requests, failures })
        expect(evidence(test, { requests: requests + 1, failures: failures + 1 })).toBeGreaterThan(
          now,
        )
        expect(evidence(test, { requests: requests + 1, failures })).toBeLessThan(now)
      }),
    )
  })

  it('stays a number for a billion requests', () => {
    for (const failures of [3, 5_000_000, 500_000_000, 1_000_000_000])
      expect(evidence(one, { requests: 1e9, failures })).toSatisfy(Number.isFinite)
    expect(isBreach(one, { requests: 1e9, failures: 5_000_000 })).toBe(false)
    expect(isBreach(one, { requests: 1e9, failures: 7_500_000 })).toBe(true)
  })
})

describe('the exact probability of a breach', () => {
  /** By the definition: each order of successes and failures that was a breach at some time. */
  function enumerated(test: SequentialTest, share: number, length: number): number {
    function after(requests: number, failures: number): number {
      if (isBreach(test, { requests, failures })) return 1
      if (requests === length) return 0
      return share * after(requests + 1, failures + 1) + (1 - share) * after(requests + 1, failures)
    }
    return after(0, 0)
  }

  it.each([
    [0.005, 0.005],
    [0.005, 0.2],
    [0.03, 0.5],
    [0.1, 0.1],
  ])('is that of all sequences, if %d is tolerated and %d fails', (tolerated, share) => {
    const test = createTest(tolerated, 1)
    expect(breachedAfter(test, share, 16)).toBeCloseTo(enumerated(test, share, 16), 12)
  })

  it('never falls, and reaches 1 if more fails than is tolerated', () => {
    let last = 0
    for (const probability of breached(one, 0.05)) {
      expect(probability).toBeGreaterThanOrEqual(last)
      last = probability
      if (probability > 1 - 1e-9) break
    }
    expect(last).toBeLessThanOrEqual(1 + 1e-12)
  })
})

// The probability for independent requests is also the highest for others, if none of them fails with a higher probability
// than is tolerated, whatever happened before: then they fail no more often, and fewer failures are never a breach sooner.
// Gates may depend on each other: for all together, their probabilities are added up.
describe('a false breach within 300,000 requests has a probability of at most 1 in 1,000', () => {
  // Of 16 gates: the test of the page.
  it.each([
    [0.005, 1],
    [0.005, 64],
    [0.1, 1],
  ])('if %d is tolerated, by %d gates together', { timeout: 60_000 }, (tolerated, gates) => {
    const test = createTest(tolerated, gates)
    const probability = gates * breachedAfter(test, tolerated, 300_000)
    expect(probability).toBeLessThanOrEqual(0.001)
    // The bound is not far away: a test that never breaches would be no test.
    expect(probability).toBeGreaterThan(0.0001)
  })

  it('and a share that is above the tolerated one exceeds it', () => {
    expect(breachedAfter(one, 0.006, 20_000)).toBeGreaterThan(0.001)
  })
})

// Any number of requests: the mean of the ratio is 1 after each, and a ratio with a mean of 1 exceeds 1,000 at any time
// with a probability of at most 1 in 1,000 (Ville).
it('has a mean ratio of 1 while as much fails as is tolerated', () => {
  const requests = 3_000
  const tolerated = 0.02
  const test = createTest(tolerated, 1)
  let ways = 0
  let mean = 0
  for (let failures = 0; failures <= requests; failures++) {
    const probability =
      ways + failures * Math.log(tolerated) + (requests - failures) * Math.log1p(-tolerated)
    mean += Math.exp(probability + evidence(test, { requests, failures }))
    ways += Math.log((requests - failures) / (failures + 1))
  }
  expect(mean).toBeCloseTo(1, 9)
})

it('finds a bad version after these requests: median and 95 %', () => {
  const found = [0.5, 0.2, 0.05, 0.02, 0.01].map((share) => requestsUntil(one, share, [0.5, 0.95]))
  expect(found).toEqual([
    [5, 11],
    [14, 36],
    [109, 278],
    [625, 1_464],
    [4_332, 9_684],
  ])
})
