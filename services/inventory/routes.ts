// Read access to the stock and the reservations.
import type { Database } from '@shop/kernel/database'
import { type HttpServer, sendProblem } from '@shop/kernel/http'
import { plainText } from '@shop/kernel/json'
import { problemDocument } from '@shop/kernel/problem'
import { z } from 'zod'
import { findReservation, findStock } from './store.ts'

const stock = z.object({
  sku: z.string(),
  available: z.int(),
  price: z.int().meta({ description: 'The price of one piece, in minor units of the currency.' }),
  currency: z.string(),
})

const reservation = z.object({
  orderId: z.uuid(),
  status: z.enum(['reserved', 'rejected', 'released', 'sold']),
})

export function routes(app: HttpServer, { database }: { database: Database }): void {
  app.get(
    '/stock/:sku',
    {
      schema: {
        summary: 'Read the stock of a SKU',
        params: z.object({ sku: z.string() }),
        response: { 200: stock, 404: problemDocument },
      },
    },
    async (request, reply) => {
      const sku = plainText.safeParse(request.params.sku)
      const found = sku.success ? await findStock(database, sku.data) : null
      return found ?? sendProblem(reply, { status: 404, detail: 'there is no such SKU' })
    },
  )

  app.get(
    '/reservations',
    {
      schema: {
        summary: 'Read the reservations of an order',
        querystring: z.object({ order: z.uuid() }),
        response: { 200: z.array(reservation), 400: problemDocument },
      },
    },
    async (request) => {
      const found = await findReservation(database, request.query.order)
      return found ? [found] : []
    },
  )
}
