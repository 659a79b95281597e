// The inventory service: sets stock aside for orders and takes it back.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { accounting } from './store.ts'

await run({
  config: z.object({}),
  migrations: new URL('./migrations/', import.meta.url),
  compose: ({ database }) => ({
    routes: (app) => routes(app, { database }),
    subscriptions: subscriptions(),
    accounting: () => accounting(database),
  }),
})
