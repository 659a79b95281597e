// Each event has its effect once: the inbox row, the effects and the events that follow commit together.
import type { Contract, Draft, Envelope } from '@shop/events/envelope'
import type { Transaction } from './database.ts'
import type { Outbox } from './outbox.ts'
import { continueTrace } from './telemetry.ts'

export type Outcome = 'handled' | 'duplicate'

/** What a service does about one type of event. */
export interface Subscription {
  readonly type: string
  receive(event: Envelope, inbox: InboxDeps): Promise<Outcome>
}

export interface InboxDeps {
  /** Deliveries are remembered per consumer and event id. */
  consumer: string
  outbox: Outbox
}

export interface Behaviour<Data, Prepared> {
  /**
   * Talks to the outside world before the transaction begins, and may run more than once per
   * event: it has to leave a trace of its own that makes a repetition harmless.
   */
  prepare?: (event: Envelope<Data>) => Promise<Prepared>
  /** Has the effects, by `tx` alone, and returns the events that follow from them. */
  handle: (tx: Transaction, event: Envelope<Data>, prepared: Prepared) => Promise<Draft[]>
}

export function on<Data, Prepared = undefined>(
  contract: Contract<Data>,
  behaviour: Behaviour<Data, Prepared>,
): Subscription {
  return {
    type: contract.type,
    async receive(raw, { consumer, outbox }) {
      const event = { ...raw, data: contract.data.parse(raw.data) }
      const prepared = (await behaviour.prepare?.(event)) as Prepared
      return outbox.transaction<Outcome>(continueTrace(event.traceparent), async (tx) => {
        if (!(await isFirst(tx, consumer, event.id))) return { result: 'duplicate', events: [] }
        return { result: 'handled', events: await behaviour.handle(tx, event, prepared) }
      })
    },
  }
}

/** A concurrent delivery of the same event waits here until the other transaction has ended. */
async function isFirst(tx: Transaction, consumer: string, messageId: string): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)
     ON CONFLICT DO NOTHING RETURNING message_id`,
    [consumer, messageId],
  )
  return rows.length === 1
}
