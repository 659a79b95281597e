// How a payment goes from an intent to its end; pure.
import { paymentCaptured, paymentDeclined } from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'
import type { ChargeOutcome, Money } from './provider.ts'

export type PaymentStatus = 'intended' | 'captured' | 'declined' | 'cancelled'

/** An intent is stored before the provider is asked; `null` amount: cancelled before it was asked for. */
export interface Payment {
  id: string
  orderId: string
  status: PaymentStatus
  amount: Money | null
}

export interface Settlement {
  status: PaymentStatus
  reason: string | null
  events: Draft[]
}

/** What the provider's answer makes of an intent; `null` when the payment has ended already. */
export function settle(payment: Payment, outcome: ChargeOutcome): Settlement | null {
  const { id: paymentId, orderId, amount } = payment
  if (payment.status !== 'intended' || !amount) return null
  if (outcome.kind === 'captured') {
    return {
      status: 'captured',
      reason: null,
      events: [draft(paymentCaptured, orderId, { orderId, paymentId, amount })],
    }
  }
  const { reason } = outcome
  return {
    status: 'declined',
    reason,
    events: [draft(paymentDeclined, orderId, { orderId, paymentId, reason })],
  }
}

/** A cancelled order's money must not stay with us; what was declined needs no provider. */
export function mustVoid(payment: Payment): boolean {
  return payment.status === 'intended' || payment.status === 'captured'
}
