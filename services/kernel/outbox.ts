// Events leave in the transaction that makes them true: they are rows first, messages later.
import type { Draft, Envelope } from '@shop/events/envelope'
import type { Database, Transaction } from './database.ts'
import { faultPoint } from './faults.ts'
import { type Entry, headStartMs, type Relay } from './relay.ts'

/** The database's own transactions, or those behind a gate. */
export interface Transactions {
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

/** An event that exists already, on its way to one service alone. */
export interface Resent {
  type: string
  /** The whole event as JSON. */
  json: string
  /** The service. */
  to: string
  /** How often its handling has failed there. */
  attempt: number
  delayMs: number
}

export interface Outbox {
  /**
   * Runs `work` in a transaction and stores the events it returns in the same transaction.
   * `traceparent` is the trace that the events belong to. `within`: whose transactions; the
   * database's when left out.
   */
  transaction<T>(
    traceparent: string,
    work: (tx: Transaction) => Promise<{ result: T; events: Draft[] }>,
    within?: Transactions,
  ): Promise<T>
  /** Stores an event once more, under the same id; to be followed by `wake` after the commit. */
  resend(tx: Transaction, event: Resent): void
  /** Says that there is something to publish, `delayMs` from now. */
  wake(delayMs?: number): void
}

export interface OutboxDeps {
  database: Database
  /** CloudEvents `source` of all events, as `/order`. */
  source: string
  now: () => Date
  /** Makes UUIDv7s. */
  newId: () => string
  /** Gets what was committed. Without one, any relay that looks into the table finds it at once. */
  relay?: Pick<Relay, 'carry' | 'wake'>
}

export function createOutbox(deps: OutboxDeps): Outbox {
  return {
    async transaction(traceparent, work, within = deps.database) {
      let entries: Entry[] = []
      let since = 0
      const result = await within.transaction(async (tx) => {
        const outcome = await work(tx)
        entries = outcome.events.map(toEntry(deps, traceparent))
        since = performance.now()
        if (entries.length > 0) append(tx, entries, deps.relay ? headStartMs : 0)
        faultPoint('write.before-commit')
        return outcome.result
      })
      faultPoint('write.after-commit')
      if (entries.length > 0) deps.relay?.carry(entries, since)
      return result
    },

    // A row of its own, for the relay may still hold that of the copy before.
    resend(tx, { type, json, to, attempt, delayMs }) {
      tx.execute(
        `INSERT INTO outbox (id, type, event, routing_key, attempt, not_before)
         VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 millisecond')`,
        [deps.newId(), type, json, retryKey(to), attempt, Math.round(delayMs)],
      )
    },

    wake: (delayMs) => deps.relay?.wake(delayMs),
  }
}

/** The routing key that is bound to the queue of this service alone. */
export function retryKey(service: string): string {
  return `retry.${service}`
}

function toEntry(deps: OutboxDeps, traceparent: string): (draft: Draft) => Entry {
  return ({ type, subject, data }) => {
    const id = deps.newId()
    const event: Envelope = {
      specversion: '1.0',
      id,
      source: deps.source,
      type,
      subject,
      time: deps.now().toISOString(),
      datacontenttype: 'application/json',
      traceparent,
      data,
    }
    return { row: id, id, type, routingKey: type, attempt: 0, body: JSON.stringify(event) }
  }
}

function append(tx: Transaction, entries: Entry[], delayMs: number): void {
  tx.execute(
    `INSERT INTO outbox (id, type, event, not_before)
     SELECT id, type, event, clock_timestamp() + $4 * interval '1 millisecond'
     FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) AS entry (id, type, event)`,
    [
      entries.map(({ id }) => id),
      entries.map(({ type }) => type),
      entries.map(({ body }) => body),
      delayMs,
    ],
  )
}
