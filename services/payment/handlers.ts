// What the payment service does when stock is reserved and when an order is called off.
import { orderCancelled, stockReserved } from '@shop/events/contracts'
import type { Database } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { mustVoid, settle } from './domain.ts'
import type { ChargeOutcome, PaymentProvider } from './provider.ts'
import { insertPayment, lockPayment, saveSettlement } from './store.ts'

export interface HandlerDeps {
  database: Database
  provider: PaymentProvider
  newId: () => string
}

export function subscriptions({ database, provider, newId }: HandlerDeps): Subscription[] {
  return [
    on(stockReserved, {
      // The intent is committed before the provider is asked, so a crash in between leaves its key.
      async prepare({ data: { orderId, amount, payment } }): Promise<ChargeOutcome | null> {
        const intent = { id: newId(), orderId, status: 'intended' as const, amount }
        const stored = await insertPayment(database, intent)
        if (stored.status !== 'intended') return null
        return provider.capture({ idempotencyKey: stored.id, token: payment.token, amount })
      },
      async handle(tx, { data: { orderId } }, outcome) {
        const payment = outcome && (await lockPayment(tx, orderId))
        const settlement = payment && settle(payment, outcome)
        if (!settlement) return []
        await saveSettlement(tx, orderId, settlement)
        return settlement.events
      },
    }),

    on(orderCancelled, {
      async prepare({ data: { orderId } }): Promise<void> {
        // An order cancelled before its stock was reserved: the row keeps a later capture away.
        const tombstone = { id: newId(), orderId, status: 'cancelled' as const, amount: null }
        const stored = await insertPayment(database, tombstone)
        if (mustVoid(stored)) await provider.cancel(stored.id)
      },
      async handle(tx, { data: { orderId } }) {
        const payment = await lockPayment(tx, orderId)
        if (payment && mustVoid(payment)) {
          await saveSettlement(tx, orderId, { status: 'cancelled', reason: 'order-cancelled' })
        }
        return []
      },
    }),
  ]
}
