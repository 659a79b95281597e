// The public API of the shop: place an order, and read it.
import { createHash } from 'node:crypto'
import type { Database } from '@shop/kernel/database'
import { type HttpServer, sendProblem } from '@shop/kernel/http'
import { plainText } from '@shop/kernel/json'
import type { Outbox } from '@shop/kernel/outbox'
import { problemDocument } from '@shop/kernel/problem'
import { type Logger, traceIdOf, withoutRedaction } from '@shop/kernel/telemetry'
import { z } from 'zod'
import { mailAddress } from './address.ts'
import { place, placeV2 } from './domain.ts'
import type { OrderMetrics } from './metrics.ts'
import { findByKey, findOrder, insertOrder, type SlotVersion } from './store.ts'

/** HTTP clients and servers disagree on the encoding of other characters. */
const idempotencyKey = z
  .string()
  .max(255)
  .regex(/^[ -~]+$/, 'must be 1 to 255 printable ASCII characters')
  .meta({ description: '1 to 255 printable ASCII characters' })

/** Unknown fields are allowed. Repeated requests must have the same ones. */
const placement = z.looseObject({
  items: z
    .array(z.looseObject({ sku: plainText, quantity: z.int().min(1).max(1_000_000_000) }))
    .min(1)
    .max(100),
  customer: z.looseObject({ email: mailAddress }),
  payment: z.looseObject({ token: plainText }),
})

const slot = z.object({
  color: z.string(),
  version: z.string(),
  epoch: z
    .int()
    .nullable()
    .meta({ description: 'The epoch of the gate. Null for an order that is older than the gate.' }),
})

const order = z.object({
  id: z.uuid(),
  status: z.enum(['placed', 'reserved', 'confirmed', 'rejected', 'cancelled']),
  reason: z.string().nullable(),
  items: z.array(z.object({ sku: z.string(), quantity: z.int() })),
  customer: z.object({ email: z.string() }),
  placedAt: z.iso.datetime(),
  placedBy: slot,
  settledAt: z.iso.datetime().nullable(),
  settledBy: slot.nullable(),
})

export interface RouteDeps {
  database: Database
  outbox: Outbox
  newId: () => string
  slot: SlotVersion
  /** The version of order.placed to write. */
  placedVersion: 'v1' | 'v2'
  metrics: Pick<OrderMetrics, 'placed'>
  logger: Logger
}

export function routes(app: HttpServer, { placedVersion, ...deps }: RouteDeps): void {
  const log = withoutRedaction(deps.logger)

  app.post(
    '/orders',
    {
      schema: {
        summary: 'Place an order',
        description: 'The same Idempotency-Key and body get the same answer, byte for byte.',
        headers: z.looseObject({ 'idempotency-key': idempotencyKey }),
        body: placement,
        response: {
          202: z.object({ id: z.uuid(), status: z.literal('placed') }),
          400: problemDocument,
          409: problemDocument,
        },
      },
    },
    async (request, reply) => {
      const idempotencyKey = request.headers['idempotency-key']
      const requestHash = hash(request.body)
      const id = deps.newId()
      const { items, customer, payment } = request.body
      const placed = {
        id,
        items: items.map(({ sku, quantity }) => ({ sku, quantity })),
        customer: { email: customer.email },
        placedBy: deps.slot,
        idempotencyKey,
        requestHash,
        response: JSON.stringify({ id, status: 'placed' }),
      }
      const isNew = await deps.outbox.commitUnfenced(request.traceparent, async (tx) => {
        const inserted = await insertOrder(tx, placed)
        const placement = { ...placed, payment: { token: payment.token } }
        if (!inserted) return { result: false, events: [] }
        const events = placedVersion === 'v2' ? placeV2(id, placement) : [place(id, placement)]
        return { result: true, events }
      })
      if (isNew) {
        deps.metrics.placed()
        log.info({ orderId: id, traceId: traceIdOf(request.traceparent) }, 'order placed')
      }
      const first = isNew ? placed : await findByKey(deps.database, idempotencyKey)
      if (first?.requestHash !== requestHash) {
        return sendProblem(reply, {
          status: 409,
          detail: 'this Idempotency-Key was used with another body',
        })
      }
      // Sends the stored bytes unchanged. The type of the response does not allow that.
      return reply
        .code(202)
        .type('application/json')
        .send(first.response as never)
    },
  )

  app.get(
    '/orders/:id',
    {
      schema: {
        summary: 'Read an order',
        params: z.object({ id: z.string() }),
        response: { 200: order, 404: problemDocument },
      },
    },
    async (request, reply) => {
      const id = z.uuid().safeParse(request.params.id)
      const found = id.success ? await findOrder(deps.database, id.data) : null
      if (!found) return sendProblem(reply, { status: 404, detail: 'there is no such order' })
      return {
        ...found,
        placedAt: found.placedAt.toISOString(),
        settledAt: found.settledAt?.toISOString() ?? null,
      }
    },
  )
}

/** The hash of a body, which does not depend on the order of its keys. */
function hash(body: unknown): string {
  const canonical = JSON.stringify(body, (_key, value) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(canonical).digest('hex')
}
