// How the order service handles events of the other services.
import {
  paymentCaptured,
  paymentDeclined,
  reservationExpired,
  stockRejected,
  stockReserved,
  stockReservedV2,
} from '@shop/events/contracts'
import type { Contract, Draft } from '@shop/events/envelope'
import type { Transaction } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { decide, isSettled, type Order, repeatOutcome, type Update } from './domain.ts'
import type { OrderMetrics } from './metrics.ts'
import { lockOrder, type SlotVersion, saveDecision } from './store.ts'

export function subscriptions(slot: SlotVersion, metrics: OrderMetrics): Subscription[] {
  function settle(tx: Transaction, orderId: string, order: Order | null, update: Update): Draft[] {
    // An order is stored before its first event is published. This message belongs to another database.
    if (!order) throw new Error(`order ${orderId} is unknown`)
    if (update.kind === 'reservation-expired' && isSettled(order.status))
      return repeatOutcome(order)
    const decision = decide(order, update)
    if (!decision) return []
    saveDecision(tx, orderId, decision, slot)
    return decision.events
  }

  function onUpdate<Data extends { orderId: string }>(
    contract: Contract<Data>,
    toUpdate: (data: Data) => Update,
  ): Subscription {
    return on(contract, {
      load: (tx, { data: { orderId } }) => lockOrder(tx, orderId),
      handle: async (tx, { data }, { loaded }) => settle(tx, data.orderId, loaded, toUpdate(data)),
      handled({ data, traceparent }, { loaded }) {
        const decision = loaded && decide(loaded, toUpdate(data))
        if (decision) metrics.decided(decision.status, loaded.age, traceparent)
      },
    })
  }

  return [
    onUpdate(stockReserved, () => ({ kind: 'stock-reserved' })),
    onUpdate(stockReservedV2, () => ({ kind: 'stock-reserved' })),
    onUpdate(stockRejected, ({ reason }) => ({ kind: 'stock-rejected', reason })),
    onUpdate(paymentCaptured, () => ({ kind: 'payment-captured' })),
    onUpdate(paymentDeclined, ({ reason }) => ({ kind: 'payment-declined', reason })),
    onUpdate(reservationExpired, () => ({ kind: 'reservation-expired' })),
  ]
}
