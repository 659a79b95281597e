// A minimal service for tests of the messaging: it counts the things that are done.

import { contract, type Draft, draft } from '@shop/events/envelope'
import type { Bus } from '@shop/kernel/bus'
import { type Consumer, type ConsumerDeps, createConsumer } from '@shop/kernel/consumer'
import type { Database, Queries } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { createMetrics } from '@shop/kernel/metrics'
import { untraced } from '@shop/kernel/spans'
import { onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import {
  createServiceDatabase,
  createTopology,
  identity,
  logger,
  newId,
  openBus,
  openOutbox,
  openRelay,
  type Topology,
  trace,
} from './infrastructure.ts'

export const thingDone = contract('thing.done.v1', z.object({ n: z.int() }))

export function done(n: number): Draft {
  return draft(thingDone, newId(), { n })
}
export function numbers(count: number) {
  return Array.from({ length: count }, (_, n) => n)
}

export async function createStore(): Promise<Database> {
  const database = await createServiceDatabase('order')
  await database.query('CREATE TABLE effects (n int)')
  return database
}

export async function effects(database: Database): Promise<number[]> {
  const rows = await database.query<{ n: number }>('SELECT n FROM effects ORDER BY n')
  return rows.map(({ n }) => n)
}

export function insertEffect(db: Queries, n: number) {
  return db.query('INSERT INTO effects VALUES ($1)', [n])
}

/** Inserts an effect after `first`. */
export function counting(first: (n: number) => Promise<void> | void = () => {}): Subscription {
  return on(thingDone, {
    async handle(tx, { data: { n } }) {
      await first(n)
      await insertEffect(tx, n)
      return []
    },
  })
}

export async function waiting(database: Database) {
  return database.query<{ type: string; attempts: number }>('SELECT type, attempts FROM outbox')
}

export function store(database: Database, events: Draft[]) {
  return openOutbox(database).commitUnfenced(trace, async () => ({ result: null, events }))
}

/** A database, an exchange, and the queue of the service. */
export async function createThings(): Promise<{
  database: Database
  topology: Topology
  queue: string
}> {
  const [database, topology] = await Promise.all([createStore(), createTopology()])
  return { database, topology, queue: await topology.queue(thingDone.type) }
}

/** A consumer with short retry delays, and a separate relay for its retries. */
export function openConsumer(
  things: { database: Database; topology: Topology; queue: string },
  subscriptions: Subscription | Subscription[],
  options: { bus?: Bus } & Partial<
    Pick<ConsumerDeps, 'logger' | 'onGateClosed' | 'retryBaseMs' | 'pauseBaseMs'>
  > = {},
): Consumer {
  const { database, topology, queue } = things
  const { bus = openBus(topology.exchange), ...others } = options
  const relay = openRelay(database, openBus(topology.exchange))
  const consumer = createConsumer({
    bus,
    queue,
    concurrency: { messages: 4, deadLetters: 1 },
    subscriptions: [subscriptions].flat(),
    consumer: queue,
    outbox: openOutbox(database, relay),
    logger,
    metrics: createMetrics(identity).of('live'),
    tracer: untraced,
    now: () => new Date(),
    onGateClosed: () => {},
    retryBaseMs: 2,
    ...others,
  })
  onTestFinished(() => consumer.close())
  return consumer
}

export function eventually(check: () => Promise<void> | void) {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 })
}
