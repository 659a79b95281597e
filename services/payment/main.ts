// The payment service: captures what orders cost, at a provider behind a port.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { accounting, orders } from './accounting.ts'
import { subscriptions } from './handlers.ts'
import { routes } from './routes.ts'
import { createSandbox } from './sandbox.ts'

await run({
  config: z.object({ PAYMENT_PROVIDER: z.literal('sandbox') }),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ database, newId }) {
    // The only provider there is so far; the preview plane will always have this one.
    const provider = createSandbox(database)
    return {
      routes: (app) => routes(app, { database, provider }),
      subscriptions: subscriptions({ provider, newId }),
      accounting: () => accounting({ database, provider }),
      orders: (after, limit) => orders({ database, provider }, after, limit),
    }
  },
})
