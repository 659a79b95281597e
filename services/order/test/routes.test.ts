// What the shop takes in an order.
import { createHttp } from '@shop/kernel/http'
import { createMetrics } from '@shop/kernel/metrics'
import { untraced } from '@shop/kernel/spans'
import { createLogger, type Identity } from '@shop/kernel/telemetry'
import { expect, it } from 'vitest'
import { createOrderMetrics } from '../metrics.ts'
import { routes } from '../routes.ts'

const identity: Identity = {
  ...{ service: 'order', color: 'green', version: 'v1', revision: 'r1', pod: 'order-green-0' },
}

const id = '01a20a70-45d6-79f6-be69-623cdf650bbc'

/** The status of the answer to a request with this key, and what was logged. Nothing is stored. */
async function place(
  key: string,
  { isNew = true, traceparent = '' } = {},
): Promise<{ status: number; lines: string[] }> {
  const metrics = createMetrics(identity).of('live')
  const lines: string[] = []
  const logger = createLogger(identity, 'info', { write: (line) => void lines.push(line) })
  const app = createHttp({
    ...{ identity, plane: 'live', keepAlive: () => true, metrics, logger, tracer: untraced },
  })
  app.after(() =>
    routes(app, {
      database: { query: async () => [] } as never,
      outbox: { commitUnfenced: async () => isNew } as never,
      newId: () => id,
      logger,
      slot: { color: 'green', version: 'v1' },
      placedVersion: 'v2',
      metrics: createOrderMetrics(metrics),
    }),
  )
  const { statusCode } = await app.inject({
    ...{ method: 'POST', url: '/orders', headers: { 'idempotency-key': key, traceparent } },
    body: {
      items: [{ sku: 'mug', quantity: 1 }],
      customer: { email: 'ada@example.com' },
      payment: { token: 'tok_ok' },
    },
  })
  await app.close()
  return { status: statusCode, lines }
}

it.each([
  ['a', 202],
  ['8a1c-77', 202],
  ['a key with "blanks" & ~signs~', 202],
  ['x'.repeat(255), 202],
  ['x'.repeat(256), 400],
  ['', 400],
  ['café', 400],
  ['Äpfel', 400],
  ['cafÃ©', 400],
  ['tab\tin it', 400],
  ['7f: \x7f', 400],
])('the idempotency key %j is answered with %i', async (key, status) => {
  expect((await place(key)).status).toBe(status)
})

it('a new order is one line, with its trace, and without its key and its customer', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const { lines } = await place('my-key', { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      ...identity,
      ...{ level: 'info', time: expect.any(String), msg: 'order placed', orderId: id, traceId },
    },
  ])
})

it('an order that was placed before is no line', async () => {
  expect((await place('my-key', { isNew: false })).lines).toEqual([])
})
