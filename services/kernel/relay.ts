// The relay carries rows from the outbox to the broker; the relays of all pods share the work.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Outgoing, Publication } from './bus.ts'
import type { Database, Transaction } from './database.ts'
import { faultPoint } from './faults.ts'
import type { Logger, Metrics } from './telemetry.ts'

export interface Relay {
  /** Says that this pod has committed new events, which are due in `delayMs`. */
  wake(delayMs?: number): void
  /** Publishes what is left; resolves when a batch finds nothing more, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

export interface RelayDeps {
  database: Database
  bus: Bus
  logger: Logger
  metrics: Metrics
  /** How often it looks for what another pod could not publish; a look that finds nothing is one small query. */
  pollMs?: number
}

const batchSize = 100
/** Under load, a batch waits this long for company: many small ones cost the database and us more. */
const restMs = 5
/** Wake-ups that are closer together than this are one. */
const wakeGridMs = 50

export function createRelay(deps: RelayDeps): Relay {
  const { pollMs = 1_000 } = deps
  let running: Promise<void> | undefined
  let again = false
  let full = false
  let started = Number.NEGATIVE_INFINITY
  const delayed = new Map<number, NodeJS.Timeout>()
  let closed = false

  function run(): Promise<void> {
    again = true
    running ??= drain().finally(() => {
      running = undefined
    })
    return running
  }

  async function drain(): Promise<void> {
    while (again && !closed && deps.bus.connected()) {
      const rest = full ? 0 : started + restMs - performance.now()
      if (rest > 0) await sleep(rest)
      again = false
      started = performance.now()
      try {
        full = (await publishBatch(deps)) === batchSize
        if (full) again = true
      } catch (error) {
        deps.logger.warn({ err: error }, 'the relay will try again')
        return
      }
    }
  }

  /** Without a transaction, since nearly always there is nothing. */
  async function look(): Promise<void> {
    if (running || !deps.bus.connected()) return
    const due = await deps.database
      .query('SELECT 1 FROM outbox WHERE not_before <= now() LIMIT 1')
      .catch(() => [])
    if (due.length > 0 && !closed) await run()
  }

  function runAt(dueMs: number): void {
    const tick = Math.ceil(dueMs / wakeGridMs)
    if (closed || delayed.has(tick)) return
    const wakeUp = () => {
      delayed.delete(tick)
      void run()
    }
    delayed.set(tick, setTimeout(wakeUp, tick * wakeGridMs - performance.now()))
  }

  const poll = setInterval(look, pollMs)

  return {
    wake(delayMs = 0) {
      if (delayMs > 0) return runAt(performance.now() + delayMs)
      void run()
    },
    async flush(timeoutMs) {
      await Promise.race([run(), new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())])
    },
    async close() {
      closed = true
      clearInterval(poll)
      for (const timer of delayed.values()) clearTimeout(timer)
      await running
    },
  }
}

type Row = Outgoing & { position: string }

const due = `SELECT position, event ->> 'id' AS id, type, coalesce(routing_key, type) AS "routingKey",
    attempt, event::text AS body
  FROM outbox WHERE not_before <= now()
  ORDER BY not_before, position LIMIT ${batchSize} FOR UPDATE SKIP LOCKED`

/** Publishes up to `batchSize` events and returns how many the broker has answered for. */
function publishBatch({ database, bus, logger, metrics }: RelayDeps): Promise<number> {
  return database.transaction(async (tx) => {
    const batch = await tx.query<Row>(due)
    if (batch.length === 0) return 0
    const { confirmed, refused } = await bus.publish(batch)
    faultPoint('relay.confirmed')
    metrics.published.inc({ outcome: 'confirmed' }, confirmed.length)
    if (confirmed.length > 0) remove(tx, confirmed)
    const [first] = refused
    if (first) {
      metrics.published.inc({ outcome: 'failed' }, refused.length)
      const { message, reason } = first
      logger.warn({ count: refused.length, type: message.type, reason }, 'events not published')
      stepBack(tx, refused)
    }
    return confirmed.length + refused.length
  })
}

function remove(tx: Transaction, confirmed: Outgoing[]): void {
  tx.execute('DELETE FROM outbox WHERE position = ANY($1::bigint[])', [positionsOf(confirmed)])
}

/** So that a hundred unroutable events cannot stop all others. */
function stepBack(tx: Transaction, refused: Publication['refused']): void {
  tx.execute(
    `UPDATE outbox SET attempts = attempts + 1, last_error = failure.reason, failed_at = now(),
       not_before = now() + least(30, 0.1 * 2 ^ least(attempts, 10)) * interval '1 second'
     FROM unnest($1::bigint[], $2::text[]) AS failure (row, reason)
     WHERE position = failure.row`,
    [positionsOf(refused.map(({ message }) => message)), refused.map(({ reason }) => reason)],
  )
}

const positionsOf = (messages: Outgoing[]) => messages.map((message) => (message as Row).position)
