// The token of a payment goes to the payment service only, also while a shop is upgraded.

import { setTimeout as sleep } from 'node:timers/promises'
import {
  orderCancelled,
  orderRejected,
  paymentCaptured,
  paymentRequested,
  stockReservedV2,
} from '@shop/events/contracts'
import * as payment from '@shop/payment/handlers'
import { createPaymentMetrics } from '@shop/payment/metrics'
import { createSandbox } from '@shop/payment/sandbox'
import * as payments from '@shop/payment/store'
import { describe, expect, it } from 'vitest'
import { deliverTo } from './deliver.ts'
import { arrived, metrics as counts, createServiceDatabase, newId } from './infrastructure.ts'
import { createShop, type Delivery, type Versions } from './shop.ts'

const metrics = createPaymentMetrics(counts)

const token = 'tok_ok'
const placement = {
  items: [{ sku: 'mug', quantity: 1 }],
  customer: { email: 'ada@example.com' },
  payment: { token },
}

/** Places an order and delivers everything. Returns its status, and which services the token went to. */
async function follow(versions: Versions) {
  const shop = await createShop({}, versions)
  const orderId = await shop.place(placement)
  const seen = new Set<string>()
  for (let one = shop.pending.shift(); one; one = shop.pending.shift()) {
    if (JSON.stringify(one.event).includes(token)) seen.add(one.to)
    await shop.deliver(one as Delivery)
  }
  const { order, payment: paid, reservation } = await shop.look(orderId)
  return { order, paid, reservation, seen: [...seen], kept: await shop.tokens() }
}

const ended = {
  order: 'confirmed',
  reservation: 'sold',
  paid: { status: 'captured', captures: 1, refunds: 0 },
  kept: [],
}

describe('an order', () => {
  it('shows its token to the payment service only, which keeps it until the payment ends', async () => {
    expect(await follow({ placed: 'v2' })).toEqual({ ...ended, seen: ['payment'] })
  })

  const inventory = ['order.placed.v1', 'order.confirmed.v1', 'order.cancelled.v1']
  const charges = ['stock.reserved.v1', 'order.cancelled.v1']
  const order = [
    ...['stock.reserved.v1', 'stock.rejected.v1', 'reservation.expired.v1'],
    ...['payment.captured.v1', 'payment.declined.v1'],
  ]
  it.each<[string, Versions['earlier']]>([
    ['all services', {}],
    ['all but an inventory of the version before', { inventory }],
    ['all but a payment service of the version before', { payment: charges }],
    ['all but an order service of the version before', { order }],
    ['no service of this version', { order, inventory, payment: charges }],
  ])('that is placed as v1 ends well with %s', async (_, earlier = {}) => {
    expect(await follow({ placed: 'v1', earlier })).toMatchObject(ended)
  })
})

describe('the token and the reserved stock', () => {
  const amount = { value: 1200, currency: 'EUR' }

  async function open() {
    const database = await createServiceDatabase('payment')
    const provider = createSandbox(database)
    const deliver = deliverTo(database, payment.subscriptions({ provider, newId, metrics }))
    const orderId = newId()
    const { customer } = placement
    return {
      deliver,
      requested: arrived(paymentRequested, orderId, { orderId, payment: { token } }),
      reserved: arrived(stockReservedV2, orderId, { orderId, amount }),
      cancelled: arrived(orderCancelled, orderId, { orderId, customer, reason: 'late' }),
      rejected: arrived(orderRejected, orderId, { orderId, customer, reason: 'unknown-sku' }),
      kept: () => payments.findToken(database, orderId),
      totals: () => provider.totals(),
    }
  }

  it.each([
    ['requested', 'reserved'],
    ['reserved', 'requested'],
  ] as const)('may arrive in any order: %s first', async (first, second) => {
    const { deliver, kept, totals, ...events } = await open()
    expect(await deliver(events[first])).toEqual([])
    expect(await deliver(events[second])).toMatchObject([{ type: paymentCaptured.type }])
    expect(await totals()).toEqual({ captures: 1, refunds: 0 })
    expect(await kept()).toBeNull()
  })

  it('capture once when they arrive at the same time, and repeatedly', async () => {
    for (let n = 0; n < 10; n++) {
      const { deliver, requested, reserved, kept, totals } = await open()
      const copies = [requested, reserved, requested, reserved]
      const events = (await Promise.all(copies.map(deliver))).flat()
      expect(events).toMatchObject([{ type: paymentCaptured.type }])
      expect(await totals()).toEqual({ captures: 1, refunds: 0 })
      expect(await kept()).toBeNull()
    }
  }, 120_000)

  it('a copy that arrives while the payment ends leaves no token', async () => {
    const database = await createServiceDatabase('payment')
    const orderId = newId()
    await payments.insertIntent(database, { id: newId(), orderId, amount })
    await payments.insertToken(database, orderId, token)
    let copy: Promise<void> | undefined
    await database.transaction(async (tx) => {
      payments.saveDecision(tx, orderId, { status: 'captured', reason: null })
      // Sends what was only collected.
      await tx.query('SELECT 1')
      copy = payments.insertToken(database, orderId, token)
      await sleep(200)
    })
    await copy
    expect(await payments.findToken(database, orderId)).toBeNull()
  })

  it.each(['cancelled', 'rejected'] as const)(
    'are of no use when the order was %s',
    async (end) => {
      const { deliver, requested, kept, totals, ...events } = await open()
      await deliver(requested)
      expect(await kept()).toBe(token)
      await deliver(events[end])
      expect(await kept()).toBeNull()
      expect(await totals()).toEqual({ captures: 0, refunds: 0 })
    },
  )

  it('are not kept when they arrive after a cancellation', async () => {
    const { deliver, requested, reserved, cancelled, kept, totals } = await open()
    await deliver(cancelled)
    await deliver(requested)
    await deliver(reserved)
    expect(await kept()).toBeNull()
    expect(await totals()).toEqual({ captures: 0, refunds: 0 })
  })
})
