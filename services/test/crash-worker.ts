// A minimal service in a separate process, which crash.test.ts kills. It does one thing and counts it.

import { randomUUIDv7 } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { contract, draft } from '@shop/events/envelope'
import { createBus } from '@shop/kernel/bus'
import { createConsumer } from '@shop/kernel/consumer'
import { createDatabase } from '@shop/kernel/database'
import { on } from '@shop/kernel/inbox'
import { createMetrics } from '@shop/kernel/metrics'
import { createOutbox } from '@shop/kernel/outbox'
import { createRelay } from '@shop/kernel/relay'
import { untraced } from '@shop/kernel/spans'
import { continueTrace, createLogger } from '@shop/kernel/telemetry'
import { z } from 'zod'

const env = z
  .object({
    DATABASE_URL: z.string(),
    AMQP_URL: z.string(),
    EXCHANGE: z.string(),
    QUEUE: z.string(),
  })
  .parse(process.env)
const thingDone = contract('thing.done.v1', z.object({ n: z.int() }))

const pod = `crash-${process.pid}`
const identity = { service: env.QUEUE, color: 'blue', version: 'v1', revision: 'r1', pod }
const logger = createLogger(identity, 'warn')
const metrics = createMetrics(identity).of('live')
const database = createDatabase({ url: env.DATABASE_URL, name: pod, logger })
const bus = createBus({ url: env.AMQP_URL, name: pod, exchange: env.EXCHANGE, logger })
const relay = createRelay({ database, bus, logger, metrics, tracer: untraced })
const outbox = createOutbox({
  tracer: untraced,
  database,
  source: '/test',
  now: () => new Date(),
  newId: () => randomUUIDv7(),
  relay,
})
const counting = on(thingDone, {
  async handle(tx, { data: { n } }) {
    await tx.query('INSERT INTO effects VALUES ($1)', [n])
    return []
  },
})
const consumer = createConsumer({
  tracer: untraced,
  bus,
  queue: env.QUEUE,
  concurrency: { messages: 4, deadLetters: 1 },
  subscriptions: [counting],
  consumer: env.QUEUE,
  outbox,
  logger,
  metrics,
  now: () => new Date(),
  onGateClosed: () => {},
})
const { query, transaction } = database
consumer.set({ epoch: 1, color: 'blue', revision: 'r1', query, transaction })
while (!bus.connected() || !consumer.active()) await setTimeout(10)

// Like a client that repeats a request with the same key, because it got no answer.
await outbox.commitUnfenced(continueTrace(undefined), async (tx) => {
  const first = await tx.query(
    `INSERT INTO requests (key) VALUES ('the only one') ON CONFLICT DO NOTHING RETURNING key`,
  )
  return { result: null, events: first.map(() => draft(thingDone, 'the-thing', { n: 1 })) }
})
