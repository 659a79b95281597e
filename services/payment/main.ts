// The payment service: captures what orders cost, at a provider behind a port.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { createSandbox } from './sandbox.ts'
import { accounting } from './store.ts'

await run({
  config: z.object({ PAYMENT_PROVIDER: z.literal('sandbox') }),
  migrations: new URL('./migrations/', import.meta.url),
  compose: ({ database, newId }) => ({
    routes: (app) => routes(app, { database }),
    subscriptions: subscriptions({ database, provider: createSandbox(database), newId }),
    accounting: () => accounting(database),
  }),
})
