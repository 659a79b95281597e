// The payment service's handlers in a separate process, which payment.test.ts kills. Handles one event from stdin.

import { randomUUIDv7 } from 'node:crypto'
import { text } from 'node:stream/consumers'
import type { Envelope } from '@shop/events/envelope'
import { createDatabase } from '@shop/kernel/database'
import { createMetrics } from '@shop/kernel/metrics'
import { createOutbox } from '@shop/kernel/outbox'
import { untraced } from '@shop/kernel/spans'
import { createLogger } from '@shop/kernel/telemetry'
import { subscriptions } from '@shop/payment/handlers'
import { createPaymentMetrics } from '@shop/payment/metrics'
import { createSandbox } from '@shop/payment/sandbox'

function newId() {
  return randomUUIDv7()
}
const slot = { color: 'blue', revision: 'r1' }
const identity = { service: 'payment', version: 'v1', pod: 'worker', ...slot }
const logger = createLogger(identity, 'warn')
const database = createDatabase({ url: process.env.DATABASE_URL ?? '', name: 'worker', logger })
function now() {
  return new Date()
}
const outbox = createOutbox({ database, source: '/test', now, newId, tracer: untraced })
const fence = {
  ...slot,
  epoch: 1,
  query: database.query,
  transaction: database.transaction,
}

const event = JSON.parse(await text(process.stdin)) as Envelope
const handlers = subscriptions({
  ...{ provider: createSandbox(database), newId },
  metrics: createPaymentMetrics(createMetrics(identity).of('live')),
})
const handler = handlers.find(({ type }) => type === event.type)
await handler?.receive(event, { consumer: 'test', outbox, fence })
await database.close()
