// What this service needs of a payment provider.
export interface Money {
  /** Minor units of the currency. */
  value: number
  currency: string
}

export interface Charge {
  idempotencyKey: string
  /** What the provider's own books name as the reason of the charge. */
  orderId: string
  token: string
  amount: Money
}

/** `cancelled`: the key was given up before. */
export type ChargeOutcome =
  | { kind: 'captured' }
  | { kind: 'declined'; reason: string }
  | { kind: 'cancelled' }

/** `captured`: too late, the money is taken and has to be given back. */
export type CancelOutcome = { kind: 'cancelled' } | { kind: 'captured' }

/** How often the provider took money and gave it back. */
export interface Statement {
  captures: number
  refunds: number
}

/** All calls may be repeated: the provider recognises them by their idempotency key. */
export interface PaymentProvider {
  capture(charge: Charge): Promise<ChargeOutcome>
  /** Gives up a charge, also one that was never asked for: nothing is captured under the key any more. */
  cancel(idempotencyKey: string): Promise<CancelOutcome>
  /** Gives back what was captured under the key. */
  refund(idempotencyKey: string): Promise<void>
  /** The provider's own books on some orders, by order; `id` is the key we used for it. */
  statements(payments: { id: string; orderId: string }[]): Promise<Map<string, Statement>>
  /** The provider's own books on everything. */
  totals(): Promise<Statement>
}
