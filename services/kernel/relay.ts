// The relay publishes the events of its own pod from memory, and all others from the outbox.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from './bus.ts'
import type { Database } from './database.ts'
import { faultPoint } from './faults.ts'
import type { Metrics } from './metrics.ts'
import type { Outgoing, Publication } from './publisher.ts'
import { send, type Tracer } from './spans.ts'
import type { Logger } from './telemetry.ts'

/** An event with its row in the outbox. */
export interface OutboxEntry extends Outgoing {
  row: string
  traceparent: string
}

export interface Relay {
  /**
   * Publishes events that this pod has just committed. They were written at `since`, by `performance.now()`. Events that
   * cannot be published stay in the outbox.
   */
  publish(entries: OutboxEntry[], since: number): void
  /** Makes the relay read the outbox after `delayMs`. */
  wake(delayMs?: number): void
  /** Publishes the events in memory and those that are due in the outbox. Gives up after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

export interface RelayDeps {
  database: Database
  bus: Bus
  logger: Logger
  metrics: Metrics
  tracer: Tracer
  /** How often it reads the outbox. When nothing is due, that is one small query. */
  pollMs?: number
}

/**
 * For this time, only the pod that wrote an event publishes it. After it any relay does, because the pod may have died. If
 * the pod was only slow, the event is published twice, and consumers recognize the copy by its id.
 */
export const headStartMs = 2_000
/** An event that was in memory for longer than this is published from the outbox: the pod was frozen or overloaded. */
const staleMs = headStartMs / 2
const batchSize = 100
/** The pause between batches from memory. Under load, it makes batches fewer and larger, which is cheaper. */
const pauseMs = 5
/** When there are more events in memory, new ones are published from the outbox instead. */
const maxInMemory = 1_000
/** Wake-ups within one interval of this length are combined. */
const wakeGridMs = 50

export function createRelay(deps: RelayDeps): Relay {
  const { database, bus, logger, metrics, pollMs = 1_000 } = deps
  const inMemory: { entry: OutboxEntry; since: number }[] = []
  let publishing: Promise<void> | undefined
  let sweeping: Promise<void> | undefined
  let again = false
  const delayed = new Map<number, NodeJS.Timeout>()
  let closed = false
  const canPublish = () => bus.connected() && bus.blocked() === null

  async function publishAll(): Promise<void> {
    while (inMemory.length > 0 && !closed) {
      const pause = sleep(pauseMs)
      try {
        await publishBatch(inMemory.splice(0, batchSize))
      } catch (error) {
        logger.warn({ err: error }, 'could not publish; the events stay in the outbox')
      }
      await pause
    }
    publishing = undefined
  }

  async function publishBatch(batch: typeof inMemory): Promise<void> {
    const oldest = performance.now() - staleMs
    const fresh = batch.filter(({ since }) => since > oldest)
    if (fresh.length === 0 || !canPublish()) return
    const publication = await attempt(
      deps,
      fresh.map(({ entry }) => entry),
    )
    const confirmed = new Set(publication.confirmed)
    const now = performance.now()
    for (const { entry, since } of fresh)
      if (confirmed.has(entry)) metrics.publishDelay.observe((now - since) / 1_000)
    for (const statement of statementsFor(publication)) await database.query(...statement)
  }

  function sweep(): Promise<void> {
    again = true
    sweeping ??= sweepAll().finally(() => {
      sweeping = undefined
    })
    return sweeping
  }

  async function sweepAll(): Promise<void> {
    while (again && !closed && canPublish()) {
      again = false
      try {
        if ((await publishDue(deps)) === batchSize) again = true
      } catch (error) {
        logger.warn({ err: error }, 'could not publish from the outbox; retrying')
        return
      }
    }
  }

  /** Looks without a transaction, because almost always nothing is due. */
  async function pollOutbox(): Promise<void> {
    if (sweeping || !canPublish()) return
    const due = await database
      .query('SELECT 1 FROM outbox WHERE not_before <= now() LIMIT 1')
      .catch(() => [])
    if (due.length > 0 && !closed) await sweep()
  }

  function sweepAt(dueMs: number): void {
    const tick = Math.ceil(dueMs / wakeGridMs)
    if (closed || delayed.has(tick)) return
    const wakeUp = () => {
      delayed.delete(tick)
      void sweep()
    }
    delayed.set(tick, setTimeout(wakeUp, tick * wakeGridMs - performance.now()))
  }

  const poll = setInterval(pollOutbox, pollMs)

  return {
    publish(entries, since) {
      if (inMemory.length < maxInMemory)
        inMemory.push(...entries.map((entry) => ({ entry, since })))
      publishing ??= publishAll()
    },
    wake(delayMs = 0) {
      if (delayMs > 0) return sweepAt(performance.now() + delayMs)
      void sweep()
    },
    async flush(timeoutMs) {
      const all = Promise.all([publishing, sweep()])
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())])
    },
    async close() {
      closed = true
      clearInterval(poll)
      for (const timer of delayed.values()) clearTimeout(timer)
      await Promise.all([publishing, sweeping])
    },
  }
}

const due = `SELECT id AS row, event ->> 'id' AS id, type, coalesce(routing_key, type) AS "routingKey",
    attempt, event ->> 'traceparent' AS traceparent, event::text AS body
  FROM outbox WHERE not_before <= now()
  ORDER BY not_before, position LIMIT ${batchSize} FOR UPDATE SKIP LOCKED`

/** Publishes up to `batchSize` due events. Returns how many were confirmed or refused. */
function publishDue(deps: RelayDeps): Promise<number> {
  return deps.database.transaction(async (tx) => {
    const batch = await tx.query<OutboxEntry>(due)
    if (batch.length === 0) return 0
    const publication = await attempt(deps, batch)
    for (const statement of statementsFor(publication)) tx.execute(...statement)
    return publication.confirmed.length + publication.refused.length
  })
}

async function attempt(
  { bus, logger, metrics, tracer }: RelayDeps,
  entries: OutboxEntry[],
): Promise<Publication<OutboxEntry>> {
  const spans = new Map(
    entries.map((entry) => [entry, tracer.start(entry.traceparent, () => send(entry))]),
  )
  const publication = await bus.publish(entries)
  faultPoint('relay.confirmed')
  const { confirmed, refused } = publication
  for (const entry of confirmed) spans.get(entry)?.end()
  for (const { message } of refused) spans.get(message)?.end({ failure: 'refused' })
  metrics.published.inc({ outcome: 'confirmed' }, confirmed.length)
  const [first] = refused
  if (first) {
    metrics.published.inc({ outcome: 'failed' }, refused.length)
    const { message, reason } = first
    logger.warn({ count: refused.length, type: message.type, reason }, 'events not published')
  }
  return publication
}

type Statement = [text: string, values: string[][]]

/** Deletes confirmed events. Delays refused events, so that they do not block the others. */
function statementsFor({ confirmed, refused }: Publication<OutboxEntry>): Statement[] {
  const statements: Statement[] = []
  if (confirmed.length > 0) {
    const rows = confirmed.map(({ row }) => row)
    statements.push(['DELETE FROM outbox WHERE id = ANY($1::uuid[])', [rows]])
  }
  if (refused.length > 0) {
    const rows = refused.map(({ message }) => message.row)
    const reasons = refused.map(({ reason }) => reason)
    statements.push([
      `UPDATE outbox SET attempts = attempts + 1, last_error = failure.reason, failed_at = now(),
         not_before = now() + least(30, 0.1 * 2 ^ least(attempts, 10)) * interval '1 second'
       FROM unnest($1::uuid[], $2::text[]) AS failure (id, reason)
       WHERE outbox.id = failure.id`,
      [rows, reasons],
    ])
  }
  return statements
}
