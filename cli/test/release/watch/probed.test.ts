// What customers asked, where pods count the probe as well.
import { expect, it } from 'vitest'
import type { Second } from '../../../src/release/watch/gate.ts'
import { withoutProbe } from '../../../src/release/watch/probed.ts'

/** One pair of requests and failures for each second. */
function series(...counts: [number, number][]): Second[] {
  return counts.map(([requests, failures], at) => ({ at, requests, failures }))
}

it.each<[string, Second[], Second[], number | null, [number, number]]>([
  ['are what is left', series([32, 1], [31, 0]), series([30, 0], [30, 0]), 1, [3, 1]],
  ['are nobody', series([30, 0], [30, 0]), series([30, 0], [30, 0]), 0, [0, 0]],
  ['do not have the failures of the probe', series([33, 4]), series([30, 3]), 2, [3, 1]],
  [
    'are not less where pods are read late',
    series([0, 0], [66, 2]),
    series([30, 0], [30, 0]),
    3,
    [6, 2],
  ],
  ['never fail more than they ask', series([31, 5]), series([30, 0]), 0, [5, 5]],
  [
    'are all where pods do not count the page of the probe',
    series([31, 1], [31, 0]),
    series([30, 0], [30, 0]),
    31,
    [62, 1],
  ],
  ['are all where pods count less than was sent', series([5, 1]), series([30, 0]), 1, [5, 1]],
  [
    'are all where nobody knows how many are usual',
    series([32, 1]),
    series([30, 0]),
    null,
    [32, 1],
  ],
  ['are all without a probe', series([32, 1]), [], 31, [32, 1]],
])('customers %s', (_, counted, probed, usual, [requests, failures]) => {
  const left = withoutProbe(counted, probed, usual)
  const sum = (of: 'requests' | 'failures') => left.reduce((total, each) => total + each[of], 0)
  expect([sum('requests'), sum('failures')]).toEqual([requests, failures])
  expect(left.every((each) => each.failures <= each.requests)).toBe(true)
})
