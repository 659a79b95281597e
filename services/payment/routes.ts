// Read access to the payments.
import type { Database } from '@shop/kernel/database'
import type { HttpServer } from '@shop/kernel/http'
import { problemDocument } from '@shop/kernel/problem'
import { z } from 'zod'
import type { PaymentProvider } from './provider.ts'
import { findPayment } from './store.ts'

const payment = z.object({
  id: z.uuid(),
  orderId: z.uuid(),
  status: z.enum(['intended', 'captured', 'declined', 'cancelled', 'refunded']),
  amount: z.object({ value: z.int(), currency: z.string() }).nullable(),
  reason: z.string().nullable(),
  captures: z
    .int()
    .meta({ description: 'How often the provider captured the price of the order.' }),
  refunds: z.int().meta({ description: 'How often the provider refunded it.' }),
})

export interface RouteDeps {
  database: Database
  provider: PaymentProvider
}

export function routes(app: HttpServer, { database, provider }: RouteDeps): void {
  app.get(
    '/payments',
    {
      schema: {
        summary: 'Read the payments of an order',
        querystring: z.object({ order: z.uuid() }),
        response: { 200: z.array(payment), 400: problemDocument },
      },
    },
    async (request) => {
      const found = await findPayment(database, request.query.order)
      if (!found) return []
      const { captures = 0, refunds = 0 } =
        (await provider.statements([found])).get(found.orderId) ?? {}
      return [{ ...found, captures, refunds }]
    },
  )
}
