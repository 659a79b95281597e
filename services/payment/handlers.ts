// What the payment service does when stock is reserved and when an order is called off.
import { orderCancelled, stockReserved } from '@shop/events/contracts'
import type { Envelope } from '@shop/events/envelope'
import type { Queries } from '@shop/kernel/database'
import { faultPoint } from '@shop/kernel/faults'
import { on, type Subscription } from '@shop/kernel/inbox'
import { giveUp, settle, type Undone, undo } from './domain.ts'
import type { ChargeOutcome, PaymentProvider } from './provider.ts'
import { insertPayment, lockPayment, saveSettlement } from './store.ts'

export interface HandlerDeps {
  provider: PaymentProvider
  newId: () => string
}

function look(tx: Queries, { data: { orderId } }: Envelope<{ orderId: string }>) {
  return lockPayment(tx, orderId)
}

export function subscriptions({ provider, newId }: HandlerDeps): Subscription[] {
  return [
    on(stockReserved, {
      // The intent is committed before the provider is asked, so a crash in between leaves its key.
      async prepare({ data: { orderId, amount, payment } }, fence): Promise<ChargeOutcome | null> {
        const intent = { id: newId(), orderId, status: 'intended' as const, amount }
        const { id: idempotencyKey, status } = await insertPayment(fence, intent)
        if (status !== 'intended') return null
        faultPoint('payment.intended')
        const { token } = payment
        const outcome = await provider.capture({ idempotencyKey, orderId, token, amount })
        faultPoint('payment.captured')
        return outcome
      },
      look,
      async handle(tx, { data: { orderId } }, { looked: payment, prepared: outcome }) {
        const settlement = outcome && payment && settle(payment, outcome)
        if (!settlement) return []
        saveSettlement(tx, orderId, settlement)
        return settlement.events
      },
    }),

    on(orderCancelled, {
      async prepare({ data: { orderId } }, fence): Promise<Undone | null> {
        // An order cancelled before its stock was reserved: the row keeps a later capture away.
        const tombstone = { id: newId(), orderId, status: 'cancelled' as const, amount: null }
        const { id, status } = await insertPayment(fence, tombstone)
        const way = undo(status)
        if (way === 'nothing') return null
        if (way === 'cancel' && (await provider.cancel(id)).kind === 'cancelled') return 'cancelled'
        await provider.refund(id)
        return 'refunded'
      },
      look,
      async handle(tx, { data: { orderId } }, { looked: payment, prepared: undone }) {
        const settlement = undone && payment && giveUp(payment, undone)
        if (settlement) saveSettlement(tx, orderId, settlement)
        return []
      },
    }),
  ]
}
