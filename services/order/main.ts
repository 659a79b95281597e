// The order service: accepts orders and keeps their state.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { accounting, entries } from './store.ts'

await run({
  config: z.object({}),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ identity: { color, version }, database, outbox, newId }) {
    const slot = { color, version }
    return {
      routes: (app) => routes(app, { database, outbox, newId, slot }),
      subscriptions: subscriptions(slot),
      accounting: () => accounting(database),
      entries: (after, limit) => entries(database, after, limit),
    }
  },
})
