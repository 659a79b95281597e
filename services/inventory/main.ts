// The inventory service: reserves stock for orders, and sells or releases it.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { expire, subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { accounting, entries } from './store.ts'

await run({
  config: z.object({
    /** How long stock is reserved for an order that is neither confirmed nor cancelled. */
    RESERVATION_TTL_SECONDS: z.coerce.number().int().positive().default(900),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  compose: ({ config, database }) => ({
    routes: (app) => routes(app, { database }),
    subscriptions: subscriptions(),
    jobs: [
      {
        name: 'expire-reservations',
        everyMs: 5_000,
        run: (tx) => expire(tx, config.RESERVATION_TTL_SECONDS),
      },
    ],
    accounting: () => accounting(database),
    entries: (after, limit) => entries(database, after, limit),
  }),
})
