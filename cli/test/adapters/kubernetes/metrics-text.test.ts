// The metrics of a pod, as prom-client and others write them.
import { createMetrics } from '@shop/kernel/metrics'
import { describe, expect, it } from 'vitest'
import { readingOf } from '../../../src/adapters/kubernetes/metrics-text.ts'

describe('the metrics of the kernel', () => {
  const identity = { service: 's', color: 'blue', version: 'v', revision: 'r', pod: 'p' }
  it('are read, of the live plane alone', async () => {
    const { registry, of } = createMetrics(identity)
    const live = of('live')
    live.http.expect({ method: 'GET', route: '/a' })
    for (const [status, seconds] of [
      [200, 0.2],
      [404, 0.7],
      [503, 20],
    ] as const)
      live.http.observe({ method: 'GET', route: '/a', status }, seconds, 'f'.repeat(32))
    of('preview').http.observe({ method: 'GET', route: '/a', status: 500 }, 1)
    for (const outcome of [
      'handled',
      'handled',
      'failed',
      'parked',
      'waiting',
      'duplicate',
    ] as const)
      live.handler.startTimer({ type: 'x.v1' })({ outcome })
    of('preview').handler.startTimer({ type: 'y.v1' })({ outcome: 'parked' })
    live.age.observe(4)
    live.age.observe(6)
    const reading = readingOf(await registry.metrics())
    expect(reading?.startedAt).toBeGreaterThan(1_000_000_000)
    expect(reading?.tally).toMatchObject({
      ...{ requests: 3, failedRequests: 1, attempts: 4, failedAttempts: 2 },
      ...{ parked: { 'x.v1': 1 }, consumed: 2, ageSum: 10 },
    })
    const { within } = reading?.tally ?? {}
    expect([within?.['0.25'], within?.['0.5'], within?.['1'], within?.['10']]).toEqual([1, 1, 2, 2])
  })
})

describe('other metrics', () => {
  it('of a service without planes count', () => {
    const text = [
      '# TYPE http_request_duration_seconds histogram',
      'http_request_duration_seconds_bucket{status="200",le="0.5"} 6 1700000000000',
      'http_request_duration_seconds_bucket{status="200",le="+Inf"} 7',
      'http_request_duration_seconds_count{status="200",path="a } \\"b\\""} 7 # {trace_id="x"} 1',
      'http_request_duration_seconds_count{status="500"} 2e0',
    ].join('\n')
    expect(readingOf(text)).toMatchObject({
      startedAt: null,
      tally: { requests: 9, failedRequests: 2, within: { '0.5': 6 } },
    })
  })

  it.each(['', '<html>', 'go_goroutines 5', 'http_request_duration_seconds_count{'])(
    'that say nothing of requests are none: %j',
    (text) => {
      expect(readingOf(text)).toBeNull()
    },
  )
})
