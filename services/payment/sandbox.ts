// A payment provider without real money. The token decides the outcome.
import type { Queries } from '@shop/kernel/database'
import type { PaymentProvider, Statement } from './provider.ts'

type Outcome = 'captured' | 'declined' | 'voided' | 'refunded'

const sums = `count(*) FILTER (WHERE outcome IN ('captured', 'refunded'))::int AS captures,
  count(*) FILTER (WHERE outcome = 'refunded')::int AS refunds`

/** Its records are a separate table, which it writes outside the service's transactions. */
export function createSandbox(records: Queries): PaymentProvider {
  return {
    async capture({ idempotencyKey, orderId, token, amount }) {
      const wanted = token === 'tok_declined' ? 'declined' : 'captured'
      const [charge] = await records.query<{ outcome: Outcome }>(
        `INSERT INTO sandbox_charges AS known (idempotency_key, outcome, amount, currency, order_id)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (idempotency_key) DO UPDATE SET requests = known.requests + 1
         RETURNING outcome`,
        [idempotencyKey, wanted, amount.value, amount.currency, orderId],
      )
      switch (charge?.outcome) {
        case 'captured':
        case 'refunded':
          return { kind: 'captured' }
        case 'voided':
          return { kind: 'cancelled' }
        default:
          return { kind: 'declined', reason: 'card-declined' }
      }
    },

    async cancel(idempotencyKey) {
      const [charge] = await records.query<{ outcome: Outcome }>(
        `INSERT INTO sandbox_charges AS known (idempotency_key, outcome, amount, currency)
         VALUES ($1, 'voided', 0, '')
         ON CONFLICT (idempotency_key) DO UPDATE SET outcome = known.outcome
         RETURNING outcome`,
        [idempotencyKey],
      )
      const taken = charge?.outcome === 'captured' || charge?.outcome === 'refunded'
      return { kind: taken ? 'captured' : 'cancelled' }
    },

    async refund(idempotencyKey) {
      const given = await records.query(
        `UPDATE sandbox_charges
         SET outcome = CASE WHEN outcome = 'captured' THEN 'refunded' ELSE outcome END
         WHERE idempotency_key = $1 AND outcome <> 'declined'
         RETURNING idempotency_key`,
        [idempotencyKey],
      )
      if (given.length === 0) throw new Error(`nothing was captured with the key ${idempotencyKey}`)
    },

    async statements(payments) {
      // Matches by order and by key, so that a second capture with another key is counted.
      const rows = await records.query<Statement & { orderId: string }>(
        `SELECT asked.order_id AS "orderId", ${sums}
         FROM unnest($1::uuid[], $2::uuid[]) AS asked (order_id, key)
         JOIN sandbox_charges AS charge
           ON charge.order_id = asked.order_id OR charge.idempotency_key = asked.key
         GROUP BY asked.order_id`,
        [payments.map(({ orderId }) => orderId), payments.map(({ id }) => id)],
      )
      return new Map(rows.map(({ orderId, ...statement }) => [orderId, statement]))
    },

    async totals() {
      const [all] = await records.query<Statement>(`SELECT ${sums} FROM sandbox_charges`)
      return all ?? { captures: 0, refunds: 0 }
    },
  }
}
