// A small window on what was sent.
import type { Database } from '@shop/kernel/database'
import { type HttpServer, problemDocument } from '@shop/kernel/http'
import { z } from 'zod'
import { findNotifications } from './store.ts'

const notification = z.object({
  orderId: z.uuid(),
  outcome: z.enum(['confirmed', 'rejected', 'cancelled']),
  messageId: z.string(),
  attempts: z.int(),
  sentAt: z.iso.datetime().nullable(),
})

export function routes(app: HttpServer, { database }: { database: Database }): void {
  app.get(
    '/notifications',
    {
      schema: {
        summary: 'Look at the notifications about an order',
        querystring: z.object({ order: z.uuid() }),
        response: { 200: z.array(notification), 400: problemDocument },
      },
    },
    async (request) => {
      const found = await findNotifications(database, request.query.order)
      return found.map((one) => ({ ...one, sentAt: one.sentAt?.toISOString() ?? null }))
    },
  )
}
