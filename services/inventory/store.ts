// The stock and reservations tables.
import type { Queries, Transaction } from '@shop/kernel/database'
import type { Line, ReservationStatus, Stock } from './domain.ts'

const columns = 'sku, available::float8 AS available, price::float8 AS price, currency'

/** Reads the stock of some SKUs and locks it until the transaction ends. */
export async function lockStock(tx: Transaction, skus: string[]): Promise<Stock[]> {
  return tx.query<Stock>(
    `SELECT ${columns} FROM stock WHERE sku = ANY($1::text[]) ORDER BY sku FOR UPDATE`,
    [skus],
  )
}

/** Adds to the available pieces; `direction` -1 takes them away. */
export async function moveStock(tx: Transaction, lines: Line[], direction: 1 | -1): Promise<void> {
  await tx.query(
    `UPDATE stock SET available = available + moved.pieces
     FROM unnest($1::text[], $2::bigint[]) AS moved (sku, pieces)
     WHERE stock.sku = moved.sku`,
    [lines.map(({ sku }) => sku), lines.map(({ quantity }) => quantity * direction)],
  )
}

/** Claims an order's reservation; false when it has been decided before. */
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
  tx: Transaction,
  orderId: string,
): Promise<{ status: ReservationStatus; lines: Line[] } | null> {
  const [row] = await tx.query<{ status: ReservationStatus; lines: Line[] }>(
    'SELECT status, lines FROM reservations WHERE order_id = $1 FOR UPDATE',
    [orderId],
  )
  return row ?? null
}

export async function markReleased(tx: Transaction, orderId: string): Promise<void> {
  await tx.query(
    `UPDATE reservations SET status = 'released', released_at = now() WHERE order_id = $1`,
    [orderId],
  )
}

export async function findStock(db: Queries, sku: string): Promise<Stock | null> {
  const [row] = await db.query<Stock>(`SELECT ${columns} FROM stock WHERE sku = $1`, [sku])
  return row ?? null
}

/** Pieces by SKU and in all, from two sources that must agree: the stock and the reservations. */
export async function accounting(db: Queries) {
  const bySku = await db.query<
    Record<'initial' | 'available' | 'reserved' | 'released', number> & {
      sku: string
    }
  >(
    `WITH moved AS (
       SELECT line ->> 'sku' AS sku,
         sum((line ->> 'quantity')::bigint) AS reserved,
         sum((line ->> 'quantity')::bigint) FILTER (WHERE status = 'released') AS released
       FROM reservations, jsonb_array_elements(lines) AS line
       WHERE status IN ('reserved', 'released')
       GROUP BY 1
     )
     SELECT sku, initial::float8 AS initial, available::float8 AS available,
       coalesce(reserved, 0)::float8 AS reserved, coalesce(released, 0)::float8 AS released
     FROM stock LEFT JOIN moved USING (sku) ORDER BY sku`,
  )
  const [reservations] = await db.query(
    `SELECT count(*) FILTER (WHERE status = 'reserved')::int AS reserved,
       count(*) FILTER (WHERE status = 'released')::int AS released,
       count(*) FILTER (WHERE status = 'rejected')::int AS rejected
     FROM reservations`,
  )
  const [outbox] = await db.query<{ waiting: number }>(
    'SELECT count(*)::int AS waiting FROM outbox',
  )
  return { stock: bySku, reservations, outbox: outbox?.waiting ?? 0 }
}
