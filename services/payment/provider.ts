// The port of the payment provider.
export interface Money {
  /** In minor units of the currency. */
  value: number
  currency: string
}

export interface Charge {
  idempotencyKey: string
  /** For the provider's records. */
  orderId: string
  token: string
  amount: Money
}

/** `cancelled`: the key was cancelled before. */
export type ChargeOutcome =
  | { kind: 'captured' }
  | { kind: 'declined'; reason: string }
  | { kind: 'cancelled' }

/** `captured`: too late, it has to be refunded. */
export type CancelOutcome = { kind: 'cancelled' } | { kind: 'captured' }

/** How often the provider captured and refunded. */
export interface Statement {
  captures: number
  refunds: number
}

/** All calls are idempotent, by their idempotency key. */
export interface PaymentProvider {
  capture(charge: Charge): Promise<ChargeOutcome>
  /** Cancels a charge, even one that was never requested: nothing can be captured with the key any more. */
  cancel(idempotencyKey: string): Promise<CancelOutcome>
  /** Refunds what was captured with the key. */
  refund(idempotencyKey: string): Promise<void>
  /** The provider's records of some orders, by order id. `id` is the idempotency key of its payment. */
  statements(payments: { id: string; orderId: string }[]): Promise<Map<string, Statement>>
  /** The provider's records in all. */
  totals(): Promise<Statement>
}
