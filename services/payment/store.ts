// The payments table.
import type { Queries, Transaction } from '@shop/kernel/database'
import type { ScheduledJob } from '@shop/kernel/schedule'
import { cancelledOrder, type Decision, type Payment, type PaymentStatus } from './domain.ts'
import type { Money } from './provider.ts'

const columns = `id, order_id AS "orderId", status, reason,
  CASE WHEN amount IS NOT NULL THEN jsonb_build_object('value', amount, 'currency', currency) END AS amount`

/** Stores an intent unless the order has a payment, and returns the order's payment. */
export async function insertIntent(
  db: Queries,
  { id, orderId, amount }: { id: string; orderId: string; amount: Money },
): Promise<Payment> {
  const [inserted] = await db.query<Payment>(
    `INSERT INTO payments (order_id, id, status, amount, currency) VALUES ($1, $2, 'intended', $3, $4)
     ON CONFLICT (order_id) DO NOTHING RETURNING ${columns}`,
    [orderId, id, amount.value, amount.currency],
  )
  const stored = inserted ?? (await findPayment(db, orderId))
  if (!stored) throw new Error(`the payment of order ${orderId} is gone`)
  return stored
}

/**
 * Notes that the order is cancelled, and returns its payment. Without a payment, stores a cancelled one, so that a later
 * stock.reserved does not begin one.
 */
export async function cancelPayment(db: Queries, id: string, orderId: string): Promise<Payment> {
  const [row] = await db.query<Payment>(
    `INSERT INTO payments AS known (order_id, id, status) VALUES ($1, $2, 'cancelled')
     ON CONFLICT (order_id) DO UPDATE SET
       reason = CASE WHEN known.status = 'intended' THEN $3 ELSE known.reason END
     RETURNING ${columns}`,
    [orderId, id, cancelledOrder],
  )
  if (!row) throw new Error(`the payment of order ${orderId} is gone`)
  return row
}

export async function findPayment(db: Queries, orderId: string): Promise<Payment | null> {
  const [row] = await db.query<Payment>(`SELECT ${columns} FROM payments WHERE order_id = $1`, [
    orderId,
  ])
  return row ?? null
}

export async function lockPayment(tx: Queries, orderId: string): Promise<Payment | null> {
  const [row] = await tx.query<Payment>(
    `SELECT ${columns} FROM payments WHERE order_id = $1 FOR UPDATE`,
    [orderId],
  )
  return row ?? null
}

/** Ends a payment. After that its token is not needed any more. */
export function saveDecision(
  tx: Transaction,
  orderId: string,
  { status, reason }: Omit<Decision, 'events'>,
): void {
  tx.execute(
    'UPDATE payments SET status = $2, reason = $3, settled_at = now() WHERE order_id = $1',
    [orderId, status, reason],
  )
  // Last, so that it sees a token that was inserted before the payment was locked.
  deleteToken(tx, orderId)
}

/** Stores the token of an order, unless its payment has ended. */
export async function insertToken(db: Queries, orderId: string, token: string): Promise<void> {
  await db.query(
    `INSERT INTO payment_tokens (order_id, token)
     SELECT $1::uuid, $2
     WHERE NOT EXISTS (SELECT FROM payments WHERE order_id = $1 AND status <> 'intended')
     ON CONFLICT DO NOTHING`,
    [orderId, token],
  )
  // The payment may have ended meanwhile: the insert waits for the end that deletes the token of an earlier copy. The lock
  // waits for every other.
  await db.query(
    `WITH payment AS (SELECT status FROM payments WHERE order_id = $1 FOR SHARE)
     DELETE FROM payment_tokens USING payment WHERE order_id = $1 AND payment.status <> 'intended'`,
    [orderId],
  )
}

export async function findToken(db: Queries, orderId: string): Promise<string | null> {
  const [row] = await db.query<{ token: string }>(
    'SELECT token FROM payment_tokens WHERE order_id = $1',
    [orderId],
  )
  return row?.token ?? null
}

export function deleteToken(tx: Transaction, orderId: string): void {
  tx.execute('DELETE FROM payment_tokens WHERE order_id = $1', [orderId])
}

/**
 * Tokens that arrived after the end of their order. A reservation, and with it the order, ends long before these hours are
 * over.
 */
export const tokenPruning: ScheduledJob = {
  name: 'token-pruning',
  everyMs: 60_000,
  async run(tx) {
    tx.execute(
      `DELETE FROM payment_tokens AS old WHERE received_at < now() - interval '6 hours'
       AND NOT EXISTS (SELECT FROM payments WHERE order_id = old.order_id AND status = 'intended')`,
    )
    return []
  },
}

/** How many payments there are in each status. */
export async function countPayments(db: Queries): Promise<Record<PaymentStatus, number>> {
  const [counts] = await db.query<Record<PaymentStatus, number>>(
    `SELECT count(*) FILTER (WHERE status = 'intended')::int AS intended,
       count(*) FILTER (WHERE status = 'captured')::int AS captured,
       count(*) FILTER (WHERE status = 'declined')::int AS declined,
       count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
       count(*) FILTER (WHERE status = 'refunded')::int AS refunded
     FROM payments`,
  )
  if (!counts) throw new Error('the counts have no row')
  return counts
}

/** The payments of the first `limit` orders after `after`, by order id. */
export async function listPayments(
  db: Queries,
  after: string,
  limit: number,
): Promise<{ id: string; orderId: string; status: PaymentStatus }[]> {
  return db.query(
    `SELECT id, order_id AS "orderId", status FROM payments
     WHERE order_id > $1
     ORDER BY order_id LIMIT $2`,
    [after, limit],
  )
}
