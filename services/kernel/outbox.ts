// The outbox: stores events in the transaction of the change that they are about. They are published after the commit.
import type { Draft, Envelope } from '@shop/events/envelope'
import { retryKey } from './bus.ts'
import type { Database, Transaction } from './database.ts'
import { faultPoint } from './faults.ts'
import type { Fence } from './gate.ts'
import { headStartMs, type OutboxEntry, type Relay } from './relay.ts'
import { create, type Span, type Tracer } from './spans.ts'

/** Changes the database only through `tx`, and returns the events that follow from the change. */
export type Change<T> = (tx: Transaction) => Promise<{ result: T; events: Draft[] }>

/** A copy of an event that is sent to one service only. */
export interface Copy {
  type: string
  /** The whole event as JSON. */
  json: string
  service: string
  /** How often its handling has failed there. */
  attempt: number
  delayMs: number
}

export interface Outbox {
  /**
   * Runs `change` and stores its events in one transaction, which commits only while the gate names the slot and the
   * epoch of the fence. For event handlers and scheduled jobs. The events belong to the trace `traceparent`.
   */
  commitFenced<T>(fence: Fence, traceparent: string, change: Change<T>): Promise<T>
  /** Does the same without the gate. For HTTP requests, which both slots accept. */
  commitUnfenced<T>(traceparent: string, change: Change<T>): Promise<T>
  /** Stores a copy of an event under the same id. Call `wake` after the commit. */
  resend(tx: Transaction, copy: Copy): void
  /** Makes the relay read the outbox after `delayMs`. */
  wake(delayMs?: number): void
}

export interface OutboxDeps {
  database: Database
  /** The CloudEvents `source` of all events: `/<service>`. */
  source: string
  now: () => Date
  /** Makes UUIDv7s. */
  newId: () => string
  tracer: Tracer
  /** Publishes committed events. Without it, the next relay that reads the outbox publishes them. */
  relay?: Pick<Relay, 'publish' | 'wake'>
}

export function createOutbox(deps: OutboxDeps): Outbox {
  async function commit<T>(
    database: Pick<Database, 'transaction'> | Fence,
    traceparent: string,
    change: Change<T>,
  ): Promise<T> {
    let created: { entry: OutboxEntry; span: Span }[] = []
    let entries: OutboxEntry[] = []
    let since = 0
    const result = await database.transaction(async (tx) => {
      const changed = await change(tx)
      created = changed.events.map(toEntry(deps, traceparent))
      entries = created.map(({ entry }) => entry)
      since = performance.now()
      if (entries.length > 0) append(tx, entries, deps.relay ? headStartMs : 0)
      faultPoint('write.before-commit')
      return changed.result
    })
    faultPoint('write.after-commit')
    for (const { span } of created) span.end()
    if (entries.length > 0) deps.relay?.publish(entries, since)
    return result
  }

  return {
    commitFenced: commit,
    commitUnfenced: (traceparent, change) => commit(deps.database, traceparent, change),

    // A new row, because the relay may still be publishing the row of the previous copy.
    resend(tx, { type, json, service, attempt, delayMs }) {
      tx.execute(
        `INSERT INTO outbox (id, type, event, routing_key, attempt, not_before)
         VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 millisecond')`,
        [deps.newId(), type, json, retryKey(service), attempt, Math.round(delayMs)],
      )
    },

    wake: (delayMs) => deps.relay?.wake(delayMs),
  }
}

function toEntry({ tracer, source, ...deps }: OutboxDeps, parent: string) {
  return ({ type, subject, data }: Draft): { entry: OutboxEntry; span: Span } => {
    const id = deps.newId()
    const span = tracer.start(parent, () => create({ id, type, source, subject }))
    const { traceparent } = span
    const event: Envelope = {
      specversion: '1.0',
      id,
      source,
      type,
      subject,
      time: deps.now().toISOString(),
      datacontenttype: 'application/json',
      traceparent,
      data,
    }
    const body = JSON.stringify(event)
    return { entry: { row: id, id, type, routingKey: type, attempt: 0, traceparent, body }, span }
  }
}

function append(tx: Transaction, entries: OutboxEntry[], delayMs: number): void {
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
