import { describe, expect, it } from 'vitest'
import { decide, isSettled, type News, place, remind, type Status } from '../domain.ts'

const id = '01a20a70-45d6-79f6-be69-623cdf650bbc'
const customer = { email: 'ada@example.com' }

const news: Record<string, News> = {
  'stock-reserved': { kind: 'stock-reserved' },
  'stock-rejected': { kind: 'stock-rejected', reason: 'unknown-sku' },
  'payment-captured': { kind: 'payment-captured' },
  'payment-declined': { kind: 'payment-declined', reason: 'card-declined' },
  'reservation-expired': { kind: 'reservation-expired' },
}
function orderIn(status: Status, reason: string | null = null) {
  return { id, status, reason, customer }
}

/** given status, when news, then status and events; null: nothing changes. */
const table: [Status, keyof typeof news, [Status, string | null, string[]] | null][] = [
  ['placed', 'stock-reserved', ['reserved', null, []]],
  ['placed', 'stock-rejected', ['rejected', 'unknown-sku', ['order.rejected.v1']]],
  ['reserved', 'payment-captured', ['confirmed', null, ['order.confirmed.v1']]],
  ['reserved', 'payment-declined', ['cancelled', 'card-declined', ['order.cancelled.v1']]],
  // The payment was faster than the reservation it followed from.
  ['placed', 'payment-captured', ['confirmed', null, ['order.confirmed.v1']]],
  ['placed', 'payment-declined', ['cancelled', 'card-declined', ['order.cancelled.v1']]],
  ['reserved', 'stock-reserved', null],
  ['reserved', 'reservation-expired', ['cancelled', 'reservation-expired', ['order.cancelled.v1']]],
  // The reservation's end was faster than the reservation.
  ['placed', 'reservation-expired', ['cancelled', 'reservation-expired', ['order.cancelled.v1']]],
]

describe('decide', () => {
  it.each(table)('given %s, when %s, then %j', (status, kind, expected) => {
    const decision = decide(orderIn(status), news[kind] as News)
    const seen = decision && [
      decision.status,
      decision.reason,
      decision.events.map(({ type }) => type),
    ]
    expect(seen).toEqual(expected)
  })

  const settled: Status[] = ['confirmed', 'rejected', 'cancelled']
  const all = settled.flatMap((status) => Object.keys(news).map((kind) => [status, kind] as const))
  it.each(all)('given %s, when %s, then it stays', (status, kind) => {
    expect(decide(orderIn(status), news[kind] as News)).toBeNull()
    expect(isSettled(status)).toBe(true)
  })

  it('tells the customer and the reason on', () => {
    const decision = decide(orderIn('reserved'), news['payment-declined'] as News)
    expect(decision?.events).toEqual([
      {
        type: 'order.cancelled.v1',
        subject: id,
        data: { orderId: id, customer, reason: 'card-declined' },
      },
    ])
  })
})

describe('remind', () => {
  it.each<[Status, string | null, string[]]>([
    ['confirmed', null, ['order.confirmed.v1']],
    ['cancelled', 'card-declined', ['order.cancelled.v1']],
    // The inventory rejected it, so there is nothing that it could ask about.
    ['rejected', 'unknown-sku', []],
    ['reserved', null, []],
  ])('given %s, then it tells %j %j', (status, reason, types) => {
    const told = remind(orderIn(status, reason))
    expect(told.map(({ type }) => type)).toEqual(types)
    if (reason && types.length > 0) expect(told[0]?.data).toEqual({ orderId: id, customer, reason })
  })
})

describe('place', () => {
  it('tells the inventory all it needs', () => {
    const placement = {
      items: [{ sku: 'mug', quantity: 2 }],
      customer,
      payment: { token: 'tok_ok' },
    }
    expect(place(id, placement)).toEqual({
      type: 'order.placed.v1',
      subject: id,
      data: { orderId: id, ...placement },
    })
  })
})
