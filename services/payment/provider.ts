// The port of the payment provider.
export interface Money {
  /** In minor units of the currency. */
  value: number
  currency: string
}

export interface Charge {
  idempotencyKey: string
  /** The provider keeps it in its records. */
  orderId: string
  token: string
  amount: Money
}

/** `cancelled`: the key was cancelled before the capture. */
export type ChargeOutcome =
  | { kind: 'captured' }
  | { kind: 'declined'; reason: string }
  | { kind: 'cancelled' }

/** `captured`: too late to cancel, so the charge must be refunded. */
export type CancelOutcome = { kind: 'cancelled' } | { kind: 'captured' }

/** How often the provider captured and refunded. */
export interface Statement {
  captures: number
  refunds: number
}

/** Calls with an idempotency key are idempotent. */
export interface PaymentProvider {
  capture(charge: Charge): Promise<ChargeOutcome>
  /** Cancels a charge, even one that was never requested. After that, nothing can be captured with the key. */
  cancel(idempotencyKey: string): Promise<CancelOutcome>
  /** Refunds the capture with this key. */
  refund(idempotencyKey: string): Promise<void>
  /** The provider's records of these payments, by order id. `id` is the idempotency key of the payment. */
  statements(payments: { id: string; orderId: string }[]): Promise<Map<string, Statement>>
  /** The totals of all records. */
  totals(): Promise<Statement>
}
