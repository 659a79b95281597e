// The order service: accepts orders and keeps their state.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { accounting, entries } from './store.ts'

await run({
  config: z.object({
    /** The version of order.placed to write. Goes when the services read `v1` no longer. */
    ORDER_PLACED_VERSION: z.enum(['v1', 'v2']).default('v2'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ config, identity: { color, version }, database, outbox, newId }) {
    const slot = { color, version }
    const placedVersion = config.ORDER_PLACED_VERSION
    return {
      routes: (app) => routes(app, { database, outbox, newId, slot, placedVersion }),
      subscriptions: subscriptions(slot),
      accounting: () => accounting(database),
      entries: (after, limit) => entries(database, after, limit),
    }
  },
})
