import { describe, expect, it } from 'vitest'
import {
  decide,
  isSettled,
  place,
  placeV2,
  repeatOutcome,
  type Status,
  type Update,
} from '../domain.ts'

const id = '01a20a70-45d6-79f6-be69-623cdf650bbc'
const customer = { email: 'ada@example.com' }

const updates: Record<string, Update> = {
  'stock-reserved': { kind: 'stock-reserved' },
  'stock-rejected': { kind: 'stock-rejected', reason: 'unknown-sku' },
  'payment-captured': { kind: 'payment-captured' },
  'payment-declined': { kind: 'payment-declined', reason: 'card-declined' },
  'reservation-expired': { kind: 'reservation-expired' },
}
function orderIn(status: Status, reason: string | null = null) {
  return { id, status, reason, customer }
}

/** Given a status, when an update arrives, then status and events. Null when nothing changes. */
const table: [Status, keyof typeof updates, [Status, string | null, string[]] | null][] = [
  ['placed', 'stock-reserved', ['reserved', null, []]],
  ['placed', 'stock-rejected', ['rejected', 'unknown-sku', ['order.rejected.v1']]],
  ['reserved', 'payment-captured', ['confirmed', null, ['order.confirmed.v1']]],
  ['reserved', 'payment-declined', ['cancelled', 'card-declined', ['order.cancelled.v1']]],
  // The payment's event arrived before the reservation's.
  ['placed', 'payment-captured', ['confirmed', null, ['order.confirmed.v1']]],
  ['placed', 'payment-declined', ['cancelled', 'card-declined', ['order.cancelled.v1']]],
  ['reserved', 'stock-reserved', null],
  ['reserved', 'reservation-expired', ['cancelled', 'reservation-expired', ['order.cancelled.v1']]],
  // The expiry's event arrived before the reservation's.
  ['placed', 'reservation-expired', ['cancelled', 'reservation-expired', ['order.cancelled.v1']]],
]

describe('decide', () => {
  it.each(table)('given %s, when %s, then %j', (status, kind, expected) => {
    const decision = decide(orderIn(status), updates[kind] as Update)
    const seen = decision && [
      decision.status,
      decision.reason,
      decision.events.map(({ type }) => type),
    ]
    expect(seen).toEqual(expected)
  })

  const settled: Status[] = ['confirmed', 'rejected', 'cancelled']
  const all = settled.flatMap((status) =>
    Object.keys(updates).map((kind) => [status, kind] as const),
  )
  it.each(all)('given %s, when %s, then it stays', (status, kind) => {
    expect(decide(orderIn(status), updates[kind] as Update)).toBeNull()
    expect(isSettled(status)).toBe(true)
  })

  it('passes on the customer and the reason', () => {
    const decision = decide(orderIn('reserved'), updates['payment-declined'] as Update)
    expect(decision?.events).toEqual([
      {
        type: 'order.cancelled.v1',
        subject: id,
        data: { orderId: id, customer, reason: 'card-declined' },
      },
    ])
  })
})

describe('repeatOutcome', () => {
  it.each<[Status, string | null, string[]]>([
    ['confirmed', null, ['order.confirmed.v1']],
    ['cancelled', 'card-declined', ['order.cancelled.v1']],
    // The inventory rejected it, so it has no reservation that could expire.
    ['rejected', 'unknown-sku', []],
    ['reserved', null, []],
  ])('given %s, then it publishes %j %j', (status, reason, types) => {
    const events = repeatOutcome(orderIn(status, reason))
    expect(events.map(({ type }) => type)).toEqual(types)
    if (reason && types.length > 0)
      expect(events[0]?.data).toEqual({ orderId: id, customer, reason })
  })
})

describe('place', () => {
  const items = [{ sku: 'mug', quantity: 2 }]
  const payment = { token: 'tok_ok' }
  const placement = { items, customer, payment }

  it('sends the items to the inventory, and the token to the payment service', () => {
    expect(placeV2(id, placement)).toEqual([
      { type: 'order.placed.v2', subject: id, data: { orderId: id, items } },
      { type: 'payment.requested.v1', subject: id, data: { orderId: id, payment } },
    ])
  })

  it('sends all in one event that services of the earlier version read', () => {
    expect(place(id, placement)).toEqual({
      type: 'order.placed.v1',
      subject: id,
      data: { orderId: id, ...placement },
    })
  })
})
