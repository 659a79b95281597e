// What the shop takes in an order.
import { createHttp } from '@shop/kernel/http'
import { createMetrics } from '@shop/kernel/metrics'
import type { Identity } from '@shop/kernel/telemetry'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createOrderMetrics } from '../metrics.ts'
import { routes } from '../routes.ts'

const identity: Identity = {
  ...{ service: 'order', color: 'green', version: 'v1', revision: 'r1', pod: 'order-green-0' },
}

/** The status of the answer to a request with this key. Nothing is stored. */
async function place(key: string): Promise<number> {
  const metrics = createMetrics(identity).of('live')
  const app = createHttp({
    ...{ identity, plane: 'live', keepAlive: () => true, metrics },
    logger: pino({}, { write: () => {} }),
  })
  app.after(() =>
    routes(app, {
      database: {} as never,
      outbox: { commitUnfenced: async () => true } as never,
      newId: () => '01a20a70-45d6-79f6-be69-623cdf650bbc',
      slot: { color: 'green', version: 'v1' },
      placedVersion: 'v2',
      metrics: createOrderMetrics(metrics),
    }),
  )
  const { statusCode } = await app.inject({
    ...{ method: 'POST', url: '/orders', headers: { 'idempotency-key': key } },
    body: {
      items: [{ sku: 'mug', quantity: 1 }],
      customer: { email: 'ada@example.com' },
      payment: { token: 'tok_ok' },
    },
  })
  await app.close()
  return statusCode
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
  expect(await place(key)).toBe(status)
})
