// The orders table.
import type { Queries, Transaction } from '@shop/kernel/database'
import {
  type Customer,
  type Decision,
  type Item,
  isSettled,
  type Order,
  type Status,
} from './domain.ts'

/** The slot that did something, for those who want to know which version it was. */
export interface Slot {
  color: string
  version: string
}

export interface NewOrder {
  id: string
  items: Item[]
  customer: Customer
  placedBy: Slot
  idempotencyKey: string
  requestHash: string
  response: string
}

export interface OrderView {
  id: string
  status: Status
  reason: string | null
  items: Item[]
  customer: Customer
  placedAt: Date
  placedBy: Slot
  settledAt: Date | null
  settledBy: Slot | null
}

/** Stores the order; false when its idempotency key is taken already. */
export async function insertOrder(tx: Transaction, order: NewOrder): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO orders
       (id, status, items, customer, placed_by, idempotency_key, request_hash, response)
     VALUES ($1, 'placed', $2, $3, $4, $5, $6, $7)
     ON CONFLICT (idempotency_key) DO NOTHING RETURNING id`,
    [
      order.id,
      JSON.stringify(order.items),
      JSON.stringify(order.customer),
      JSON.stringify(order.placedBy),
      order.idempotencyKey,
      order.requestHash,
      order.response,
    ],
  )
  return rows.length === 1
}

/** What was answered to the first request with this key. */
export async function findByKey(
  db: Queries,
  idempotencyKey: string,
): Promise<{ requestHash: string; response: string } | null> {
  const [row] = await db.query<{ requestHash: string; response: string }>(
    `SELECT request_hash AS "requestHash", response FROM orders WHERE idempotency_key = $1`,
    [idempotencyKey],
  )
  return row ?? null
}

export async function findOrder(db: Queries, id: string): Promise<OrderView | null> {
  const [row] = await db.query<OrderView>(
    `SELECT id, status, reason, items, customer, placed_at AS "placedAt", placed_by AS "placedBy",
       settled_at AS "settledAt", settled_by AS "settledBy"
     FROM orders WHERE id = $1`,
    [id],
  )
  return row ?? null
}

/** Reads an order and keeps others from deciding about it until the transaction ends. */
export async function lockOrder(tx: Transaction, id: string): Promise<Order | null> {
  const [row] = await tx.query<Order>(
    'SELECT id, status, customer FROM orders WHERE id = $1 FOR UPDATE',
    [id],
  )
  return row ?? null
}

export async function saveDecision(
  tx: Transaction,
  id: string,
  decision: Decision,
  by: Slot,
): Promise<void> {
  await tx.query(
    `UPDATE orders SET status = $2, reason = $3,
       settled_at = CASE WHEN $4 THEN now() END, settled_by = CASE WHEN $4 THEN $5::jsonb END
     WHERE id = $1`,
    [id, decision.status, decision.reason, isSettled(decision.status), JSON.stringify(by)],
  )
}

/** Counts for the audit, and which version confirmed how many. */
export async function accounting(db: Queries) {
  const [orders] = await db.query(
    `SELECT count(*)::int AS accepted,
       count(*) FILTER (WHERE status = 'confirmed')::int AS confirmed,
       count(*) FILTER (WHERE status = 'rejected')::int AS rejected,
       count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
       count(*) FILTER (WHERE status IN ('placed', 'reserved'))::int AS open
     FROM orders`,
  )
  const confirmedBy = await db.query(
    `SELECT settled_by ->> 'color' AS color, settled_by ->> 'version' AS version, count(*)::int AS orders
     FROM orders WHERE status = 'confirmed' GROUP BY 1, 2 ORDER BY 1, 2`,
  )
  const [outbox] = await db.query<{ waiting: number }>(
    'SELECT count(*)::int AS waiting FROM outbox',
  )
  return { orders, confirmedBy, outbox: outbox?.waiting ?? 0 }
}
