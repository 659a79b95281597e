// What the inventory does about placed, confirmed and cancelled orders, and about time.
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  reservationExpired,
  stockRejected,
  stockReserved,
} from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'
import type { Transaction } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { type Line, merge, release, reserve, sell } from './domain.ts'
import {
  insertReservation,
  lockReservation,
  lockStock,
  markExpired,
  markRejected,
  markReleased,
  markSold,
  moveStock,
} from './store.ts'

export function subscriptions(): Subscription[] {
  return [
    on(orderPlaced, {
      async handle(tx, { data: { orderId, items, payment } }) {
        const lines = merge(items)
        // From the second to the commit, others who want the same stock wait: there is one more round trip.
        const [isNew, stock] = await Promise.all([
          insertReservation(tx, orderId, 'reserved', lines),
          lockStock(tx, skusOf(lines)),
        ])
        // A cancellation was faster: the order gets nothing and nobody waits for an answer.
        if (!isNew) return []
        const outcome = reserve(lines, stock)
        if (outcome.kind === 'rejected') {
          const { reason, sku } = outcome
          markRejected(tx, orderId)
          return [draft(stockRejected, orderId, { orderId, reason, sku })]
        }
        moveStock(tx, lines, -1)
        return [draft(stockReserved, orderId, { orderId, amount: outcome.amount, payment })]
      },
    }),

    on(orderConfirmed, {
      look: (tx, { data: { orderId } }) => lockReservation(tx, orderId),
      async handle(tx, { data: { orderId } }, { looked: reservation }) {
        // It follows from our own reservation, so the message is somebody else's, or our data are lost.
        if (!reservation) throw new Error(`order ${orderId} was confirmed without a reservation`)
        if (sell(reservation.status) === 'sell') markSold(tx, orderId)
        return []
      },
    }),

    on(orderCancelled, {
      async handle(tx, { data: { orderId } }) {
        // Faster than the order itself: the row keeps a later reservation away.
        if (await insertReservation(tx, orderId, 'rejected', [])) return []
        const reservation = await lockReservation(tx, orderId)
        if (reservation && release(reservation.status) === 'give-back') {
          await lockStock(tx, skusOf(reservation.lines))
          moveStock(tx, reservation.lines, 1)
          markReleased(tx, orderId)
        }
        return []
      },
    }),
  ]
}

/** As many as a short transaction can tell; the rest has its turn at the next tick. */
const expiriesAtOnce = 100

/**
 * Asks for each reservation whose time is over, once, whether its order is still wanted. The stock
 * comes back with the order's cancellation and not before, so a confirmed order never loses it.
 */
export async function expire(tx: Transaction, ttlSeconds: number): Promise<Draft[]> {
  const orderIds = await markExpired(tx, ttlSeconds, expiriesAtOnce)
  return orderIds.map((orderId) => draft(reservationExpired, orderId, { orderId }))
}

/** Sorted as the lines are, so that all transactions lock the stock in the same order. */
function skusOf(lines: Line[]): string[] {
  return lines.map(({ sku }) => sku)
}
