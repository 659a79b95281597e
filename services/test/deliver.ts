// Passes events to a service's handlers, like the consumer but without a broker.
import type { Envelope } from '@shop/events/envelope'
import type { Database } from '@shop/kernel/database'
import type { Subscription } from '@shop/kernel/inbox'
import { openFence, openOutbox } from './infrastructure.ts'

/** Delivers an event, and returns the events that are in the outbox afterwards. */
export function deliverTo(database: Database, subscriptions: Subscription[]) {
  const inbox = { consumer: 'test', outbox: openOutbox(database), fence: openFence(database) }
  return async (event: Envelope): Promise<Envelope[]> => {
    const subscription = subscriptions.find(({ type }) => type === event.type)
    await subscription?.receive(event, inbox)
    return takeOutbox(database)
  }
}

/** Deletes the events in the outbox, and returns them. */
export async function takeOutbox(database: Database): Promise<Envelope[]> {
  const rows = await database.query<{ event: Envelope }>('DELETE FROM outbox RETURNING event')
  return rows.map(({ event }) => event)
}
