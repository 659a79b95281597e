// The states of a payment, from the intent to the end. Pure.
import { paymentCaptured, paymentDeclined } from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'
import type { ChargeOutcome, Money } from './provider.ts'

export type PaymentStatus = 'intended' | 'captured' | 'declined' | 'cancelled' | 'refunded'

/** It is stored as an intent before the provider is called. The amount is null if the order was cancelled before that. */
export interface Payment {
  id: string
  orderId: string
  status: PaymentStatus
  amount: Money | null
  reason: string | null
}

export const cancelledOrder = 'order-cancelled'

/** An intent whose order was cancelled is not captured any more. */
export function mayCapture({ status, reason }: Payment): boolean {
  return status === 'intended' && reason !== cancelledOrder
}

export interface Decision {
  status: PaymentStatus
  reason: string | null
  events: Draft[]
}

/** What the provider did for a cancelled order. */
export type Undone = 'cancelled' | 'refunded'

/** Applies the provider's answer to an intent. Returns null when the payment has already ended. */
export function settle(payment: Payment, outcome: ChargeOutcome): Decision | null {
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
      // The charge was cancelled at the provider because the order was cancelled.
      return { status: 'cancelled', reason: cancelledOrder, events: [] }
  }
}

/** What the provider must do when the order is cancelled. */
export function howToUndo(status: PaymentStatus): 'cancel' | 'refund' | 'nothing' {
  if (status === 'intended') return 'cancel'
  return status === 'captured' ? 'refund' : 'nothing'
}

/** Ends the payment of a cancelled order. Returns null when it has already ended. */
export function giveUp(payment: Payment, undone: Undone): Decision | null {
  const { id, status } = payment
  if (howToUndo(status) === 'nothing') return null
  if (status === 'captured' && undone === 'cancelled') {
    throw new Error(`payment ${id} was captured after the provider had cancelled it`)
  }
  return { status: undone, reason: cancelledOrder, events: [] }
}
