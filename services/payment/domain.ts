// How a payment goes from an intent to its end; pure.
import { paymentCaptured, paymentDeclined } from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'
import type { ChargeOutcome, Money } from './provider.ts'

export type PaymentStatus = 'intended' | 'captured' | 'declined' | 'cancelled' | 'refunded'

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

/** How the provider let go of a cancelled order's money. */
export type Undone = 'cancelled' | 'refunded'

/** What the provider's answer makes of an intent; `null` when the payment has ended already. */
export function settle(payment: Payment, outcome: ChargeOutcome): Settlement | null {
  const { id: paymentId, orderId, amount } = payment
  if (payment.status !== 'intended' || !amount) return null
  switch (outcome.kind) {
    case 'captured':
      return {
        status: 'captured',
        reason: null,
        events: [draft(paymentCaptured, orderId, { orderId, paymentId, amount })],
      }
    case 'declined': {
      const { reason } = outcome
      return {
        status: 'declined',
        reason,
        events: [draft(paymentDeclined, orderId, { orderId, paymentId, reason })],
      }
    }
    case 'cancelled':
      // Whoever cancelled it at the provider did so because the order had ended.
      return { status: 'cancelled', reason: 'order-cancelled', events: [] }
  }
}

/** What the provider has to do when the order is cancelled; what was declined needs nothing. */
export function undo(status: PaymentStatus): 'cancel' | 'refund' | 'nothing' {
  if (status === 'intended') return 'cancel'
  return status === 'captured' ? 'refund' : 'nothing'
}

/** Ends the payment of a cancelled order; `null` when it has ended already. */
export function giveUp(payment: Payment, undone: Undone): Settlement | null {
  const { id, status } = payment
  if (undo(status) === 'nothing') return null
  if (status === 'captured' && undone === 'cancelled') {
    throw new Error(`payment ${id} was captured after the provider had cancelled it`)
  }
  return { status: undone, reason: 'order-cancelled', events: [] }
}
