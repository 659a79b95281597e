// How much is tolerated after a switch, from what failed before it.
import { describe, expect, it } from 'vitest'
import { leastTolerated, toleratedShare, upperBound } from '../../../src/release/watch/tolerated.ts'
import { atMost } from './exact-bursts.ts'

describe('the upper bound', () => {
  it.each([
    // Of no failure, and of one success, the bound has a formula. Two are from a table of the beta distribution.
    [0, 10, 1 - 0.05 ** (1 / 10)],
    [0, 180, 1 - 0.05 ** (1 / 180)],
    [0, 1_000_000, 1 - 0.05 ** (1 / 1_000_000)],
    [1, 10, 0.394163],
    [5, 100, 0.102253],
    [299, 300, 0.95 ** (1 / 300)],
    [10, 10, 1],
    [0, 0, 1],
  ])('of %d failures in %d requests', (failures, requests, expected) => {
    expect(upperBound({ requests, failures })).toBeCloseTo(expected, 6)
  })

  it.each([
    [1, 50],
    [3, 1_000],
    [40, 300],
    [60, 20_000],
    [200, 300],
  ])('of %d failures in %d requests leaves 5 % for as few', (failures, requests) => {
    expect(atMost(requests, upperBound({ requests, failures }), failures)).toBeCloseTo(0.05, 9)
  })

  it('is close to the normal approximation for large counts', () => {
    const share = upperBound({ requests: 1_000_000, failures: 30_000 })
    expect(share).toBeCloseTo(0.03 + 1.6449 * Math.sqrt((0.03 * 0.97) / 1_000_000), 5)
  })
})

describe('the tolerated share', () => {
  it.each([
    ['many requests, no failure', 54_000, 0, leastTolerated.failures, 0.005],
    ['many requests, no slow one', 54_000, 0, leastTolerated.slow, 0.03],
    ['few requests', 180, 0, leastTolerated.failures, 0.033],
    ['1 % of failures', 54_000, 540, leastTolerated.failures, 0.0215],
    ['no requests', 0, 0, leastTolerated.failures, 1],
  ])('after %s', (_, requests, failures, least, expected) => {
    expect(toleratedShare({ requests, failures }, least)).toBeCloseTo(expected, 4)
  })
})
