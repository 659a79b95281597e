// What this service needs of a payment provider.
export interface Money {
  /** Minor units of the currency. */
  value: number
  currency: string
}

export type ChargeOutcome = { kind: 'captured' } | { kind: 'declined'; reason: string }

/** Both calls may be repeated: the provider recognises them by their idempotency key. */
export interface PaymentProvider {
  capture(charge: { idempotencyKey: string; token: string; amount: Money }): Promise<ChargeOutcome>
  /** Voids whatever was or will be captured under the key. */
  cancel(idempotencyKey: string): Promise<void>
}
