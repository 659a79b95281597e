// The order service: accepts orders and keeps their state.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { createOrderMetrics } from './metrics.ts'
import { routes } from './routes.ts'
import { accounting, countOpen, entries } from './store.ts'

await run({
  config: z.object({
    /** The version of order.placed to write. Goes when the services read `v1` no longer. */
    ORDER_PLACED_VERSION: z.enum(['v1', 'v2']).default('v2'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ config, identity: { color, version }, database, outbox, newId, logger, metrics: all }) {
    const slot = { color, version }
    const placedVersion = config.ORDER_PLACED_VERSION
    const metrics = createOrderMetrics(all)
    return {
      routes: (app) =>
        routes(app, { database, outbox, newId, slot, placedVersion, metrics, logger }),
      subscriptions: subscriptions(slot, metrics),
      accounting: () => accounting(database),
      entries: (after, limit) => entries(database, after, limit),
      openWork: (question) => countOpen(database, question),
    }
  },
})
