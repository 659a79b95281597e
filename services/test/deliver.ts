// Hands events to a service's handlers as the consumer would, without a broker in between.
import type { Envelope } from '@shop/events/envelope'
import type { Database } from '@shop/kernel/database'
import type { Subscription } from '@shop/kernel/inbox'
import { openFence, openOutbox } from './infrastructure.ts'

/** Delivers an event and resolves to the events that the service wants to tell since the last time. */
export function deliverTo(database: Database, subscriptions: Subscription[]) {
  const inbox = { consumer: 'test', outbox: openOutbox(database), fence: openFence(database) }
  return async (event: Envelope): Promise<Envelope[]> => {
    const subscription = subscriptions.find(({ type }) => type === event.type)
    await subscription?.receive(event, inbox)
    return takeOutbox(database)
  }
}

/** What waits to be published, taken away. */
export async function takeOutbox(database: Database): Promise<Envelope[]> {
  const rows = await database.query<{ event: Envelope }>('DELETE FROM outbox RETURNING event')
  return rows.map(({ event }) => event)
}
