// What the inventory does about placed and cancelled orders.
import { orderCancelled, orderPlaced, stockRejected, stockReserved } from '@shop/events/contracts'
import { draft } from '@shop/events/envelope'
import { on, type Subscription } from '@shop/kernel/inbox'
import { merge, release, reserve } from './domain.ts'
import { insertReservation, lockReservation, lockStock, markReleased, moveStock } from './store.ts'

export function subscriptions(): Subscription[] {
  return [
    on(orderPlaced, {
      async handle(tx, { data: { orderId, items, payment } }) {
        const lines = merge(items)
        const skus = lines.map(({ sku }) => sku)
        const outcome = reserve(lines, await lockStock(tx, skus))
        // A cancellation was faster: the order gets nothing and nobody waits for an answer.
        if (!(await insertReservation(tx, orderId, outcome.kind, lines))) return []
        if (outcome.kind === 'rejected') {
          const { reason, sku } = outcome
          return [draft(stockRejected, orderId, { orderId, reason, sku })]
        }
        await moveStock(tx, lines, -1)
        return [draft(stockReserved, orderId, { orderId, amount: outcome.amount, payment })]
      },
    }),

    on(orderCancelled, {
      async handle(tx, { data: { orderId } }) {
        const reservation = await lockReservation(tx, orderId)
        const action = release(reservation?.status ?? null)
        if (action === 'never-reserve') await insertReservation(tx, orderId, 'rejected', [])
        if (action === 'give-back' && reservation) {
          await moveStock(tx, reservation.lines, 1)
          await markReleased(tx, orderId)
        }
        return []
      },
    }),
  ]
}
