// The queries of a report, and the lines of their answers.
import { describe, expect, it } from 'vitest'
import {
  gridOf,
  linesOf,
  rangePath,
  rangeQueries,
} from '../../../src/adapters/prometheus/ranges.ts'
import { measures } from '../../../src/release/ports/figures.ts'

const at = (second: number) => new Date(second * 1_000)

it.each([
  ['each 5 s', 60, 900, { step: 5, window: 20 }],
  ['each 15 s', 20, 900, { step: 15, window: 60 }],
  ['each second', 300, 900, { step: 2, window: 4 }],
  ['each 15 s, for hours', 20, 36_000, { step: 60, window: 60 }],
  ['for a few seconds only', 2, 900, { step: 60, window: 240 }],
])('targets that were read %s', (_, samples, seconds, expected) => {
  const span = { from: at(1_000.4), to: at(1_000 + seconds) }
  expect(gridOf(span, samples)).toEqual({ from: 1_000, to: 1_000 + seconds, ...expected })
})

describe('the queries', () => {
  const queries = rangeQueries('local', ['order', 'a.b"c'], { window: 20 })

  it('are of the environment, its services and the live plane', () => {
    expect(queries.requests).toBe(
      String.raw`sum by (service, color) (rate(http_request_duration_seconds_count{environment="local",plane="live",service=~"order|a\\.b\"c"}[20s]))`,
    )
    for (const measure of measures) expect(queries[measure]).toContain('environment="local"')
  })

  it('take a failure that never occurred for 0', () => {
    const { requests, failedRequests } = queries
    const failed = requests.replace('}[', ',status=~"5.."}[')
    expect(failedRequests).toBe(`${failed} or 0 * ${requests}`)
  })

  it('go with their times', () => {
    const grid = { from: 10, to: 20, step: 5, window: 20 }
    expect(rangePath('up{a="b c"}', grid)).toBe(
      '/api/v1/query_range?query=up%7Ba%3D%22b+c%22%7D&start=10&end=20&step=5',
    )
  })
})

describe('a line', () => {
  const grid = { from: 10, to: 27, step: 5, window: 20 }
  const series = (metric: Record<string, string>, ...values: [number, string][]) => ({
    ...{ metric, values },
  })
  const read = (...result: ReturnType<typeof series>[]) =>
    linesOf({ resultType: 'matrix', result }, grid)

  it('has a point for each step, without a value where there is no number', () => {
    const metric = { service: 'order', color: 'green' }
    const found = read(series(metric, [10, '1.5'], [15, 'NaN'], [25, '3']))
    expect(found).toEqual([
      {
        ...metric,
        points: [
          { at: 10_000, value: 1.5 },
          { at: 15_000, value: null },
          { at: 20_000, value: null },
          { at: 25_000, value: 3 },
        ],
      },
    ])
  })

  it.each<[string, Record<string, string>, unknown]>([
    ['without a color', { service: 'order' }, null],
    ['of a slot', { service: 'order', color: 'blue' }, 'blue'],
  ])('%s', (_, metric, color) => {
    expect(read(series(metric, [10, '1']))).toMatchObject([{ color }])
  })

  it.each<[string, Record<string, string>, string]>([
    ['of another color', { service: 'order', color: 'red' }, '1'],
    ['of no service', { color: 'blue' }, '1'],
    ['without a number', { service: 'order', color: 'blue' }, 'NaN'],
  ])('%s is none', (_, metric, value) => {
    expect(read(series(metric, [10, value]))).toEqual([])
  })
})
