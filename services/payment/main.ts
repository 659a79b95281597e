// The payment service: captures and refunds the price of orders at a payment provider.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { accounting, entries } from './accounting.ts'
import { subscriptions } from './handlers.ts'
import { createPaymentMetrics } from './metrics.ts'
import { awaitProvider } from './provider.ts'
import { routes } from './routes.ts'
import { createSandbox } from './sandbox.ts'
import { tokenPruning } from './store.ts'

await run({
  config: z.object({ PAYMENT_PROVIDER: z.literal('sandbox') }),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ database, metrics, newId }) {
    // The only provider so far. The preview plane must never have another one.
    const provider = awaitProvider(createSandbox(database))
    return {
      routes: (app) => routes(app, { database, provider }),
      subscriptions: subscriptions({ provider, metrics: createPaymentMetrics(metrics), newId }),
      jobs: [tokenPruning],
      accounting: () => accounting({ database, provider }),
      entries: (after, limit) => entries({ database, provider }, after, limit),
    }
  },
})
