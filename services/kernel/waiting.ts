// Messages that wait for another system. It is nobody's attempt: they wait in the database, over restarts and switches. Each
// pause is longer than the one before. At its end one message tries the system, and if that succeeds, all others follow.
import type { Draft } from '@shop/events/envelope'
import type { Queries, Transaction } from './database.ts'
import type { Subscription } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import type { Failure } from './parking.ts'
import type { ScheduledJob } from './schedule.ts'
import type { Logger } from './telemetry.ts'

/** `probe`: the message is the one that tries whether the system is back. */
export type Access = 'free' | 'paused' | 'probe'

const longestPauseMs = 30_000
/** A Retry-After is obeyed up to this time, and until a switch, which may bring what was missing. */
const longestRetryAfterMs = 3_600_000
/** A probe that has no outcome after this time is lost, and another message tries. */
const probeMs = 60_000
/** The longest wait of a message that waits by itself, and when it is given up and parked. */
const longestWaitMs = 900_000
const givenUpAfterMs = 24 * 3_600_000
/**
 * So many released messages are in the queue at most, so that a long backlog does not delay new messages, and a slow
 * service is not given more than it handles.
 */
const mostReleased = 100
/** A copy that has no outcome after this time counts as lost, as for other retries. */
const lostAfter = `interval '5 minutes'`

/** Between 75 % and 125 %, so that pods do not act at the same moment. */
function jitter(): number {
  return 0.75 + Math.random() / 2
}

export async function accessTo(
  db: Queries,
  dependency: string,
  messageId: string,
): Promise<Access> {
  const [pause] = await db.query<{ isProbe: boolean }>(
    'SELECT probe IS NOT DISTINCT FROM $2 AS "isProbe" FROM pauses WHERE dependency = $1',
    [dependency, messageId],
  )
  if (!pause) return 'free'
  return pause.isProbe ? 'probe' : 'paused'
}

export interface Pause {
  dependency: string
  /** The message whose handler has failed. */
  messageId: string
  reason: string
  retryAfterMs: number
  /** The length of the first pause. */
  baseMs: number
}

/**
 * Begins a pause, or a longer one when its probe has failed, and returns the number of failures so far. Another message
 * that fails meanwhile changes nothing: null.
 */
export async function pause(tx: Transaction, begun: Pause): Promise<number | null> {
  const [row] = await tx.query<{ failures: number }>(
    `INSERT INTO pauses AS known (dependency, reason, epoch, until)
     SELECT $1, $2, epoch, now() + greatest($4::float8, $5::float8 * $6::float8) * interval '1 millisecond'
     FROM release_gate
     ON CONFLICT (dependency) DO UPDATE SET
       reason = EXCLUDED.reason, epoch = EXCLUDED.epoch, failures = known.failures + 1, probe = NULL,
       until = now() + greatest($4::float8,
         least($7::float8, $5::float8 * 2 ^ least(known.failures, 20)) * $6::float8
       ) * interval '1 millisecond'
     WHERE known.probe = $3
     RETURNING failures`,
    [
      begun.dependency,
      begun.reason,
      begun.messageId,
      Math.min(begun.retryAfterMs, longestRetryAfterMs),
      begun.baseMs,
      jitter(),
      longestPauseMs,
    ],
  )
  return row?.failures ?? null
}

/** The probe does not call the system after all, so the next message tries it. */
export function passProbe(db: Queries, dependency: string, probe: string): Promise<unknown[]> {
  return db.query(
    'UPDATE pauses SET probe = NULL, until = now() WHERE dependency = $1 AND probe = $2',
    [dependency, probe],
  )
}

function typesNeeding(subscriptions: readonly Subscription[], dependency: string): string[] {
  return subscriptions.filter(({ needs }) => needs === dependency).map(({ type }) => type)
}

/** A long time in which the system was away does not count for messages that wait by themselves. */
export function forgetOutage(
  db: Queries,
  dependency: string,
  subscriptions: readonly Subscription[],
): Promise<unknown[]> {
  return db.query(
    `UPDATE parked SET postponed_at = NULL
     WHERE postponed_at IS NOT NULL AND cause = 'waiting' AND type = ANY($1::text[])
     AND EXISTS (SELECT FROM pauses WHERE dependency = $2 AND began_at < now() - interval '1 hour')`,
    [typesNeeding(subscriptions, dependency), dependency],
  )
}

/** Called when a probe had any outcome: the system has answered. */
export function resume(db: Queries, dependency: string, probe: string): Promise<unknown[]> {
  return db.query('DELETE FROM pauses WHERE dependency = $1 AND probe = $2', [dependency, probe])
}

/**
 * Stores a message that waits; `alone` when it waits by itself, each time longer, and is given up after a day. Stores
 * nothing when another copy waits already, was handled or parked, or has failed more often.
 */
export async function recordWaiting(
  tx: Transaction,
  { consumer, message, body, attempt, reason }: Omit<Failure, 'state' | 'attempts' | 'cause'>,
  { alone, baseMs }: { alone: boolean; baseMs: number },
): Promise<'waiting' | 'given up' | null> {
  if (!message.event) throw new Error('only an event can wait')
  const { type, subject, source } = message.event
  // Fails when the event could not be stored in the outbox later.
  tx.execute('SELECT $1::jsonb', [message.json])
  const [row] = await tx.query<{ cause: string }>(
    `INSERT INTO parked AS known (message_id, state, attempts, reason, type, subject, source, body, cause,
       not_before, postponed_at)
     SELECT $1::uuid, 'parked', $2::int, $3, $4, $5, $6, $7::bytea, 'waiting',
       CASE WHEN $9 THEN now() + $10::float8 * interval '1 millisecond' END, CASE WHEN $9 THEN now() END
     WHERE NOT EXISTS (SELECT FROM inbox WHERE consumer = $8 AND message_id = $1)
       AND ($2 = 0 OR EXISTS (SELECT FROM parked WHERE message_id = $1))
     ON CONFLICT (message_id) DO UPDATE SET state = 'parked', reason = EXCLUDED.reason, last_failed_at = now(),
       cause = CASE WHEN $9 AND known.postponed_at < now() - $11::float8 * interval '1 millisecond'
         THEN 'other' ELSE 'waiting' END,
       not_before = CASE WHEN $9 THEN now() + least($12::float8,
         greatest($10::float8, extract(epoch FROM now() - known.postponed_at) * 1000)
       ) * $13::float8 * interval '1 millisecond' END,
       postponed_at = coalesce(known.postponed_at, EXCLUDED.postponed_at)
     WHERE known.state = 'retrying' AND known.attempts = $2
     RETURNING cause`,
    [
      message.id,
      attempt,
      reason.slice(0, 1_000),
      type,
      subject,
      source,
      body,
      consumer,
      alone,
      baseMs,
      givenUpAfterMs,
      longestWaitMs,
      jitter(),
    ],
  )
  if (!row) return null
  return row.cause === 'waiting' ? 'waiting' : 'given up'
}

export interface Waiting {
  messages: number
  /** When the oldest of them arrived, or null. */
  oldestAt: Date | null
  /** Systems that are away, since when and why. */
  away: { dependency: string; since: string; reason: string }[]
}

export async function readWaiting(db: Queries): Promise<Waiting> {
  const [row] = await db.query<Waiting>(
    `SELECT count(*)::int AS messages, min(first_failed_at) AS "oldestAt",
       (SELECT coalesce(json_agg(json_build_object('dependency', dependency, 'since', began_at,
          'reason', reason) ORDER BY dependency), '[]') FROM pauses) AS away
     FROM parked WHERE state = 'parked' AND cause = 'waiting'`,
  )
  return row ?? { messages: 0, oldestAt: null, away: [] }
}

interface Due {
  id: string
  type: string
  attempts: number
  body: Buffer
}

/** Sends waiting messages to their queue again: those that are due, and one as the probe of a system whose pause is over. */
export function releaseWaiting(
  outbox: Outbox,
  service: string,
  subscriptions: readonly Subscription[],
  logger: Logger,
): ScheduledJob {
  function send(tx: Transaction, { id, type, attempts, body }: Due): void {
    // The time counts for the search for lost retries.
    tx.execute(
      `UPDATE parked SET state = 'retrying', last_failed_at = now() WHERE message_id = $1`,
      [id],
    )
    const json = body.toString()
    outbox.resend(tx, { type, json, service, attempt: attempts, delayMs: 0 })
  }

  async function probe(tx: Transaction, dependency: string): Promise<void> {
    const [first] = await tx.query<Due>(
      `SELECT ${due} AND type = ANY($1::text[]) ORDER BY first_failed_at LIMIT 1`,
      [typesNeeding(subscriptions, dependency)],
    )
    await forgetOutage(tx, dependency, subscriptions)
    // Nothing waits for it any more, so the next message tries it.
    if (!first) return tx.execute('DELETE FROM pauses WHERE dependency = $1', [dependency])
    send(tx, first)
    tx.execute(
      `UPDATE pauses SET probe = $2, until = now() + $3::float8 * interval '1 millisecond'
       WHERE dependency = $1`,
      [dependency, first.id, probeMs],
    )
    logger.info({ dependency, messageId: first.id }, 'a message tries whether it is back')
  }

  return {
    name: 'release-waiting',
    everyMs: 1_000,
    async run(tx): Promise<Draft[]> {
      const pauses = await tx.query<{ dependency: string; isOver: boolean }>(
        `SELECT dependency, until <= now() OR probe IS NULL AND epoch IS DISTINCT FROM
           (SELECT epoch FROM release_gate) AS "isOver" FROM pauses FOR UPDATE`,
      )
      const paused = pauses.flatMap(({ dependency }) => typesNeeding(subscriptions, dependency))
      const rows = await tx.query<Due>(
        `SELECT ${due} AND type <> ALL($1::text[]) AND (not_before IS NULL OR not_before <= now())
         ORDER BY first_failed_at LIMIT (${free})`,
        [paused],
      )
      for (const row of rows) send(tx, row)
      for (const { dependency, isOver } of pauses) if (isOver) await probe(tx, dependency)
      if (rows.length > 0 || pauses.some(({ isOver }) => isOver)) outbox.wake(afterCommitMs)
      return []
    },
  }
}

const due = `message_id AS id, type, attempts, body FROM parked WHERE state = 'parked' AND cause = 'waiting'`
const free = `SELECT greatest(0, ${mostReleased} - count(*)) FROM parked
  WHERE state = 'retrying' AND cause = 'waiting' AND last_failed_at > now() - ${lostAfter}`
/** Time for the commit. If it takes longer, the relay finds the messages when it next reads the outbox. */
const afterCommitMs = 50
