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

/** The slot that placed or settled an order. */
export interface SlotVersion {
  color: string
  version: string
}

/** A slot with the epoch of the gate at that time. The epoch is null for an order that is older than the gate. */
export type SlotInEpoch = SlotVersion & { epoch: number | null }

export interface NewOrder {
  id: string
  items: Item[]
  customer: Customer
  placedBy: SlotVersion
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
  placedBy: SlotInEpoch
  settledAt: Date | null
  settledBy: SlotInEpoch | null
}

/** Stores the order. Returns false when its idempotency key is in use. */
export async function insertOrder(tx: Transaction, order: NewOrder): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO orders
       (id, status, items, customer, placed_by, idempotency_key, request_hash, response, placed_epoch)
     VALUES ($1, 'placed', $2, $3, $4, $5, $6, $7, (SELECT epoch FROM release_gate))
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

/** The answer to the first request with this key. */
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
    `SELECT id, status, reason, items, customer, placed_at AS "placedAt", settled_at AS "settledAt",
       placed_by || jsonb_build_object('epoch', placed_epoch) AS "placedBy",
       settled_by || jsonb_build_object('epoch', settled_epoch) AS "settledBy"
     FROM orders WHERE id = $1`,
    [id],
  )
  return row ?? null
}

/** An order, and how many seconds ago it was placed, by the clock of the database. */
export type AgedOrder = Order & { age: number }

/** Reads an order and locks it until the transaction ends. */
export async function lockOrder(tx: Queries, id: string): Promise<AgedOrder | null> {
  const [row] = await tx.query<AgedOrder>(
    `SELECT id, status, reason, customer,
       extract(epoch FROM clock_timestamp() - placed_at)::float8 AS age
     FROM orders WHERE id = $1 FOR UPDATE`,
    [id],
  )
  return row ?? null
}

export function saveDecision(
  tx: Transaction,
  id: string,
  decision: Decision,
  by: SlotVersion,
): void {
  tx.execute(
    `UPDATE orders SET status = $2, reason = $3,
       settled_at = CASE WHEN $4 THEN now() END, settled_by = CASE WHEN $4 THEN $5::jsonb END,
       settled_epoch = CASE WHEN $4 THEN (SELECT epoch FROM release_gate) END
     WHERE id = $1`,
    [id, decision.status, decision.reason, isSettled(decision.status), JSON.stringify(by)],
  )
}

/** How many orders were accepted, and how many are in each state. */
export async function accounting(db: Queries): Promise<Record<string, number>> {
  const [orders] = await db.query<Record<string, number>>(
    `SELECT count(*)::int AS accepted,
       count(*) FILTER (WHERE status = 'confirmed')::int AS confirmed,
       count(*) FILTER (WHERE status = 'rejected')::int AS rejected,
       count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
       count(*) FILTER (WHERE status IN ('placed', 'reserved'))::int AS open
     FROM orders`,
  )
  return { ...orders }
}

/** The first `limit` orders after `after`, by id. */
export async function entries(
  db: Queries,
  after: string,
  limit: number,
): Promise<{ id: string; status: Status }[]> {
  return db.query(
    `SELECT id, status FROM orders
     WHERE id > $1
     ORDER BY id LIMIT $2`,
    [after, limit],
  )
}
