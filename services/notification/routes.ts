// Read access to the notifications, and to the mail sink.
import type { Database } from '@shop/kernel/database'
import type { HttpServer } from '@shop/kernel/http'
import { problemDocument } from '@shop/kernel/problem'
import { z } from 'zod'
import { messageIdOf, outcomes } from './domain.ts'
import { findKeptMails } from './mail-sink.ts'
import { findNotifications } from './store.ts'

const notification = z.object({
  orderId: z.uuid(),
  outcome: z.enum(outcomes),
  messageId: z.string(),
  attempts: z.int(),
  sentAt: z.iso.datetime().nullable(),
})

const mail = z.object({
  messageId: z.string(),
  to: z.string(),
  message: z.string().meta({ description: 'The mail with its headers.' }),
  keptAt: z.iso.datetime(),
})

const ofOrder = z.object({ order: z.uuid() })

export interface RouteDeps {
  database: Database
  plane: 'live' | 'preview'
}

export function routes(app: HttpServer, { database, plane }: RouteDeps): void {
  app.get(
    '/notifications',
    {
      schema: {
        summary: 'Read the notifications about an order',
        querystring: ofOrder,
        response: { 200: z.array(notification), 400: problemDocument },
      },
    },
    async (request) => {
      const found = await findNotifications(database, request.query.order)
      return found.map((one) => ({ ...one, sentAt: one.sentAt?.toISOString() ?? null }))
    },
  )
  if (plane === 'live') return

  app.get(
    '/mails',
    {
      schema: {
        summary: 'Read the mails about an order in the mail sink',
        querystring: ofOrder,
        response: { 200: z.array(mail), 400: problemDocument },
      },
    },
    async (request) => {
      const messageIds = outcomes.map((outcome) => messageIdOf(request.query.order, outcome))
      const found = await findKeptMails(database, messageIds)
      return found.map((one) => ({ ...one, keptAt: one.keptAt.toISOString() }))
    },
  )
}
