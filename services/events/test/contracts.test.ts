import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import * as contracts from '../contracts.ts'
import { draft, envelope } from '../envelope.ts'

const orderId = '01a20a70-45d6-79f6-be69-623cdf650bbc'
const customer = { email: 'ada@example.com' }
const amount = { value: 1200, currency: 'EUR' }
const payment = { token: 'tok_ok' }

/** One example per event. A contract that removes one of these fields, or requires another, breaks the other color. */
const examples: Record<keyof typeof contracts, unknown> = {
  orderPlaced: { orderId, items: [{ sku: 'mug', quantity: 1 }], customer, payment },
  orderPlacedV2: { orderId, items: [{ sku: 'mug', quantity: 1 }] },
  paymentRequested: { orderId, payment },
  stockReserved: { orderId, amount, payment },
  stockReservedV2: { orderId, amount },
  stockRejected: { orderId, reason: 'unknown-sku', sku: 'nope' },
  reservationExpired: { orderId },
  paymentCaptured: { orderId, paymentId: orderId, amount },
  paymentDeclined: { orderId, paymentId: orderId, reason: 'card-declined' },
  orderConfirmed: { orderId, customer },
  orderRejected: { orderId, customer, reason: 'unknown-sku' },
  orderCancelled: { orderId, customer, reason: 'card-declined' },
}

describe('contracts', () => {
  it.each(Object.entries(contracts))('%s accepts what its version says', (name, contract) => {
    const example = examples[name as keyof typeof contracts]
    expect(contract.data.parse(example)).toEqual(example)
    expect(contract.type).toMatch(/^[a-z]+\.[a-z]+\.v\d+$/)
  })

  it.each(Object.entries(contracts))(
    '%s ignores a field that a later version adds',
    (name, one) => {
      const example = examples[name as keyof typeof contracts] as object
      expect(one.data.parse({ ...example, later: true })).toEqual(example)
    },
  )
})

describe('the broker', () => {
  const file = new URL('../../../charts/values/rabbitmq.yaml', import.meta.url)
  const { publishes, services } = parse(readFileSync(file, 'utf8')) as Record<
    'publishes' | 'services',
    Record<string, string[]>
  >

  it('lets each service publish the events of its contracts, and no others', () => {
    const granted = Object.entries(publishes).flatMap(([service, types]) =>
      types.map((type) => `/${service} ${type}`),
    )
    const declared = Object.values(contracts).map(({ source, type }) => `${source} ${type}`)
    expect(granted.sort()).toEqual(declared.sort())
  })

  it('takes the token of a payment to the payment service only', () => {
    const { type } = contracts.paymentRequested
    const receivers = Object.keys(services).filter((name) => services[name]?.includes(type))
    expect(receivers).toEqual(['payment'])
    // These are read until no earlier version writes them.
    const earlier = [contracts.orderPlaced, contracts.stockReserved]
    for (const { type, data } of Object.values(contracts)) {
      if (earlier.some((one) => one.type === type)) continue
      if (type !== contracts.paymentRequested.type)
        expect(JSON.stringify(z.toJSONSchema(data))).not.toContain('token')
    }
  })

  it('gives no service an event without a contract', () => {
    const types = Object.values(contracts).map(({ type }) => type)
    for (const consumed of Object.values(services).flat()) expect(types).toContain(consumed)
  })
})

describe('envelope', () => {
  const event = {
    specversion: '1.0',
    id: orderId,
    source: '/order',
    time: '2026-11-23T22:04:19.866Z',
    datacontenttype: 'application/json',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ...draft(contracts.orderConfirmed, orderId, { orderId, customer }),
  }

  it('is CloudEvents 1.0', () => {
    expect(envelope.parse(event)).toEqual(event)
  })

  it.each([
    ['another version', { specversion: '0.3' }],
    ['an id that is none', { id: 'one' }],
    ['no type', { type: '' }],
    ['a time that is none', { time: 'yesterday' }],
  ])('refuses %s', (_name, change) => {
    expect(envelope.safeParse({ ...event, ...change }).success).toBe(false)
  })
})
