import { createMetrics } from '@shop/kernel/metrics'
import { expect, it } from 'vitest'
import { createOrderMetrics } from '../metrics.ts'

const identity = { service: 'order', color: 'blue', version: 'v', revision: 'r', pod: 'p' }

// Otherwise Prometheus would not see the first order of a pod.
it('begins with zero, on both planes', async () => {
  const { registry, of } = createMetrics(identity)
  createOrderMetrics(of('live')).placed()
  createOrderMetrics(of('preview'))
  const text = await registry.metrics()
  const counted = [...text.matchAll(/^orders_total{plane="(\w+)",status="(\w+)",.*} (\d+)$/gm)]
  expect(counted.map(([, plane, status, value]) => `${plane} ${status} ${value}`)).toEqual([
    ...['live placed 1', 'live confirmed 0', 'live rejected 0', 'live cancelled 0'],
    ...['preview placed 0', 'preview confirmed 0', 'preview rejected 0', 'preview cancelled 0'],
  ])
  for (const plane of ['live', 'preview'])
    expect(text).toMatch(
      new RegExp(`^order_confirmation_duration_seconds_bucket{le="1",.*plane="${plane}"} 0$`, 'm'),
    )
})

it('leads from a bucket that began with zero to an order', async () => {
  const { registry, of } = createMetrics(identity)
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
  createOrderMetrics(of('live')).decided('confirmed', 0.5, traceparent)
  createOrderMetrics(of('preview'))
  const text = await registry.metrics()
  expect(text.split(traceId)).toHaveLength(2)
  expect(text).toMatch(/_bucket{le="0.5",.*plane="live"} 1 # {trace_id/)
})
