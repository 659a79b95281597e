// The orders table.
import type { Queries, Transaction } from '@shop/kernel/database'
import type { OpenWork, OpenWorkQuestion } from '@shop/kernel/open-work'
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

/**
 * The orders that are not settled, now and `ago` seconds ago. One statement, so that it counts everything at the same
 * moment. What was placed after that moment was settled after it too, so the index of the ends finds all that counts.
 */
export async function countOpen(db: Queries, { ago, late }: OpenWorkQuestion): Promise<OpenWork> {
  const [counts] = await db.query<OpenWork>(
    `WITH recent AS (
       SELECT placed_at, settled_at, settled_by->>'color' AS color,
         placed_at <= now() - make_interval(secs => $1) AS is_before
       FROM orders WHERE settled_at IS NULL OR settled_at > now() - make_interval(secs => $1)
     ), finished AS (
       SELECT color, count(*) FROM recent WHERE is_before AND settled_at IS NOT NULL GROUP BY color
     ), due AS (
       SELECT settled_at IS NULL OR settled_at > placed_at + make_interval(secs => $2) AS is_late
       FROM recent WHERE NOT is_before AND placed_at <= now() - make_interval(secs => $2)
     ), young AS (
       SELECT count(*) AS open, extract(epoch FROM now() - min(placed_at))::float8 AS seconds
       FROM recent WHERE NOT is_before AND settled_at IS NULL
     )
     SELECT count(*) FILTER (WHERE settled_at IS NULL)::int AS open,
       json_build_object('open', count(*) FILTER (WHERE is_before),
         'finished', (SELECT coalesce(json_object_agg(color, count), '{}') FROM finished)) AS before,
       (SELECT json_build_object('due', count(*), 'late', count(*) FILTER (WHERE is_late),
          'open', (SELECT open FROM young), 'oldestSeconds', (SELECT seconds FROM young)) FROM due)
         AS since
     FROM recent`,
    [ago, late],
  )
  if (!counts) throw new Error('the count has no row')
  return counts
}
