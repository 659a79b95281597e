// How the inventory handles placed, confirmed and cancelled orders, and expired reservations.
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  orderPlacedV2,
  reservationExpired,
  stockRejected,
  stockReserved,
  stockReservedV2,
} from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'
import type { Transaction } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { isOpen, type Line, merge, reserve } from './domain.ts'
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
    // The answer has the version of the order's event, so that a token is passed on only where it was sent.
    on(orderPlaced, {
      async handle(tx, { data: { orderId, items, payment } }) {
        return place(tx, orderId, items, (amount) =>
          draft(stockReserved, orderId, { orderId, amount, payment }),
        )
      },
    }),

    on(orderPlacedV2, {
      async handle(tx, { data: { orderId, items } }) {
        return place(tx, orderId, items, (amount) =>
          draft(stockReservedV2, orderId, { orderId, amount }),
        )
      },
    }),

    on(orderConfirmed, {
      load: (tx, { data: { orderId } }) => lockReservation(tx, orderId),
      async handle(tx, { data: { orderId } }, { loaded: reservation }) {
        // Only orders with a reservation are confirmed. This message belongs to another database, or data is lost.
        if (!reservation) throw new Error(`order ${orderId} was confirmed without a reservation`)
        if (isOpen(reservation.status)) markSold(tx, orderId)
        return []
      },
    }),

    on(orderCancelled, {
      async handle(tx, { data: { orderId } }) {
        // If order.placed arrives later, this row prevents a reservation.
        if (await insertReservation(tx, orderId, 'rejected', [])) return []
        const reservation = await lockReservation(tx, orderId)
        if (reservation && isOpen(reservation.status)) {
          await lockStock(tx, skusOf(reservation.lines))
          moveStock(tx, reservation.lines, 1)
          markReleased(tx, orderId)
        }
        return []
      },
    }),
  ]
}

async function place(
  tx: Transaction,
  orderId: string,
  items: Line[],
  reserved: (amount: { value: number; currency: string }) => Draft,
): Promise<Draft[]> {
  const lines = merge(items)
  // Both in one round trip, because other transactions wait for the lock on the stock.
  const [isNew, stock] = await Promise.all([
    insertReservation(tx, orderId, 'reserved', lines),
    lockStock(tx, skusOf(lines)),
  ])
  // The order was already cancelled. It gets no stock, and needs no answer.
  if (!isNew) return []
  const outcome = reserve(lines, stock)
  if (outcome.kind === 'rejected') {
    const { reason, sku } = outcome
    markRejected(tx, orderId)
    return [draft(stockRejected, orderId, { orderId, reason, sku })]
  }
  moveStock(tx, lines, -1)
  return [reserved(outcome.amount)]
}

/** Few enough for a short transaction. The next run handles the others. */
const expiryBatch = 100

/**
 * Publishes reservation.expired once for each reservation that is too old. The stock is released only when the order
 * service cancels the order, so a confirmed order never loses its stock.
 */
export async function expire(tx: Transaction, ttlSeconds: number): Promise<Draft[]> {
  const orderIds = await markExpired(tx, ttlSeconds, expiryBatch)
  return orderIds.map((orderId) => draft(reservationExpired, orderId, { orderId }))
}

/** Sorted like the lines. */
function skusOf(lines: Line[]): string[] {
  return lines.map(({ sku }) => sku)
}
