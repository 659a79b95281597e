// What the order service does about the events of the others.
import {
  paymentCaptured,
  paymentDeclined,
  reservationExpired,
  stockRejected,
  stockReserved,
} from '@shop/events/contracts'
import type { Contract, Draft } from '@shop/events/envelope'
import type { Transaction } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { decide, isSettled, type News, type Order, remind } from './domain.ts'
import { lockOrder, type Slot, saveDecision } from './store.ts'

export function subscriptions(slot: Slot): Subscription[] {
  function settle(tx: Transaction, orderId: string, order: Order | null, news: News): Draft[] {
    // Our own transaction wrote it before the first event left, so this is somebody else's message.
    if (!order) throw new Error(`order ${orderId} is unknown`)
    if (news.kind === 'reservation-expired' && isSettled(order.status)) return remind(order)
    const decision = decide(order, news)
    if (!decision) return []
    saveDecision(tx, orderId, decision, slot)
    return decision.events
  }

  function onNews<Data extends { orderId: string }>(
    contract: Contract<Data>,
    newsOf: (data: Data) => News,
  ): Subscription {
    return on(contract, {
      look: (tx, { data: { orderId } }) => lockOrder(tx, orderId),
      handle: async (tx, { data }, { looked }) => settle(tx, data.orderId, looked, newsOf(data)),
    })
  }

  return [
    onNews(stockReserved, () => ({ kind: 'stock-reserved' })),
    onNews(stockRejected, ({ reason }) => ({ kind: 'stock-rejected', reason })),
    onNews(paymentCaptured, () => ({ kind: 'payment-captured' })),
    onNews(paymentDeclined, ({ reason }) => ({ kind: 'payment-declined', reason })),
    onNews(reservationExpired, () => ({ kind: 'reservation-expired' })),
  ]
}
