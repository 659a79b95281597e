import { expect, test } from 'vitest'
import { medianOf } from '../../bench/measure.ts'

test.each([
  { samples: [3], expected: 3 },
  { samples: [4, 1], expected: 2.5 },
  { samples: [10, 1, 2], expected: 2 },
  { samples: [4, 1, 10, 2], expected: 3 },
  { samples: [5, 1, 100, 2, 3], expected: 3 },
  { samples: [], expected: Number.NaN },
])('the median of $samples is $expected', ({ samples, expected }) => {
  expect(medianOf(samples)).toBe(expected)
})
