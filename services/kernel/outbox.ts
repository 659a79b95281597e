// Events leave in the transaction that makes them true: they are rows first, messages later.
import type { Draft, Envelope } from '@shop/events/envelope'
import type { Database, Transaction } from './database.ts'

export interface Outbox {
  /**
   * Runs `work` in a transaction and stores the events it returns in the same transaction.
   * `traceparent` is the trace that the events belong to.
   */
  transaction<T>(
    traceparent: string,
    work: (tx: Transaction) => Promise<{ result: T; events: Draft[] }>,
  ): Promise<T>
}

export interface OutboxDeps {
  database: Database
  /** CloudEvents `source` of all events, as `/order`. */
  source: string
  now: () => Date
  /** Makes UUIDv7s. */
  newId: () => string
  /** Called after each commit that left events behind. */
  onCommitted: () => void
}

export function createOutbox(deps: OutboxDeps): Outbox {
  return {
    async transaction(traceparent, work) {
      let count = 0
      const result = await deps.database.transaction(async (tx) => {
        const outcome = await work(tx)
        count = outcome.events.length
        if (count > 0) await append(tx, outcome.events.map(toEnvelope(deps, traceparent)))
        return outcome.result
      })
      if (count > 0) deps.onCommitted()
      return result
    },
  }
}

function toEnvelope(deps: OutboxDeps, traceparent: string): (draft: Draft) => Envelope {
  return (draft) => ({
    specversion: '1.0',
    id: deps.newId(),
    source: deps.source,
    type: draft.type,
    subject: draft.subject,
    time: deps.now().toISOString(),
    datacontenttype: 'application/json',
    traceparent,
    data: draft.data,
  })
}

async function append(tx: Transaction, events: Envelope[]): Promise<void> {
  await tx.query(
    `INSERT INTO outbox (id, type, event)
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[])`,
    [
      events.map((event) => event.id),
      events.map((event) => event.type),
      events.map((event) => JSON.stringify(event)),
    ],
  )
}
