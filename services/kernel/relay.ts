// The relay carries rows from the outbox to the broker; the relays of all pods share the work.
import type { Bus, Outgoing } from './bus.ts'
import type { Database } from './database.ts'
import type { Logger, Metrics } from './telemetry.ts'

export interface Relay {
  /** Says that this pod has committed new events. */
  wake(): void
  /** Publishes what is left; resolves when a batch finds nothing more, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

export interface RelayDeps {
  database: Database
  bus: Bus
  logger: Logger
  metrics: Metrics
  /** Names this pod in notifications. */
  pod: string
}

const batchSize = 100
const pollMs = 1_000
/** The pod that wrote an event publishes it; the others look a little later, in case it could not. */
const othersWaitMs = 100
const channel = 'outbox'

export function createRelay(deps: RelayDeps): Relay {
  let running: Promise<void> | undefined
  let again = false
  let helping: NodeJS.Timeout | undefined
  let notifying: NodeJS.Timeout | undefined
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
      again = false
      try {
        if ((await publishBatch(deps)) === batchSize) again = true
      } catch (error) {
        deps.logger.warn({ err: error }, 'the relay will try again')
        return
      }
    }
  }

  /**
   * NOTIFY stands outside of the transactions on purpose: a commit that notifies holds a lock of
   * the whole server until it is on disk, which measured 4,500 → 1,100 commits per second.
   */
  function notifyOthers(): void {
    notifying ??= setTimeout(() => {
      notifying = undefined
      deps.database.query('SELECT pg_notify($1, $2)', [channel, deps.pod]).catch((error) => {
        deps.logger.debug({ err: error }, 'cannot notify the other relays; they poll')
      })
    }, othersWaitMs)
  }

  const poll = setInterval(run, pollMs)
  const listening = deps.database.listen(channel, (pod) => {
    if (pod === deps.pod) return
    helping ??= setTimeout(() => {
      helping = undefined
      void run()
    }, othersWaitMs)
  })

  return {
    wake() {
      void run()
      notifyOthers()
    },
    async flush(timeoutMs) {
      await Promise.race([run(), new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())])
    },
    async close() {
      closed = true
      clearInterval(poll)
      clearTimeout(helping)
      clearTimeout(notifying)
      await Promise.all([listening.close(), running])
    },
  }
}

/** Publishes up to `batchSize` events and returns how many it found. */
async function publishBatch({ database, bus, logger, metrics }: RelayDeps): Promise<number> {
  return database.transaction(async (tx) => {
    const batch = await tx.query<Outgoing>(
      `SELECT id, type, event::text AS body FROM outbox
       WHERE not_before <= now() ORDER BY position LIMIT ${batchSize} FOR UPDATE SKIP LOCKED`,
    )
    if (batch.length === 0) return 0
    const failures = await bus.publish(batch)
    const confirmed = batch.filter((message) => !failures.has(message.id))
    metrics.published.inc({ outcome: 'confirmed' }, confirmed.length)
    if (confirmed.length > 0) {
      await tx.query('DELETE FROM outbox WHERE id = ANY($1::uuid[])', [confirmed.map((m) => m.id)])
    }
    if (failures.size > 0) {
      metrics.published.inc({ outcome: 'failed' }, failures.size)
      logger.warn({ failures: Object.fromEntries(failures) }, 'events not published')
      // They step back, so that a hundred unroutable events cannot stop all others.
      await tx.query(
        `UPDATE outbox SET attempts = attempts + 1,
           not_before = now() + least(30, 0.1 * 2 ^ least(attempts, 10)) * interval '1 second'
         WHERE id = ANY($1::uuid[])`,
        [[...failures.keys()]],
      )
    }
    return batch.length
  })
}
