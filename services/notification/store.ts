// The notifications table.
import type { Queries, Transaction } from '@shop/kernel/database'
import type { Outcome } from './domain.ts'

export interface NotificationView {
  orderId: string
  outcome: Outcome
  messageId: string
  attempts: number
  sentAt: Date | null
}

/** Counts an attempt to send the mail. Returns false when it was already sent. */
export async function beginAttempt(
  db: Queries,
  orderId: string,
  outcome: Outcome,
  messageId: string,
): Promise<boolean> {
  const rows = await db.query(
    `INSERT INTO notifications AS known (order_id, outcome, message_id) VALUES ($1, $2, $3)
     ON CONFLICT (order_id, outcome) DO UPDATE SET attempts = known.attempts + 1
       WHERE known.sent_at IS NULL
     RETURNING order_id`,
    [orderId, outcome, messageId],
  )
  return rows.length === 1
}

export function markSent(tx: Transaction, orderId: string, outcome: Outcome): void {
  tx.execute(
    `UPDATE notifications SET sent_at = coalesce(sent_at, now())
     WHERE order_id = $1 AND outcome = $2`,
    [orderId, outcome],
  )
}

export async function findNotifications(db: Queries, orderId: string): Promise<NotificationView[]> {
  return db.query<NotificationView>(
    `SELECT order_id AS "orderId", outcome, message_id AS "messageId", attempts, sent_at AS "sentAt"
     FROM notifications WHERE order_id = $1 ORDER BY created_at`,
    [orderId],
  )
}

/** Counts notifications. `repeats` are attempts after the first one. */
export async function accounting(db: Queries): Promise<Record<string, number>> {
  const [counts] = await db.query<Record<string, number>>(
    `SELECT count(*) FILTER (WHERE sent_at IS NOT NULL)::int AS sent,
       count(*) FILTER (WHERE sent_at IS NULL)::int AS unsent,
       coalesce(sum(attempts - 1), 0)::int AS repeats
     FROM notifications`,
  )
  return { ...counts }
}

/** One entry per outcome of the first `limit` orders after `after`, by order id. */
export async function entries(
  db: Queries,
  after: string,
  limit: number,
): Promise<{ id: string; outcome: Outcome; sent: boolean; repeats: number }[]> {
  return db.query(
    `SELECT order_id AS id, outcome, sent_at IS NOT NULL AS sent, attempts - 1 AS repeats
     FROM notifications
     WHERE order_id IN (
       SELECT DISTINCT order_id FROM notifications
       WHERE order_id > $1
       ORDER BY order_id LIMIT $2
     )
     ORDER BY order_id, outcome`,
    [after, limit],
  )
}
