// The inventory service: sets stock aside for orders, sells it, or takes it back.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { expire, subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { accounting, orders } from './store.ts'

await run({
  config: z.object({
    /** For how long stock is kept for an order that neither confirms nor cancels. */
    RESERVATION_TTL_SECONDS: z.coerce.number().int().positive().default(900),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  compose: ({ config, database }) => ({
    routes: (app) => routes(app, { database }),
    subscriptions: subscriptions(),
    clockwork: [
      {
        name: 'expire-reservations',
        everyMs: 5_000,
        run: (tx) => expire(tx, config.RESERVATION_TTL_SECONDS),
      },
    ],
    accounting: () => accounting(database),
    orders: (after, limit) => orders(database, after, limit),
  }),
})
