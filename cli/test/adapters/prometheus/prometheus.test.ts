// Prometheus, and everything that may go wrong with it: one warning, and no failure.
import { describe, expect, it } from 'vitest'
import { createPrometheus } from '../../../src/adapters/prometheus/prometheus.ts'
import { failed, interrupted } from '../../../src/errors.ts'
import { measures } from '../../../src/release/ports/figures.ts'
import { createFakeMetrics, figuresOf } from '../../fakes/metrics.ts'
import { known, metricsContract } from '../../fakes/metrics-contract.ts'

describe('in memory', () => {
  const since = '2026-01-01T12:00:00.000Z'
  metricsContract(async () => ({
    ...createFakeMetrics(),
    firing: async () => known.alerts.map((alert) => ({ ...alert, since })),
    slots: async () => known.slots,
    figures: async () => figuresOf(known.lines(new Date())),
  }))
})

function prometheusThat(answer: () => Promise<{ status: number; text: string } | null>) {
  const asked: string[] = []
  const warnings: string[] = []
  const metrics = createPrometheus({
    env: 'local',
    warn: (problem) => void warnings.push(problem),
    ask(path) {
      asked.push(path)
      return answer()
    },
  })
  return { metrics, asked, warnings }
}

function answering(body: object, status = 200) {
  return async () => ({ status, text: JSON.stringify(body) })
}

it('asks for the slots of the environment alone', async () => {
  const data = { resultType: 'vector', result: [] }
  const { metrics, asked } = prometheusThat(answering({ status: 'success', data }))
  expect(await metrics.slots()).toEqual([])
  expect(decodeURIComponent(asked.join().replaceAll('+', ' '))).toBe(
    '/api/v1/query?query={__name__=~"slot:http_requests:rate1m|slot:http_errors:rate1m|slot:http_request_duration_seconds:p99_1m",environment="local"}',
  )
})

it('is silent where there is no Prometheus', async () => {
  const { metrics, warnings } = prometheusThat(async () => null)
  expect([await metrics.firing(), await metrics.slots()]).toEqual([null, null])
  expect(await metrics.figures({ from: new Date(0), to: new Date(1) }, ['a'])).toBeNull()
  expect(warnings).toEqual([])
})

it.each<[string, () => Promise<{ status: number; text: string }>, RegExp]>([
  [
    'does not answer',
    () => Promise.reject(failed({ code: 'x', message: 'The Service a/b:1 did not answer.' })),
    /^Prometheus: The Service a\/b:1 did not answer\.$/,
  ],
  [
    'may not be asked',
    () => Promise.reject(failed({ code: 'x', message: 'The cluster does not let you GET …' })),
    /does not let you/,
  ],
  [
    'cannot answer',
    answering({ status: 'error', errorType: 'execution', error: 'too many samples' }, 422),
    /^Prometheus: the list of alerts failed: execution: too many samples$/,
  ],
  ['is behind a proxy that fails', async () => ({ status: 502, text: '<html>' }), /answered 502/],
  [
    'paints its answer',
    answering({ status: 'error', errorType: 'bad_data', error: '\u001B[31mred\n\u0007end' }, 400),
    /failed: bad_data: red end$/,
  ],
  ['is none', async () => ({ status: 200, text: '<html>' }), /what no Prometheus answers/],
])('one that %s is one warning for all that is asked', async (_, answer, expected) => {
  const { metrics, warnings } = prometheusThat(answer)
  expect(await metrics.firing()).toBeNull()
  expect([await metrics.firing(), await metrics.slots()]).toEqual([null, null])
  expect(warnings).toEqual([expect.stringMatching(expected)])
})

describe('a Prometheus without alerts', () => {
  const sample = { metric: {}, value: [1, '3'] }
  const counting = (...result: object[]) =>
    answering({ status: 'success', data: { resultType: 'vector', result } })

  it('that sees the environment is silent', async () => {
    const { metrics, asked, warnings } = prometheusThat(counting(sample))
    await metrics.checkCoverage()
    expect(decodeURIComponent(asked.join())).toBe(
      '/api/v1/query?query=count(up{environment="local"})',
    )
    expect(warnings).toEqual([])
  })

  it('that does not is one warning', async () => {
    const { metrics, asked, warnings } = prometheusThat(counting())
    await metrics.checkCoverage()
    await metrics.checkCoverage()
    expect(warnings).toEqual([
      'Prometheus: no target has the label environment="local", so no alert of local can fire',
    ])
    expect(asked).toHaveLength(1)
  })

  it('is not asked once more where it did not answer', async () => {
    const { metrics, asked } = prometheusThat(() => Promise.reject(new Error('no answer')))
    await metrics.firing()
    await metrics.checkCoverage()
    expect(asked).toHaveLength(1)
  })

  it('is no warning where there is none', async () => {
    const { metrics, warnings } = prometheusThat(async () => null)
    await metrics.checkCoverage()
    expect(warnings).toEqual([])
  })
})

describe('the figures of a time', () => {
  const span = { from: new Date(1_000_000), to: new Date(1_900_000) }
  const none = { resultType: 'matrix', result: [] }

  function prometheusOf(
    answer: (query: string) => { status: number; text: string },
    counted: object[] = [{ metric: {}, value: [1_900, '60'] }],
  ) {
    const asked: URLSearchParams[] = []
    const warnings: string[] = []
    const metrics = createPrometheus({
      env: 'local',
      warn: (problem) => void warnings.push(problem),
      async ask(path) {
        const [, words = ''] = path.split('?')
        const query = new URLSearchParams(words)
        asked.push(query)
        if (!path.startsWith('/api/v1/query?')) return answer(query.get('query') ?? '')
        return success({ resultType: 'vector', result: counted })
      },
    })
    return { metrics, asked, warnings }
  }

  const success = (data: object) => ({
    ...{ status: 200, text: JSON.stringify({ status: 'success', data }) },
  })

  it('are as fine as its targets were read then', async () => {
    const { metrics, asked } = prometheusOf(() => success(none))
    expect(await metrics.figures(span, ['order'])).toMatchObject({
      ...{ stepMs: 5_000, windowMs: 20_000, unanswered: [] },
    })
    expect(asked[0]?.toString()).toBe(
      'query=max%28count_over_time%28up%7Benvironment%3D%22local%22%7D%5B300s%5D%29%29&time=1900',
    )
    expect(asked).toHaveLength(1 + measures.length)
    for (const query of asked.slice(1))
      expect(query.toString()).toMatch(/&start=1000&end=1900&step=5$/)
  })

  it('are read as usual where nobody knows how often it read', async () => {
    const { metrics } = prometheusOf(() => success(none), [])
    expect(await metrics.figures(span, ['order'])).toMatchObject({ stepMs: 15_000 })
  })

  it('are a part where it does not answer all', async () => {
    const { metrics, warnings } = prometheusOf((query) =>
      query.includes('gate_epoch') ? { status: 503, text: 'busy' } : success(none),
    )
    expect(await metrics.figures(span, ['order'])).toMatchObject({ unanswered: ['epoch'] })
    expect(warnings).toEqual([expect.stringMatching(/gate_epoch.* failed: it answered 503$/)])
  })

  it('are none where it answers nothing', async () => {
    const { metrics, warnings } = prometheusOf(() => ({ status: 503, text: 'busy' }))
    expect(await metrics.figures(span, ['order'])).toBeNull()
    expect(warnings).toHaveLength(1)
  })
})

it('names the query that failed', async () => {
  const error = { status: 'error', errorType: 'timeout', error: 'query timed out' }
  const { metrics, warnings } = prometheusThat(answering(error, 503))
  await metrics.slots()
  expect(warnings).toEqual([
    expect.stringMatching(/^Prometheus: the query \{__name__.* failed: timeout: query timed out$/),
  ])
})

it('returns a part of the answer, and says that it is one', async () => {
  const data = { alerts: [{ state: 'firing', labels: { environment: 'local' }, activeAt: '2026' }] }
  const partial = { status: 'success', data, warnings: ['no answer of store-1'] }
  const { metrics, warnings } = prometheusThat(answering(partial))
  expect(await metrics.firing()).toHaveLength(1)
  expect(warnings).toEqual(['Prometheus: the list of alerts: no answer of store-1'])
})

it('ends at Ctrl-C', async () => {
  const { metrics } = prometheusThat(() => Promise.reject(interrupted()))
  await expect(metrics.firing()).rejects.toMatchObject({ exitCode: 130 })
})

describe('what was counted in a span of time', () => {
  const span = { from: new Date(0), to: new Date(1_800_000) }
  const vector = (...result: [Record<string, string>, string][]) => ({
    ...{ status: 'success' },
    data: {
      resultType: 'vector',
      result: result.map(([metric, value]) => ({ metric, value: [1_800, value] })),
    },
  })
  const service = 'order'
  const answers: [RegExp, ReturnType<typeof vector>][] = [
    [
      /http_request_duration_seconds_count/,
      vector([{ service, status: '200' }, '99.6'], [{ service, status: '503' }, '2.2']),
    ],
    [
      /bucket/,
      vector(
        [{ service, le: '0.5' }, '90'],
        [{ service, le: '1.0' }, '99'],
        [{ service, le: '+Inf' }, '102'],
      ),
    ],
    [
      /event_handler/,
      vector(
        ...['handled', 'failed', 'parked', 'waiting'].map(
          (outcome, index): [Record<string, string>, string] => [
            { service, outcome, type: 'x' },
            String(10 ** index),
          ],
        ),
      ),
    ],
    [/event_age_seconds_count/, vector([{ service }, '4'])],
    [/event_age_seconds_sum/, vector([{ service }, '2.5'])],
  ]

  it('is a tally of each service that it knows', async () => {
    const asked: string[] = []
    const metrics = createPrometheus({
      ...{ env: 'local', warn: () => {} },
      async ask(path) {
        const query = new URLSearchParams(path.split('?')[1])
        asked.push(`${query.get('query')} at ${query.get('time')}`)
        const found = answers.find(([pattern]) => pattern.test(query.get('query') ?? ''))
        return { status: 200, text: JSON.stringify(found?.[1] ?? vector()) }
      },
    })
    expect(await metrics.counted(span, ['order', 'web'])).toEqual({
      order: {
        ...{ requests: 102, failedRequests: 2, within: { '0.5': 90, '1': 99 } },
        ...{ attempts: 111, failedAttempts: 110, parked: { x: 100 }, consumed: 4, ageSum: 2.5 },
      },
    })
    expect(asked[0]).toBe(
      'sum by (service, status) (increase(http_request_duration_seconds_count{environment="local",plane="live",service=~"order|web"}[1800s])) at 1800',
    )
  })

  it('is not known where one answer is missing', async () => {
    const { metrics } = prometheusThat(async () => null)
    expect(await metrics.counted(span, ['order'])).toBeNull()
  })
})

it.each<[string, object, number | null]>([
  [
    'a vector, whose highest counts',
    {
      resultType: 'vector',
      result: [
        { metric: {}, value: [1, '2'] },
        { metric: {}, value: [1, '3'] },
      ],
    },
    3,
  ],
  ['a scalar', { resultType: 'scalar', result: [1, '7'] }, 7],
  ['nothing', { resultType: 'vector', result: [] }, null],
  ['no number', { resultType: 'vector', result: [{ metric: {}, value: [1, 'NaN'] }] }, null],
])('an expression of the user may be %s', async (_, data, value) => {
  const { metrics } = prometheusThat(answering({ status: 'success', data }))
  expect(await metrics.value('x')).toEqual({ value })
})
