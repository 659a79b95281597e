// The relay carries events to the broker: those of its own pod from memory, and what is left in the outbox from there.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Outgoing, Publication } from './bus.ts'
import type { Database } from './database.ts'
import { faultPoint } from './faults.ts'
import type { Logger, Metrics } from './telemetry.ts'

/** An event, and its row in the outbox. */
export interface Entry extends Outgoing {
  row: string
}

export interface Relay {
  /**
   * Publishes what this pod has just committed and wrote at `since`, by `performance.now()`. What it cannot publish
   * stays in the outbox.
   */
  carry(entries: Entry[], since: number): void
  /** Says that something in the outbox is due in `delayMs`, whoever wrote it. */
  wake(delayMs?: number): void
  /** Resolves when it has published what it carries and what is due in the outbox, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

export interface RelayDeps {
  database: Database
  bus: Bus
  logger: Logger
  metrics: Metrics
  /** How often it looks into the outbox; a look that finds nothing is one small query. */
  pollMs?: number
}

/**
 * For so long an event is left to the pod that wrote it. Then any relay takes it from the outbox, for that pod may have
 * died; one that is only slow publishes it a second time, and the consumers know it by its id.
 */
export const headStartMs = 2_000
/** What the pod itself could not begin with in this time, frozen or overloaded, it leaves to the outbox. */
const staleMs = headStartMs / 2
const batchSize = 100
/** Under load, a batch waits this long for company: many small ones cost the database and us more. */
const restMs = 5
/** More are left to the outbox, where they do not cost memory. */
const maxFresh = 1_000
/** Wake-ups that are closer together than this are one. */
const wakeGridMs = 50

export function createRelay(deps: RelayDeps): Relay {
  const { database, bus, logger, pollMs = 1_000 } = deps
  const fresh: { entry: Entry; since: number }[] = []
  let carrying: Promise<void> | undefined
  let sweeping: Promise<void> | undefined
  let again = false
  const delayed = new Map<number, NodeJS.Timeout>()
  let closed = false

  async function carryAll(): Promise<void> {
    while (fresh.length > 0 && !closed) {
      const rest = sleep(restMs)
      try {
        await publish(fresh.splice(0, batchSize))
      } catch (error) {
        logger.warn({ err: error }, 'left in the outbox for now')
      }
      await rest
    }
    carrying = undefined
  }

  async function publish(batch: typeof fresh): Promise<void> {
    const oldest = performance.now() - staleMs
    const entries = batch.filter(({ since }) => since > oldest).map(({ entry }) => entry)
    if (entries.length === 0 || !bus.connected()) return
    for (const statement of statementsFor(await attempt(deps, entries))) {
      await database.query(...statement)
    }
  }

  function sweep(): Promise<void> {
    again = true
    sweeping ??= sweepAll().finally(() => {
      sweeping = undefined
    })
    return sweeping
  }

  async function sweepAll(): Promise<void> {
    while (again && !closed && bus.connected()) {
      again = false
      try {
        if ((await publishDue(deps)) === batchSize) again = true
      } catch (error) {
        logger.warn({ err: error }, 'the relay will try again')
        return
      }
    }
  }

  /** Without a transaction, since nearly always there is nothing. */
  async function look(): Promise<void> {
    if (sweeping || !bus.connected()) return
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

  const poll = setInterval(look, pollMs)

  return {
    carry(entries, since) {
      if (fresh.length < maxFresh) fresh.push(...entries.map((entry) => ({ entry, since })))
      carrying ??= carryAll()
    },
    wake(delayMs = 0) {
      if (delayMs > 0) return sweepAt(performance.now() + delayMs)
      void sweep()
    },
    async flush(timeoutMs) {
      const all = Promise.all([carrying, sweep()])
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())])
    },
    async close() {
      closed = true
      clearInterval(poll)
      for (const timer of delayed.values()) clearTimeout(timer)
      await Promise.all([carrying, sweeping])
    },
  }
}

const due = `SELECT id AS row, event ->> 'id' AS id, type, coalesce(routing_key, type) AS "routingKey",
    attempt, event::text AS body
  FROM outbox WHERE not_before <= now()
  ORDER BY not_before, position LIMIT ${batchSize} FOR UPDATE SKIP LOCKED`

/** Publishes what is due, up to `batchSize` events, and returns how many the broker has answered for. */
function publishDue(deps: RelayDeps): Promise<number> {
  return deps.database.transaction(async (tx) => {
    const batch = await tx.query<Entry>(due)
    if (batch.length === 0) return 0
    const publication = await attempt(deps, batch)
    for (const statement of statementsFor(publication)) tx.execute(...statement)
    return publication.confirmed.length + publication.refused.length
  })
}

async function attempt(
  { bus, logger, metrics }: RelayDeps,
  entries: Entry[],
): Promise<Publication<Entry>> {
  const publication = await bus.publish(entries)
  faultPoint('relay.confirmed')
  const { confirmed, refused } = publication
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

/** Takes what is confirmed out of the outbox; what was refused steps back, so that it cannot stop all others. */
function statementsFor({ confirmed, refused }: Publication<Entry>): Statement[] {
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
