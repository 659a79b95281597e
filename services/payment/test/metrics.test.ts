import { createMetrics } from '@shop/kernel/metrics'
import { expect, it } from 'vitest'
import type { Decision, Payment } from '../domain.ts'
import { createPaymentMetrics } from '../metrics.ts'

const identity = { service: 'payment', color: 'blue', version: 'v', revision: 'r', pod: 'p' }
const payment: Payment = { id: 'p', orderId: 'o', status: 'intended', reason: null, amount: null }
const captured: Decision = { status: 'captured', reason: null, events: [] }

it.each<[string, Payment | null, Decision | null, string[]]>([
  ['nothing', null, null, []],
  ['an order without a payment', null, captured, []],
  ['what changed nothing', payment, null, []],
  ['a payment without an amount', payment, captured, ['payments status="captured" 1']],
  [
    'an amount',
    { ...payment, amount: { value: 1_200, currency: 'EUR' } },
    captured,
    ['payments status="captured" 1', 'minor_units status="captured",currency="EUR" 1200'],
  ],
  [
    'a currency that nobody knows',
    { ...payment, amount: { value: 7, currency: '~~~' } },
    captured,
    ['payments status="captured" 1', 'minor_units status="captured",currency="other" 7'],
  ],
])('counts %s', async (_, ended, decision, counted) => {
  const { registry, of } = createMetrics(identity)
  createPaymentMetrics(of('live')).ended(ended, decision)
  const text = await registry.metrics()
  const lines = [
    ...text.matchAll(/^payments(?:_(minor_units))?_total{plane="live",(.*),service=.*} (\d+)$/gm),
  ]
  const above = lines.filter(([, , , value]) => value !== '0')
  expect(above.map(([, what = 'payments', labels, value]) => `${what} ${labels} ${value}`)).toEqual(
    counted,
  )
})

// Otherwise Prometheus would not see the first payment of a pod.
it('begins with zero', async () => {
  const { registry, of } = createMetrics(identity)
  createPaymentMetrics(of('live'))
  const counted = [
    ...(await registry.metrics()).matchAll(/^payments_total{.*status="(\w+)".*} 0$/gm),
  ]
  const statuses = counted.map(([, status]) => status)
  expect(statuses).toEqual(['captured', 'declined', 'cancelled', 'refunded'])
})
