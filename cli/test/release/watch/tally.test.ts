// What pods have counted, over restarts and new pods.
import { describe, expect, it } from 'vitest'
import type { PodReading } from '../../../src/release/ports/pod-metrics.ts'
import type { Second } from '../../../src/release/watch/gate.ts'
import { add } from '../../../src/release/watch/service-watch.ts'
import { advance, beginMeter, emptyTally, sumOf } from '../../../src/release/watch/tally.ts'
import { aReading, aTally } from '../../fakes/pod-metrics.ts'

type Reading = PodReading | null

describe('a meter', () => {
  it.each<[string, Record<string, Reading>, Record<string, Reading>, number]>([
    [
      'counts what came since',
      { a: aReading({ requests: 10 }) },
      { a: aReading({ requests: 13 }) },
      3,
    ],
    ['counts nothing of a pod that is not read', { a: aReading({ requests: 10 }) }, { a: null }, 0],
    [
      'counts all of a process that has begun anew',
      { a: aReading({ requests: 10 }) },
      { a: aReading({ requests: 12 }, 2) },
      12,
    ],
    [
      'is never negative, also where pods do not say when they began',
      { a: { ...aReading({ requests: 10 }), startedAt: null } },
      { a: { ...aReading({ requests: 4 }), startedAt: null } },
      4,
    ],
    ['counts all of a pod that came later', {}, { a: aReading({ requests: 5 }) }, 5],
    [
      'begins with the first reading of a pod that was there',
      { a: null },
      { a: aReading({ requests: 5 }) },
      0,
    ],
    [
      'adds up its pods',
      { a: aReading({ requests: 1 }), b: aReading({ requests: 2 }) },
      { a: aReading({ requests: 2 }), b: aReading({ requests: 4 }) },
      3,
    ],
  ])('%s', (_, before, now, requests) => {
    expect(advance(beginMeter(before), now).counted.requests).toBe(requests)
  })

  it('loses nothing of a pod that was silent for a while', () => {
    const begun = beginMeter({ a: aReading({ requests: 10 }) })
    const silent = advance(begun, { a: null })
    expect(advance(silent.meter, { a: aReading({ requests: 30 }) }).counted.requests).toBe(20)
  })

  it('knows each kind of parked message, and each bound', () => {
    const before = aReading({ parked: { a: 1 }, within: { '0.5': 2 } })
    const now = aReading({ parked: { a: 1, b: 2 }, within: { '0.5': 5, '1': 1 } })
    expect(advance(beginMeter({ a: before }), { a: now }).counted).toMatchObject({
      parked: { a: 0, b: 2 },
      within: { '0.5': 3, '1': 1 },
    })
  })
})

it('the sum of nothing is nothing', () => {
  expect(sumOf([])).toEqual(emptyTally)
  expect(sumOf([aTally({ attempts: 1 }), aTally({ attempts: 2 })]).attempts).toBe(3)
})

it('seconds stay in order, also when the clock is set back', () => {
  const seconds: Second[] = []
  for (const [at, requests] of [
    [5, 1],
    [5, 2],
    [7, 4],
    [6, 8],
  ] as const)
    add(seconds, at, { requests, failures: 0 })
  expect(seconds).toEqual([
    { at: 5, requests: 3, failures: 0 },
    { at: 7, requests: 12, failures: 0 },
  ])
})
