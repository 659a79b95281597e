// A small window on the stock.
import type { Database } from '@shop/kernel/database'
import { type HttpServer, problemDocument, sendProblem } from '@shop/kernel/http'
import { z } from 'zod'
import { findStock } from './store.ts'

const stock = z.object({
  sku: z.string(),
  available: z.int(),
  price: z.int().meta({ description: 'Minor units of the currency, per piece.' }),
  currency: z.string(),
})

export function routes(app: HttpServer, { database }: { database: Database }): void {
  app.get(
    '/stock/:sku',
    {
      schema: {
        summary: 'Look at the stock of a SKU',
        params: z.object({ sku: z.string().max(255) }),
        response: { 200: stock, 404: problemDocument },
      },
    },
    async (request, reply) => {
      const found = await findStock(database, request.params.sku)
      return found ?? sendProblem(reply, { status: 404, detail: 'there is no such SKU' })
    },
  )
}
