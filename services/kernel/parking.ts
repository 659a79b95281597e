// Messages whose handling has failed: counted while they are tried again, then kept for a person.
import { createHash } from 'node:crypto'
import { type Draft, type Envelope, envelope } from '@shop/events/envelope'
import type { Queries, Transaction } from './database.ts'
import type { Outbox } from './outbox.ts'

export type State = 'parked' | 'retrying' | 'unroutable'

/** A message that has not come where it should have its effect. */
export interface StuckMessage {
  id: string
  /** These three are null when the body is not an event. */
  type: string | null
  subject: string | null
  source: string | null
  /** `unroutable`: still in the outbox, for the broker does not take it. */
  state: State
  attempts: number
  reason: string
  firstFailedAt: Date
  lastFailedAt: Date
}

/** A body, as an event where it is one. */
export type Reading =
  | { id: string; event: Envelope; json: string }
  | { id: string; event: null; problem: string }

/** What is not an event gets an id that depends on its bytes alone, so that a repetition has the same. */
export function readBody(body: Buffer): Reading {
  const unreadable = (problem: string) => ({ id: idOf(body), event: null, problem })
  const json = body.toString()
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return unreadable('not an event: not JSON')
  }
  const read = envelope.safeParse(parsed)
  if (read.success) return { id: read.data.id, event: read.data, json }
  const fields = read.error.issues.map(({ path }) => path.join('.') || 'all of it')
  return unreadable(`not an event: ${fields.join(', ')}`)
}

/** A UUID of version 8, whose bits are ours to choose. */
function idOf(body: Buffer): string {
  const hex = createHash('sha256').update(body).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

export interface Failure {
  /** Whose inbox to look into. */
  consumer: string
  reading: Reading
  body: Buffer
  /** Of the delivery that failed. */
  attempt: number
  /** To be remembered. */
  attempts: number
  state: 'retrying' | 'parked'
  reason: string
}

/**
 * Remembers a failure. False when another copy of the message has got further: it was handled, or
 * has failed more often, or was parked. So a repeated delivery never multiplies.
 */
export async function recordFailure(tx: Transaction, failure: Failure): Promise<boolean> {
  const { reading } = failure
  const { type = null, subject = null, source = null } = reading.event ?? {}
  const rows = await tx.query(
    `INSERT INTO parked AS known
       (message_id, state, attempts, reason, type, subject, source, body)
     SELECT $1::uuid, $2, $3::int, $4, $5, $6, $7, $8::bytea
     WHERE NOT EXISTS (SELECT FROM inbox WHERE consumer = $9 AND message_id = $1)
       AND ($10::int = 0 OR EXISTS (SELECT FROM parked WHERE message_id = $1))
     ON CONFLICT (message_id) DO UPDATE SET state = EXCLUDED.state,
       attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, last_failed_at = now()
     WHERE known.state = 'retrying' AND known.attempts = $10
     RETURNING message_id`,
    [
      reading.id,
      failure.state,
      failure.attempts,
      storable(failure.reason).slice(0, 1_000),
      ...[type, subject, source].map((text) => text && storable(text)),
      failure.body,
      failure.consumer,
      failure.attempt,
    ],
  )
  return rows.length > 0
}

/** Postgres knows no text with a zero in it. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD')
}

/** A message to be tried again whose copy has got lost, in a broker that lost its data say, waits for a person too. */
const effectiveState = `CASE WHEN state = 'retrying' AND last_failed_at < now() - interval '5 minutes'
    AND NOT EXISTS (SELECT FROM outbox WHERE event ->> 'id' = parked.message_id::text)
  THEN 'parked' ELSE state END`

const parkedColumns = `message_id AS id, type, subject, source, ${effectiveState} AS state, attempts, reason,
  first_failed_at AS "firstFailedAt", last_failed_at AS "lastFailedAt"`
const unroutableColumns = `(event ->> 'id')::uuid AS id, type, event ->> 'subject' AS subject,
  event ->> 'source' AS source, 'unroutable' AS state, attempts,
  coalesce(last_error, 'not published') AS reason,
  created_at AS "firstFailedAt", coalesce(failed_at, created_at) AS "lastFailedAt"`

/** Those that failed first come first. */
export async function listStuck(db: Queries, limit: number): Promise<StuckMessage[]> {
  return db.query<StuckMessage>(
    `SELECT ${parkedColumns} FROM parked
     UNION ALL SELECT ${unroutableColumns} FROM outbox WHERE attempts > 0
     ORDER BY "firstFailedAt", id LIMIT $1`,
    [limit],
  )
}

export async function findStuck(
  db: Queries,
  id: string,
): Promise<(StuckMessage & { body: Buffer }) | null> {
  const [row] = await db.query<StuckMessage & { body: Buffer }>(
    `SELECT ${parkedColumns}, body FROM parked WHERE message_id = $1
     UNION ALL SELECT ${unroutableColumns}, convert_to(event::text, 'UTF8') FROM outbox
       WHERE attempts > 0 AND (event ->> 'id')::uuid = $1
     LIMIT 1`,
    [id],
  )
  return row ?? null
}

/** What a person's wish came to; `unreadable`: it is not an event, so no handler could get it. */
export type Wish = 'done' | 'not-found' | 'not-parked' | 'unreadable'

/** Sends it to its own queue once more, as if it had never failed; to be followed by `outbox.wake`. */
export async function replay(
  tx: Transaction,
  outbox: Outbox,
  service: string,
  id: string,
): Promise<Wish> {
  const [row] = await tx.query<{ state: State; body: Buffer }>(
    `SELECT ${effectiveState} AS state, body FROM parked WHERE message_id = $1 FOR UPDATE`,
    [id],
  )
  if (!row) return 'not-found'
  if (row.state !== 'parked') return 'not-parked'
  const reading = readBody(row.body)
  if (!reading.event) return 'unreadable'
  tx.execute(`UPDATE parked SET state = 'retrying', attempts = 0 WHERE message_id = $1`, [id])
  const { type } = reading.event
  outbox.resend(tx, { type, json: reading.json, to: service, attempt: 0, delayMs: 0 })
  return 'done'
}

/**
 * Work by the clock: sends again what an earlier version could not read and this one can, since a release that listens
 * to more has its events arrive before it serves.
 */
export function readAgain(outbox: Outbox, service: string, types: string[]) {
  return {
    name: 'read-again',
    everyMs: 5_000,
    async run(tx: Transaction): Promise<Draft[]> {
      const rows = await tx.query<{ id: string }>(
        `SELECT message_id AS id FROM parked WHERE state = 'parked' AND type = ANY($1::text[])
         AND (reason LIKE 'cannot read %' OR reason LIKE 'nobody here handles %') LIMIT 1000`,
        [types],
      )
      for (const { id } of rows) await replay(tx, outbox, service, id)
      return []
    },
  }
}

export async function discard(tx: Transaction, id: string): Promise<Wish> {
  const [row] = await tx.query<{ state: State }>(
    `SELECT ${effectiveState} AS state FROM parked WHERE message_id = $1 FOR UPDATE`,
    [id],
  )
  if (!row) return 'not-found'
  if (row.state !== 'parked') return 'not-parked'
  tx.execute('DELETE FROM parked WHERE message_id = $1', [id])
  return 'done'
}
