// A small window on the payments.
import type { Database } from '@shop/kernel/database'
import { type HttpServer, problemDocument } from '@shop/kernel/http'
import { z } from 'zod'
import { findPayment } from './store.ts'

const payment = z.object({
  id: z.uuid(),
  orderId: z.uuid(),
  status: z.enum(['intended', 'captured', 'declined', 'cancelled']),
  amount: z.object({ value: z.int(), currency: z.string() }).nullable(),
  reason: z.string().nullable(),
})

export function routes(app: HttpServer, { database }: { database: Database }): void {
  app.get(
    '/payments',
    {
      schema: {
        summary: 'Look at the payments of an order',
        querystring: z.object({ order: z.uuid() }),
        response: { 200: z.array(payment), 400: problemDocument },
      },
    },
    async (request) => {
      const found = await findPayment(database, request.query.order)
      return found ? [found] : []
    },
  )
}
