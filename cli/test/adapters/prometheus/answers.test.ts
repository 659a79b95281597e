// What is made of the answers of Prometheus, of which any part may be missing.
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  alertsOf,
  alertsSchema,
  readAnswer,
  slotsOf,
  vectorSchema,
} from '../../../src/adapters/prometheus/answers.ts'

describe('an answer', () => {
  const read = (status: number, body: unknown) =>
    readAnswer(
      { status, text: typeof body === 'string' ? body : JSON.stringify(body) },
      z.object({ n: z.number() }),
    )
  it.each<[string, number, unknown, object]>([
    ['data', 200, { status: 'success', data: { n: 1 } }, { data: { n: 1 }, warnings: [] }],
    [
      'a part of the data',
      200,
      { status: 'success', data: { n: 1 }, warnings: ['no answer of store-1'] },
      { data: { n: 1 }, warnings: ['no answer of store-1'] },
    ],
    [
      'a query that it cannot read',
      400,
      { status: 'error', errorType: 'bad_data', error: 'parse error: unexpected "}"' },
      { kind: 'problem', why: 'bad_data: parse error: unexpected "}"' },
    ],
    [
      'a query that takes too long',
      503,
      { status: 'error', errorType: 'timeout', error: 'query timed out' },
      { kind: 'problem', why: 'timeout: query timed out' },
    ],
    ['a proxy', 502, '<html>Bad Gateway</html>', { kind: 'problem', why: 'it answered 502' }],
    ['a refusal', 401, 'Unauthorized', { kind: 'problem', why: 'it answered 401' }],
    [
      'something else',
      200,
      '<html>Log in</html>',
      { kind: 'problem', why: 'it answered what no Prometheus answers' },
    ],
    ['other data', 200, { status: 'success', data: [] }, { kind: 'problem' }],
    ['no data', 200, { status: 'success' }, { kind: 'problem' }],
    ['nothing', 200, '', { kind: 'problem' }],
  ])('is %s', (_, status, body, expected) => expect(read(status, body)).toMatchObject(expected))
})

describe('alerts', () => {
  const alert = (labels: Record<string, string>, state = 'firing') => ({
    ...{ state, activeAt: '2026-01-01T13:00:00.123456789+01:00', value: '1e+00' },
    labels: { alertname: 'ServiceDown', severity: 'critical', environment: 'local', ...labels },
    annotations: { summary: 'order is down', command: 'shopctl status' },
  })
  const of = (...alerts: object[]) => alertsOf(alertsSchema.parse({ alerts }), 'local')

  it('have what they are about, what to do, and since when', () => {
    const about = { service: 'order', color: 'green', version: 'v-b', release: 'r-2' }
    expect(of(alert(about))).toEqual([
      {
        ...{ name: 'ServiceDown', severity: 'critical', ...about },
        ...{ summary: 'order is down', command: 'shopctl status' },
        since: '2026-01-01T12:00:00.123Z',
      },
    ])
  })

  it.each<[string, object]>([
    ['is pending', alert({}, 'pending')],
    ['is kept after its end', { ...alert({}), keepFiringSince: '2026-01-01T12:05:00Z' }],
    ['is of another environment', alert({ environment: 'test' })],
    ['is of no environment', { ...alert({}), labels: { alertname: 'A', severity: 'critical' } }],
    ['only shows that alerts arrive', alert({ alertname: 'Watchdog', severity: 'none' })],
  ])('do not count where one %s', (_, given) => expect(of(given)).toEqual([]))

  it('of the whole cluster concern each environment', () => {
    const full = alert({ alertname: 'DiskFull', environment: 'cluster', node: 'node-1' })
    expect(of(full)).toMatchObject([{ name: 'DiskFull', severity: 'critical', service: null }])
  })

  it('cannot control a terminal, nor end a line', () => {
    const odd = (name: string) => `\u001B[31m${name}\u001B[0m\r\n ::error::x\u0007`
    const labels = { alertname: odd('A'), service: odd('order'), color: odd('blue') }
    const texts = { summary: odd('down'), command: odd('shopctl status') }
    expect(of({ ...alert({ ...labels, severity: odd('critical') }), annotations: texts })).toEqual([
      {
        ...{ name: 'A ::error::x', severity: 'critical ::error::x' },
        ...{ service: 'order ::error::x', color: 'blue ::error::x', version: null, release: null },
        ...{ summary: 'down ::error::x', command: 'shopctl status ::error::x' },
        since: expect.any(String),
      },
    ])
  })

  it('may have neither labels nor annotations', () => {
    const bare = { state: 'firing', labels: { environment: 'local' }, activeAt: '2026-01-01' }
    expect(of(bare)).toMatchObject([
      { severity: 'unknown', service: null, color: null, command: null, summary: '' },
    ])
  })
})

describe('slots', () => {
  const [requests, errors, p99] = [
    'slot:http_requests:rate1m',
    'slot:http_errors:rate1m',
    'slot:http_request_duration_seconds:p99_1m',
  ]
  const sample = (__name__: string, value: string, over: Record<string, string> = {}) => ({
    metric: { __name__, service: 'order', color: 'blue', version: 'v-a', ...over },
    value: [1_767_268_800.123, value],
  })
  const of = (...result: object[]) => slotsOf(vectorSchema.parse({ resultType: 'vector', result }))

  it.each<[string, object[], object]>([
    [
      'all that is measured',
      [sample(requests, '20'), sample(errors, '5'), sample(p99, '0.25')],
      { requestsPerSecond: 20, errorShare: 0.25, p99Ms: 250 },
    ],
    [
      'no error yet: the series is missing',
      [sample(requests, '20'), sample(p99, '0.25')],
      { requestsPerSecond: 20, errorShare: 0, p99Ms: 250 },
    ],
    [
      'no request in the last minute',
      [sample(requests, '0'), sample(errors, '0'), sample(p99, 'NaN')],
      { requestsPerSecond: 0, errorShare: null, p99Ms: null },
    ],
    [
      'a quantile that is not known',
      [sample(requests, '1'), sample(p99, '+Inf')],
      { requestsPerSecond: 1, errorShare: 0, p99Ms: null },
    ],
    [
      'more errors than requests: they were scraped at other times',
      [sample(requests, '1'), sample(errors, '1.5')],
      { requestsPerSecond: 1, errorShare: 1, p99Ms: null },
    ],
  ])('may have %s', (_, result, expected) => {
    expect(of(...result)).toEqual([
      { service: 'order', color: 'blue', version: 'v-a', ...expected },
    ])
  })

  it('differ by service, color and version', () => {
    const found = of(
      sample(requests, '1'),
      sample(requests, '2', { color: 'green' }),
      sample(requests, '3', { version: 'v-b' }),
      sample(errors, '3', { version: 'v-b' }),
    )
    expect(found.map(({ errorShare }) => errorShare)).toEqual([0, 0, 1])
  })

  it('without requests are none', () => {
    expect(of(sample(errors, '1'), sample(p99, '1'), sample(requests, 'NaN'))).toEqual([])
  })
})
