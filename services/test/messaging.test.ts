import { contract, type Draft, draft, envelope } from '@shop/events/envelope'
import type { Bus } from '@shop/kernel/bus'
import { type Consumer, createConsumer } from '@shop/kernel/consumer'
import type { Database, Transaction } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { createMetrics } from '@shop/kernel/telemetry'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import {
  arrived,
  createBrokerProxy,
  createServiceDatabase,
  createTopology,
  identity,
  logger,
  newId,
  openBus,
  openOutbox,
  openRelay,
  trace,
} from './infrastructure.ts'

const thingDone = contract('thing.done.v1', z.object({ n: z.int() }))
const thingLost = contract('thing.lost.v1', z.object({ n: z.int() }))

const done = (n: number) => draft(thingDone, newId(), { n })
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

async function createStore(): Promise<Database> {
  const database = await createServiceDatabase('order')
  await database.query('CREATE TABLE effects (n int)')
  return database
}

const waiting = async (database: Database) =>
  (await database.query('SELECT type, attempts FROM outbox')) as {
    type: string
    attempts: number
  }[]

const effects = async (database: Database) =>
  (await database.query<{ n: number }>('SELECT n FROM effects ORDER BY n')).map(({ n }) => n)

const insertEffect = (tx: Transaction, n: number) =>
  tx.query('INSERT INTO effects VALUES ($1)', [n])

const tell = (database: Database, events: Draft[]) =>
  openOutbox(database).transaction(trace, async () => ({ result: null, events }))

function openConsumer(queue: string, bus: Bus, database: Database, one: Subscription): Consumer {
  const consumer = createConsumer({
    bus,
    queue,
    subscriptions: [one],
    inbox: { consumer: 'test', outbox: openOutbox(database) },
    logger,
    metrics: createMetrics(identity),
  })
  onTestFinished(() => consumer.close())
  return consumer
}

const eventually = (check: () => Promise<void> | void) =>
  vi.waitFor(check, { timeout: 15_000, interval: 20 })

describe('the outbox and its relay', () => {
  it('publish what was committed, in the envelope, and forget it', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    const bus = openBus(topology.exchange)
    await eventually(() => expect(bus.connected()).toBe(true))
    const relay = openRelay(database, bus)
    await openOutbox(database, relay.wake).transaction(trace, async (tx) => {
      await insertEffect(tx, 1)
      return { result: null, events: [done(1), done(2)] }
    })
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    const messages = await topology.drain(queue)
    const events = messages.map(({ body }) => envelope.parse(JSON.parse(body)))
    expect(events.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }])
    expect(events.map(({ id }) => id)).toEqual(messages.map(({ messageId }) => messageId))
    expect(events[0]).toMatchObject({
      source: '/test',
      type: 'thing.done.v1',
      traceparent: trace,
    })
  })

  it('say nothing about what was rolled back', async () => {
    const database = await createStore()
    const failing = openOutbox(database).transaction(trace, async (tx) => {
      await insertEffect(tx, 1)
      return { result: null, events: [{ type: 'x', subject: 'x', data: 1n }] }
    })
    await expect(failing).rejects.toThrow()
    expect(await effects(database)).toEqual([])
    expect(await waiting(database)).toEqual([])
  })

  it('keep what nobody receives, and let all else pass', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    const lost = numbers(120).map((n) => draft(thingLost, newId(), { n }))
    await tell(database, [...lost, done(1)])
    openRelay(database, openBus(topology.exchange))
    await eventually(async () => expect(await topology.drain(queue)).toHaveLength(1))
    const left = await waiting(database)
    expect(left).toHaveLength(120)
    expect(left.every(({ type, attempts }) => type === thingLost.type && attempts > 0)).toBe(true)

    const late = await topology.queue(thingLost.type)
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    expect(await topology.drain(late)).toHaveLength(120)
  })

  it('share the work between pods without publishing twice', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    await tell(database, numbers(500).map(done))
    for (const pod of ['test-0', 'test-1', 'test-2']) {
      openRelay(database, openBus(topology.exchange), pod)
    }
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    const ids = (await topology.drain(queue)).map(({ messageId }) => messageId)
    expect(ids).toHaveLength(500)
    expect(new Set(ids).size).toBe(500)
  })

  it('publish later what a pod without broker has committed', async () => {
    const [database, topology, proxy] = await Promise.all([
      createStore(),
      createTopology(),
      createBrokerProxy(),
    ])
    const queue = await topology.queue(thingDone.type)
    const bus = openBus(topology.exchange, proxy.url)
    await eventually(() => expect(bus.connected()).toBe(true))
    const relay = openRelay(database, bus)
    proxy.cut()
    await openOutbox(database, relay.wake).transaction(trace, async () => ({
      result: null,
      events: numbers(50).map(done),
    }))
    await eventually(() => expect(bus.connected()).toBe(false))
    expect(await waiting(database)).toHaveLength(50)
    proxy.restore()
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    const ids = (await topology.drain(queue)).map(({ messageId }) => messageId)
    expect(new Set(ids).size).toBe(50)
  })
})

describe('the inbox', () => {
  it('gives each event its effect once, however often and concurrently it arrives', async () => {
    const database = await createStore()
    const outbox = openOutbox(database)
    const subscription = on(thingDone, {
      async handle(tx, { data: { n } }) {
        await insertEffect(tx, n)
        return [done(n + 1)]
      },
    })
    const event = arrived(thingDone, newId(), { n: 1 })
    const receive = () => subscription.receive(event, { consumer: 'test', outbox })
    const outcomes = await Promise.all(numbers(6).map(receive))
    expect(outcomes.filter((outcome) => outcome === 'handled')).toHaveLength(1)
    expect(await receive()).toBe('duplicate')
    expect(await effects(database)).toEqual([1])
    expect(await waiting(database)).toHaveLength(1)
    // Another consumer of the same database is not concerned.
    expect(await subscription.receive(event, { consumer: 'other', outbox })).toBe('handled')
  })
})

describe('the consumer', () => {
  it('gives a message back when its handler fails, and has the effect once it works', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    let attempts = 0
    const consumer = openConsumer(
      queue,
      openBus(topology.exchange),
      database,
      on(thingDone, {
        async handle(tx, { data: { n } }) {
          await insertEffect(tx, n)
          attempts += 1
          if (attempts < 3) throw new Error('not yet')
          return []
        },
      }),
    )
    consumer.set(true)
    await tell(database, [done(7)])
    openRelay(database, openBus(topology.exchange))
    await eventually(async () => expect(await effects(database)).toEqual([7]))
    expect(attempts).toBe(3)
    await consumer.close()
    expect(await topology.drain(queue)).toEqual([])
  })

  it('starts at once, finishes what it holds when it stops, and leaves the rest to others', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    await tell(database, numbers(40).map(done))
    openRelay(database, openBus(topology.exchange))
    await eventually(async () => expect(await waiting(database)).toEqual([]))

    const handledBy: Record<string, number[]> = { old: [], new: [] }
    const open = (name: string, ms: number) =>
      openConsumer(
        queue,
        openBus(topology.exchange),
        database,
        on(thingDone, {
          async handle(tx, { data: { n } }) {
            await new Promise((resolve) => setTimeout(resolve, ms))
            await insertEffect(tx, n)
            handledBy[name]?.push(n)
            return []
          },
        }),
      )
    const [first, second] = [open('old', 300), open('new', 1)]
    const start = performance.now()
    first.set(true)
    await eventually(() => expect(first.inFlight()).toBe(4))
    expect(performance.now() - start).toBeLessThan(1_000)

    // Live to standby, while the other one takes over.
    const closing = first.close()
    second.set(true)
    expect(first.active()).toBe(false)
    await closing
    expect(first.inFlight()).toBe(0)
    expect(handledBy.old).toHaveLength(4)
    await eventually(async () => expect(await effects(database)).toEqual(numbers(40)))
    expect(handledBy.new).toHaveLength(36)
  })

  it('goes on after the broker was away, without losing or repeating an effect', async () => {
    const [database, topology, proxy] = await Promise.all([
      createStore(),
      createTopology(),
      createBrokerProxy(),
    ])
    const queue = await topology.queue(thingDone.type)
    await tell(database, numbers(200).map(done))
    openRelay(database, openBus(topology.exchange))
    const consumer = openConsumer(
      queue,
      openBus(topology.exchange, proxy.url),
      database,
      on(thingDone, {
        async handle(tx, { data: { n } }) {
          await insertEffect(tx, n)
          return []
        },
      }),
    )
    consumer.set(true)
    for (const enough of [20, 60, 100]) {
      await eventually(async () =>
        expect((await effects(database)).length).toBeGreaterThanOrEqual(enough),
      )
      proxy.cut()
      proxy.restore()
    }
    await eventually(async () => expect(await effects(database)).toEqual(numbers(200)))
  })
})
