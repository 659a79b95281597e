// The stock and reservations tables.
import type { Queries, Transaction } from '@shop/kernel/database'
import type { Line, ReservationStatus, Stock } from './domain.ts'

const columns = 'sku, available::float8 AS available, price::float8 AS price, currency'

/** Reads the stock of these SKUs and locks it until the transaction ends. */
export async function lockStock(tx: Transaction, skus: string[]): Promise<Stock[]> {
  return tx.query<Stock>(
    `SELECT ${columns} FROM stock WHERE sku = ANY($1::text[]) ORDER BY sku FOR UPDATE`,
    [skus],
  )
}

/** Adds the lines to the available stock (`direction` 1) or subtracts them (-1). */
export function moveStock(tx: Transaction, lines: Line[], direction: 1 | -1): void {
  tx.execute(
    `UPDATE stock SET available = available + moved.pieces
     FROM unnest($1::text[], $2::bigint[]) AS moved (sku, pieces)
     WHERE stock.sku = moved.sku`,
    [lines.map(({ sku }) => sku), lines.map(({ quantity }) => quantity * direction)],
  )
}

/** Stores the reservation of an order. Returns false when the order already has one. */
export async function insertReservation(
  tx: Transaction,
  orderId: string,
  status: ReservationStatus,
  lines: Line[],
): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO reservations (order_id, status, lines) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING RETURNING order_id`,
    [orderId, status, JSON.stringify(lines)],
  )
  return rows.length === 1
}

export async function lockReservation(
  tx: Queries,
  orderId: string,
): Promise<{ status: ReservationStatus; lines: Line[] } | null> {
  const [row] = await tx.query<{ status: ReservationStatus; lines: Line[] }>(
    'SELECT status, lines FROM reservations WHERE order_id = $1 FOR UPDATE',
    [orderId],
  )
  return row ?? null
}

export function markRejected(tx: Transaction, orderId: string): void {
  tx.execute(`UPDATE reservations SET status = 'rejected' WHERE order_id = $1`, [orderId])
}

export function markReleased(tx: Transaction, orderId: string): void {
  tx.execute(
    `UPDATE reservations SET status = 'released', released_at = now() WHERE order_id = $1`,
    [orderId],
  )
}

export function markSold(tx: Transaction, orderId: string): void {
  tx.execute(`UPDATE reservations SET status = 'sold', sold_at = now() WHERE order_id = $1`, [
    orderId,
  ])
}

/** Marks reservations older than `ttlSeconds` as expired, oldest first, and returns the ids of their orders. */
export async function markExpired(
  tx: Transaction,
  ttlSeconds: number,
  limit: number,
): Promise<string[]> {
  const rows = await tx.query<{ orderId: string }>(
    `UPDATE reservations SET expired_at = now()
     WHERE order_id IN (
       SELECT order_id FROM reservations
       WHERE status = 'reserved' AND expired_at IS NULL
         AND decided_at <= now() - make_interval(secs => $1)
       ORDER BY decided_at LIMIT $2 FOR UPDATE SKIP LOCKED
     )
     RETURNING order_id AS "orderId"`,
    [ttlSeconds, limit],
  )
  return rows.map(({ orderId }) => orderId)
}

export async function findReservation(
  db: Queries,
  orderId: string,
): Promise<{ orderId: string; status: ReservationStatus } | null> {
  const [row] = await db.query<{ orderId: string; status: ReservationStatus }>(
    'SELECT order_id AS "orderId", status FROM reservations WHERE order_id = $1',
    [orderId],
  )
  return row ?? null
}

export async function findStock(db: Queries, sku: string): Promise<Stock | null> {
  const [row] = await db.query<Stock>(`SELECT ${columns} FROM stock WHERE sku = $1`, [sku])
  return row ?? null
}

export interface StockAccount {
  sku: string
  initial: number
  available: number
  /** Pieces that are reserved for open orders. */
  reserved: number
  sold: number
  /** Pieces that cancelled orders have released so far. */
  released: number
}

/** The pieces of each SKU, counted in the stock and in the reservations. The two must agree. */
export async function accounting(db: Queries): Promise<{ stock: StockAccount[] }> {
  const stock = await db.query<StockAccount>(
    `WITH moved AS (
       SELECT line ->> 'sku' AS sku, status, sum((line ->> 'quantity')::bigint)::float8 AS pieces
       FROM reservations, jsonb_array_elements(lines) AS line
       WHERE status <> 'rejected'
       GROUP BY 1, 2
     )
     SELECT sku, initial::float8 AS initial, available::float8 AS available,
       coalesce(sum(pieces) FILTER (WHERE status = 'reserved'), 0) AS reserved,
       coalesce(sum(pieces) FILTER (WHERE status = 'sold'), 0) AS sold,
       coalesce(sum(pieces) FILTER (WHERE status = 'released'), 0) AS released
     FROM stock LEFT JOIN moved USING (sku)
     GROUP BY stock.sku ORDER BY stock.sku`,
  )
  return { stock }
}

/** The reservations of the first `limit` orders after `after`, by order id. */
export async function entries(
  db: Queries,
  after: string,
  limit: number,
): Promise<{ id: string; status: ReservationStatus }[]> {
  return db.query(
    `SELECT order_id AS id, status FROM reservations
     WHERE order_id > $1
     ORDER BY order_id LIMIT $2`,
    [after, limit],
  )
}
