// Which curves a service has, what they come to, and how labels keep their distance.
import { describe, expect, it } from 'vitest'
import { amount, panelsOf, sumsOf } from '../../src/report/panels.ts'
import { spread } from '../../src/report/plot.ts'
import { figuresOf } from '../fakes/metrics.ts'
import { line, lines } from './scene.ts'

describe('the panels of a service', () => {
  it('are those of which something is known', () => {
    const titles = (name: string) => panelsOf(name, figuresOf(lines)).map(({ title }) => title)
    expect(titles('order')).toEqual([
      ...['Requests', 'Failures', 'Response times', 'Messages handled', 'Queue'],
      ...['Age of messages', 'Consumers', 'Epoch of the gate'],
    ])
    expect(titles('payment')).toEqual(['Failures', 'Messages handled'])
    expect(titles('mail')).toEqual([])
  })

  it('have blue first, and times in milliseconds', () => {
    const requestP99 = [line('a', 'green', () => 0.02), line('a', 'blue', () => null)]
    const requestP50 = [line('a', 'green', () => 0.01)]
    const [panel] = panelsOf('a', figuresOf({ requestP99, requestP50 }))
    expect(
      panel?.curves.map(({ label, isThin, points }) => [label, isThin, points[0]?.value]),
    ).toEqual([
      ['blue p99', false, null],
      ['green p99', false, 20],
      ['green p50', true, 10],
    ])
  })
})

it.each<[string, (number | null)[], object]>([
  ['a step', [1, 1, 5, 3, 3], { before: 1, during: 5, after: 3 }],
  ['gaps', [null, 2, null, null, 4], { before: 2, during: null, after: 4 }],
  ['nothing', [null, null, null, null, null], { before: null, during: null, after: null }],
])('sums up %s', (_, values, expected) => {
  const points = values.map((value, at) => ({ at, value }))
  expect(sumsOf(points, { began: 2, ended: 3 })).toEqual(expected)
})

it.each([
  [30.123, '/s', '30.1/s'],
  [1234.5, '/s', '1235/s'],
  [0.02, 's', '0.02 s'],
  [12.345, 'ms', '12.3 ms'],
  [2, '', '2'],
  [0, '/s', '0/s'],
] as const)('%d is shown as %s%s', (value, unit, text) => {
  expect(amount(value, unit)).toBe(text)
})

it.each([
  [
    [10, 50],
    [10, 50],
  ],
  [
    [10, 12],
    [10, 22],
  ],
  [
    [98, 99, 100],
    [76, 88, 100],
  ],
  [
    [99, 5, 6, 100],
    [5, 17, 88, 100],
  ],
])('labels at %j go to %j', (from, to) => {
  const items = from.map((y) => ({ y }))
  expect(spread(items, 12, 100).map(({ y }) => y)).toEqual(to)
})
