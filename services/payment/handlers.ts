// How the payment service handles reserved stock and cancelled orders.
import { orderCancelled, stockReserved } from '@shop/events/contracts'
import type { Envelope } from '@shop/events/envelope'
import type { Queries } from '@shop/kernel/database'
import { faultPoint } from '@shop/kernel/faults'
import { on, type Subscription } from '@shop/kernel/inbox'
import { giveUp, howToUndo, settle, type Undone } from './domain.ts'
import type { ChargeOutcome, PaymentProvider } from './provider.ts'
import { insertPayment, lockPayment, saveDecision } from './store.ts'

export interface HandlerDeps {
  provider: PaymentProvider
  newId: () => string
}

function load(tx: Queries, { data: { orderId } }: Envelope<{ orderId: string }>) {
  return lockPayment(tx, orderId)
}

export function subscriptions({ provider, newId }: HandlerDeps): Subscription[] {
  return [
    on(stockReserved, {
      // Commits the intent before calling the provider, so that the idempotency key survives a crash.
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
      load,
      async handle(tx, { data: { orderId } }, { loaded: payment, prepared: outcome }) {
        const decision = outcome && payment && settle(payment, outcome)
        if (!decision) return []
        saveDecision(tx, orderId, decision)
        return decision.events
      },
    }),

    on(orderCancelled, {
      async prepare({ data: { orderId } }, fence): Promise<Undone | null> {
        // If stock.reserved arrives later, this row prevents a capture.
        const placeholder = { id: newId(), orderId, status: 'cancelled' as const, amount: null }
        const { id, status } = await insertPayment(fence, placeholder)
        const action = howToUndo(status)
        if (action === 'nothing') return null
        if (action === 'cancel' && (await provider.cancel(id)).kind === 'cancelled')
          return 'cancelled'
        await provider.refund(id)
        return 'refunded'
      },
      load,
      async handle(tx, { data: { orderId } }, { loaded: payment, prepared: undone }) {
        const decision = undone && payment && giveUp(payment, undone)
        if (decision) saveDecision(tx, orderId, decision)
        return []
      },
    }),
  ]
}
