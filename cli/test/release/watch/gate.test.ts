// What a gate says, second by second.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createGate, judge, type Second } from '../../../src/release/watch/gate.ts'
import { createTest, isBreach } from '../../../src/release/watch/sequential.ts'
import { leastTolerated } from '../../../src/release/watch/tolerated.ts'
import { secondsUntil } from './exact-bursts.ts'

const start = 1_800_000_000
const calm = { requests: 54_000, failures: 0 }
const gate = createGate(calm, leastTolerated.failures, 1)

/** 30 requests in each second, and these failures. */
function seconds(...failures: number[]): Second[] {
  return failures.map((count, index) => ({ at: start + index, requests: 30, failures: count }))
}

function times<Item>(length: number, item: Item): Item[] {
  return Array.from({ length }, () => item)
}

describe('a gate', () => {
  it('passes after 300 requests', () => {
    expect(judge(gate, seconds(...times(10, 0)))).toEqual({
      outcome: 'passes',
      requests: 300,
      failures: 0,
      tolerated: 0.005,
      limit: 10,
      since: null,
      burst: null,
    })
  })

  it('is inconclusive before', () => {
    const found = judge(gate, seconds(0, 0, 1, 0, 0, 0, 0, 0, 0))
    expect(found).toMatchObject({ outcome: 'inconclusive', requests: 270, limit: 9 })
    expect(found.since).toBe(start + 2)
  })

  it('is inconclusive without requests', () => {
    expect(judge(gate, [])).toMatchObject({ outcome: 'inconclusive', limit: null, since: null })
  })

  it('has a breach of fewer requests too', () => {
    expect(judge(gate, seconds(0, ...times(7, 10)))).toEqual({
      outcome: 'breach',
      requests: 240,
      failures: 70,
      tolerated: 0.005,
      limit: 9,
      since: start + 1,
      burst: null,
    })
  })

  it('needs more failures as one of many', () => {
    // 7 in any 5 seconds.
    const failing = seconds(...times(2, [2, 1, 1, 2, 1]).flat())
    const oneOf16 = createGate(calm, leastTolerated.failures, 16)
    expect([judge(gate, failing), judge(oneOf16, failing)]).toMatchObject([
      { outcome: 'breach', limit: 10 },
      { outcome: 'passes', limit: 11, burst: { failures: 7 } },
    ])
  })

  it.each([
    ['more than 10 % may have failed before', { requests: 1_000, failures: 60 }],
    ['there were too few requests before', { requests: 58, failures: 0 }],
    ['there were none before', { requests: 0, failures: 0 }],
  ])('is off if %s', (_, before) => {
    const found = judge(createGate(before, leastTolerated.failures, 1), seconds(...times(20, 30)))
    expect(found).toMatchObject({ outcome: 'off', failures: 600, limit: null, burst: null })
    expect(found.tolerated).toBeGreaterThan(0.1)
  })

  it('is not off with 59 requests before', () => {
    const { tolerated, test } = createGate({ requests: 59, failures: 0 }, 0.005, 1)
    expect([tolerated < 0.1, test === null]).toEqual([true, false])
  })
})

describe('a burst', () => {
  it.each([
    ['a second', [30]],
    ['three seconds', [30, 30, 30]],
    ['an outage of 4 s that touches 5', [12, 30, 30, 30, 18]],
  ])('of %s is no breach, neither during it nor later', (_, outage) => {
    const all = seconds(...times(20, 0), ...outage, ...times(60, 0))
    for (let length = 1; length <= all.length; length++)
      expect([length, judge(gate, all.slice(0, length)).outcome]).not.toContain('breach')
  })

  it('is named', () => {
    expect(judge(gate, seconds(...times(20, 0), 10, 30, 30, ...times(20, 0)))).toMatchObject({
      outcome: 'passes',
      failures: 70,
      limit: 20,
      since: start + 20,
      burst: { at: start + 20, requests: 150, failures: 70, seconds: 5 },
    })
  })

  it('is longer where counts come each 3 s: an outage of 4 s is in three of them', () => {
    const counted = seconds(0, 0, 15, 90, 15, 0, 0).map((second, index) => ({
      ...second,
      ...{ at: start + 3 * index, requests: 90 },
    }))
    const slowly = createGate(calm, leastTolerated.failures, 1, 8)
    expect(judge(gate, counted).outcome).toBe('breach')
    expect(judge(slowly, counted)).toMatchObject({
      outcome: 'passes',
      burst: { at: start + 6, requests: 270, failures: 120, seconds: 8 },
    })
  })

  it('that is longer is a breach', () => {
    expect(judge(gate, seconds(...times(20, 0), ...times(6, 30))).outcome).toBe('breach')
  })

  it('does not excuse another one', () => {
    const twice = seconds(...times(20, 0), 30, ...times(20, 0), 30)
    expect(judge(gate, twice).outcome).toBe('breach')
  })

  it('does not excuse what fails without it', () => {
    const failing = seconds(...times(40, 1), 30, 30, ...times(5, 1))
    expect(judge(gate, failing)).toMatchObject({ outcome: 'breach', burst: null })
  })

  it('lasts 5 s by the clock, not 5 seconds with requests', () => {
    const rare = times(12, 0).map((_, index) => ({
      at: start + 4 * index,
      requests: 1,
      failures: 1,
    }))
    expect(judge(gate, rare).outcome).toBe('breach')
    // Any 5 s hold two of these, and 3 are left.
    expect(judge(gate, rare.slice(0, 5)).outcome).toBe('breach')
    expect(judge(gate, rare.slice(0, 4)).outcome).toBe('inconclusive')
  })

  it('never makes a breach, and every breach stands without any 5 s', () => {
    const test = createTest(0.005, 1)
    const second = fc.record({
      gap: fc.integer({ min: 1, max: 4 }),
      successes: fc.integer({ min: 0, max: 9 }),
      failures: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 4 })),
    })
    fc.assert(
      fc.property(fc.array(second, { minLength: 1, maxLength: 30 }), (drawn) => {
        let at = start
        const all = drawn.map(({ gap, successes, failures }) => {
          at += gap
          return { at, requests: successes + failures, failures }
        })
        expect(judge(gate, all).outcome === 'breach').toBe(standsWithoutAny(all))
      }),
      { numRuns: 500 },
    )

    /** By the definition, which is slow. */
    function standsWithoutAny(all: readonly Second[]): boolean {
      return [null, ...all.map(({ at }) => at)].every((from) => {
        const rest = all.filter(({ at }) => from === null || at < from || at >= from + 5)
        const total = (key: 'requests' | 'failures') =>
          rest.reduce((sum, item) => sum + item[key], 0)
        return isBreach(test, { requests: total('requests'), failures: total('failures') })
      })
    }
  })
})

/** A sequence of numbers from 0 to 1, the same each time (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// The bound is calculated apart from the gate. This is to see that both mean the same.
it.each([0.5, 0.2, 0.05])(
  'finds a version that fails in %d within the calculated time',
  (share) => {
    const random = createRandom(1)
    const time = secondsUntil(createTest(0.005, 1), share, 30, 0.95)
    const found = times(300, 0).filter(() => {
      const drawn = times(time, 0).map(() => times(30, 0).filter(() => random() < share).length)
      const all = seconds(...drawn)
      return all.some((_, index) => judge(gate, all.slice(0, index + 1)).outcome === 'breach')
    })
    expect(found.length).toBeGreaterThanOrEqual(0.95 * 300)
  },
)
