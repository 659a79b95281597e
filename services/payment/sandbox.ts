// A provider without money: decides by the token, and remembers as a real one would.
import type { Queries } from '@shop/kernel/database'
import type { PaymentProvider } from './provider.ts'

/** Its memory is a table of its own, written outside of the service's transactions. */
export function createSandbox(memory: Queries): PaymentProvider {
  return {
    async capture({ idempotencyKey, token, amount }) {
      const wanted = token === 'tok_declined' ? 'declined' : 'captured'
      const [charge] = await memory.query<{ outcome: string }>(
        `INSERT INTO sandbox_charges AS known (idempotency_key, outcome, amount, currency)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (idempotency_key) DO UPDATE SET requests = known.requests + 1
         RETURNING outcome`,
        [idempotencyKey, wanted, amount.value, amount.currency],
      )
      if (charge?.outcome === 'captured') return { kind: 'captured' }
      return { kind: 'declined', reason: charge?.outcome === 'voided' ? 'voided' : 'card-declined' }
    },

    async cancel(idempotencyKey) {
      await memory.query(
        `INSERT INTO sandbox_charges AS known (idempotency_key, outcome, amount, currency)
         VALUES ($1, 'voided', 0, '')
         ON CONFLICT (idempotency_key) DO UPDATE SET
           outcome = CASE WHEN known.outcome = 'captured' THEN 'voided' ELSE known.outcome END`,
        [idempotencyKey],
      )
    },
  }
}
