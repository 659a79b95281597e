// Messages whose handling has failed. They are retried for a while, and then parked until a user replays or discards them.
import { createHash } from 'node:crypto'
import { type Draft, type Envelope, envelope, subjectName } from '@shop/events/envelope'
import type { Queries, Transaction } from './database.ts'
import { maskText } from './masking.ts'
import type { Outbox } from './outbox.ts'
import type { ScheduledJob } from './schedule.ts'
import { traceIdOf } from './telemetry.ts'

export type State = 'parked' | 'retrying' | 'unroutable'

/** A message that could not be delivered or handled. */
export interface StuckMessage {
  id: string
  /** Type, subject and source are null when the body is not an event. */
  type: string | null
  subject: string | null
  source: string | null
  /** `unroutable`: the message is still in the outbox, because the broker does not accept it. */
  state: State
  attempts: number
  reason: string
  firstFailedAt: Date
  lastFailedAt: Date
}

/** The body of a message, with the event when it is one. */
export type ParsedBody =
  | { id: string; event: Envelope; json: string }
  | { id: string; event: null; problem: string }

/** When the body is not an event, its id is a hash of its bytes, so that each delivery has the same id. */
export function parseBody(body: Buffer): ParsedBody {
  const notAnEvent = (problem: string) => ({ id: hashId(body), event: null, problem })
  const json = body.toString()
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return notAnEvent('not an event: not JSON')
  }
  const read = envelope.safeParse(parsed)
  if (read.success) return { id: read.data.id, event: read.data, json }
  const fields = read.error.issues.map(({ path }) => path.join('.') || 'all of it')
  return notAnEvent(`not an event: ${fields.join(', ')}`)
}

/** A UUID of version 8, whose bits may have any meaning. */
function hashId(body: Buffer): string {
  const hex = createHash('sha256').update(body).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

/** The message with another trace context for what follows from it. */
export function within(message: ParsedBody, traceparent: string): ParsedBody {
  return message.event ? { ...message, event: { ...message.event, traceparent } } : message
}

/** What log lines say of a message. Anybody may have sent it. */
export function named({ id, event }: ParsedBody): object {
  if (!event) return { messageId: id }
  const { type, subject, traceparent } = event
  return {
    messageId: id,
    type: maskText(type),
    [subjectName]: maskText(subject),
    traceId: traceIdOf(traceparent),
  }
}

/**
 * `unhandled`: this version does not handle the type of the event, but a later version may. `waiting`: for another system;
 * it is shown as retrying, since that happens by itself.
 */
export type Cause = 'unhandled' | 'waiting' | 'other'

export interface Failure {
  /** The consumer whose inbox has the message once it is handled. */
  consumer: string
  message: ParsedBody
  body: Buffer
  /** Failed attempts before this delivery, counted by its publisher. */
  attempt: number
  /** Failed attempts, including this one. */
  attempts: number
  state: 'retrying' | 'parked'
  /** `other` unless given. */
  cause?: Cause
  reason: string
}

/**
 * Stores a failure. Returns false and stores nothing when another copy of the message was handled or parked, or has failed
 * more often. Therefore a message that is delivered twice is not retried twice.
 */
export async function recordFailure(tx: Transaction, failure: Failure): Promise<boolean> {
  const { message, cause = 'other' } = failure
  const { type = null, subject = null, source = null } = message.event ?? {}
  const rows = await tx.query(
    `INSERT INTO parked AS known
       (message_id, state, attempts, reason, type, subject, source, body, cause)
     SELECT $1::uuid, $2, $3::int, $4, $5, $6, $7, $8::bytea, $11
     WHERE NOT EXISTS (SELECT FROM inbox WHERE consumer = $9 AND message_id = $1)
       AND ($10::int = 0 OR EXISTS (SELECT FROM parked WHERE message_id = $1))
     ON CONFLICT (message_id) DO UPDATE SET state = EXCLUDED.state, attempts = EXCLUDED.attempts,
       reason = EXCLUDED.reason, cause = EXCLUDED.cause, last_failed_at = now()
     WHERE known.state = 'retrying' AND known.attempts = $10
     RETURNING message_id`,
    [
      message.id,
      failure.state,
      failure.attempts,
      storable(failure.reason).slice(0, 1_000),
      ...[type, subject, source].map((text) => text && storable(text)),
      failure.body,
      failure.consumer,
      failure.attempt,
      cause,
    ],
  )
  return rows.length > 0
}

/** Postgres text cannot contain a zero byte. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD')
}

/** A retry whose copy is lost, for example because the broker has lost its data, counts as parked after 5 minutes. */
const effectiveState = `CASE WHEN state = 'parked' AND cause = 'waiting' THEN 'retrying' WHEN state = 'retrying' AND last_failed_at < now() - interval '5 minutes'
    AND NOT EXISTS (SELECT FROM outbox WHERE event ->> 'id' = parked.message_id::text)
  THEN 'parked' ELSE state END`

const parkedColumns = `message_id AS id, type, subject, source, ${effectiveState} AS state, attempts, reason,
  first_failed_at AS "firstFailedAt", last_failed_at AS "lastFailedAt"`
const unroutableColumns = `(event ->> 'id')::uuid AS id, type, event ->> 'subject' AS subject,
  event ->> 'source' AS source, 'unroutable' AS state, attempts,
  coalesce(last_error, 'not published') AS reason,
  created_at AS "firstFailedAt", coalesce(failed_at, created_at) AS "lastFailedAt"`

/** Ordered by the time of the first failure. */
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

/** `cannot-replay`: the message is not an event, or Postgres cannot store it in the outbox. */
export type ActionResult = 'done' | 'not-found' | 'not-parked' | 'cannot-replay'

/** Sends a parked message to its queue again, as if it had never failed. Call `outbox.wake` after the commit. */
export async function replay(
  tx: Transaction,
  outbox: Outbox,
  service: string,
  id: string,
): Promise<ActionResult> {
  const [row] = await tx.query<{ state: State; body: Buffer }>(
    `SELECT ${effectiveState} AS state, body FROM parked WHERE message_id = $1 FOR UPDATE`,
    [id],
  )
  if (!row) return 'not-found'
  if (row.state !== 'parked') return 'not-parked'
  const message = parseBody(row.body)
  if (!message.event || !(await isStorable(tx, message.json))) return 'cannot-replay'
  tx.execute(
    `UPDATE parked SET state = 'retrying', attempts = 0, postponed_at = NULL WHERE message_id = $1`,
    [id],
  )
  const { type } = message.event
  outbox.resend(tx, { type, json: message.json, service, attempt: 0, delayMs: 0 })
  return 'done'
}

/** False when Postgres cannot store the JSON, for example because it contains \u0000. */
async function isStorable(tx: Transaction, json: string): Promise<boolean> {
  const [row] = await tx.query<{ valid: boolean }>(
    `SELECT pg_input_is_valid($1, 'jsonb') AS valid`,
    [json],
  )
  return row?.valid ?? false
}

/** A run holds the lock of the gate, so it must be short. The next run replays the next messages. */
const replayBatch = 100

/**
 * Replays messages of `types` that an earlier version parked because it did not handle them. Deploying this version bound
 * the queue to the new types, but the earlier version consumed the queue until the switch.
 */
export function replayUnhandled(outbox: Outbox, service: string, types: string[]): ScheduledJob {
  return {
    name: 'replay-unhandled',
    everyMs: 5_000,
    async run(tx: Transaction): Promise<Draft[]> {
      const rows = await tx.query<{ id: string }>(
        `SELECT message_id AS id FROM parked WHERE state = 'parked' AND type = ANY($1::text[])
         AND (cause = 'unhandled' OR cause IS NULL) ORDER BY first_failed_at LIMIT ${replayBatch}`,
        [types],
      )
      for (const { id } of rows) {
        if ((await replay(tx, outbox, service, id)) === 'done') continue
        // It can never be replayed, so the next run must not select it again.
        tx.execute(`UPDATE parked SET cause = 'other' WHERE message_id = $1`, [id])
      }
      return []
    },
  }
}

export async function discard(tx: Transaction, id: string): Promise<ActionResult> {
  const [row] = await tx.query<{ state: State }>(
    `SELECT ${effectiveState} AS state FROM parked WHERE message_id = $1 FOR UPDATE`,
    [id],
  )
  if (!row) return 'not-found'
  if (row.state !== 'parked') return 'not-parked'
  tx.execute('DELETE FROM parked WHERE message_id = $1', [id])
  return 'done'
}

/** Deletes and counts messages that have been parked for this long. They may contain personal data. */
export function parkedPruning(days: number): ScheduledJob {
  return {
    name: 'parked-pruning',
    everyMs: 60_000,
    async run(tx) {
      tx.execute(
        `WITH gone AS (
           DELETE FROM parked WHERE message_id IN (
             SELECT message_id FROM parked
             WHERE ${effectiveState} = 'parked' AND last_failed_at < now() - make_interval(days => $1)
             ORDER BY last_failed_at LIMIT 1000
           ) RETURNING message_id
         )
         UPDATE parked_history SET expired = expired + (SELECT count(*) FROM gone)
         WHERE EXISTS (SELECT FROM gone)`,
        [days],
      )
      return []
    },
  }
}
