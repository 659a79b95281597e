import { setTimeout as sleep } from 'node:timers/promises'
import { contract, draft, envelope } from '@shop/events/envelope'
import { type Fence, GateClosed } from '@shop/kernel/gate'
import { on } from '@shop/kernel/inbox'
import { headStartMs, type OutboxEntry } from '@shop/kernel/relay'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  arrived,
  createBrokerProxy,
  createTopology,
  newId,
  openBus,
  openFence,
  openOutbox,
  openRelay,
  trace,
} from './infrastructure.ts'
import {
  counting,
  createStore,
  createThings,
  done,
  effects,
  eventually,
  insertEffect,
  numbers,
  openConsumer,
  tell,
  thingDone,
  waiting,
} from './things.ts'

const thingLost = contract('thing.lost.v1', z.object({ n: z.int() }))

describe('the outbox and its relay', () => {
  it('publish what was committed, in the envelope, and forget it', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    const bus = openBus(topology.exchange)
    await eventually(() => expect(bus.connected()).toBe(true))
    const relay = openRelay(database, bus)
    await openOutbox(database, relay).commitUnfenced(trace, async (tx) => {
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
    const failing = openOutbox(database).commitUnfenced(trace, async (tx) => {
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

  it('hear of each copy of an event that nobody receives', async () => {
    const topology = await createTopology()
    const bus = openBus(topology.exchange)
    await eventually(() => expect(bus.connected()).toBe(true))
    const copy = { id: newId(), type: 'x', routingKey: 'nobody', attempt: 0, body: '{}' }
    // The relay publishes from memory and from the outbox, and the two may meet.
    const publishing = numbers(200).map(async (n) => {
      await sleep(n / 4)
      return bus.publish([{ ...copy }])
    })
    for (const { confirmed, refused } of await Promise.all(publishing)) {
      expect(confirmed).toEqual([])
      expect(refused).toHaveLength(1)
    }
  })

  it('leave to the others what a pod could not publish in time', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    const bus = openBus(topology.exchange)
    await eventually(() => expect(bus.connected()).toBe(true))
    const relay = openRelay(database, bus)
    const frozen = {
      ...relay,
      publish: (entries: OutboxEntry[], since: number) =>
        relay.publish(entries, since - headStartMs),
    }
    await openOutbox(database, frozen).commitUnfenced(trace, async () => ({
      result: null,
      events: [done(1)],
    }))
    await sleep(headStartMs / 2)
    expect(await topology.drain(queue)).toEqual([])
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    expect(await topology.drain(queue)).toHaveLength(1)
  })

  it('share the work between pods without publishing twice', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    await tell(database, numbers(500).map(done))
    for (const _pod of numbers(3)) openRelay(database, openBus(topology.exchange))
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
    await openOutbox(database, relay).commitUnfenced(trace, async () => ({
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
    const fence = openFence(database, { epoch: 7, color: 'green', revision: 'r2' })
    const subscription = on(thingDone, {
      async handle(tx, { data: { n } }) {
        await insertEffect(tx, n)
        return [done(n + 1)]
      },
    })
    const event = arrived(thingDone, newId(), { n: 1 })
    const receive = () => subscription.receive(event, { consumer: 'test', outbox, fence })
    const outcomes = await Promise.all(numbers(6).map(receive))
    expect(outcomes.filter((outcome) => outcome === 'handled')).toHaveLength(1)
    expect(await receive()).toBe('duplicate')
    expect(await effects(database)).toEqual([1])
    expect(await waiting(database)).toHaveLength(1)
    const rows = await database.query(
      'SELECT type, color, revision, epoch::int, repeats FROM inbox',
    )
    expect(rows).toEqual([
      { type: thingDone.type, color: 'green', revision: 'r2', epoch: 7, repeats: 6 },
    ])
    // Another consumer of the same database is not concerned.
    expect(await subscription.receive(event, { consumer: 'other', outbox, fence })).toBe('handled')
  })

  it('commits nothing behind a closed gate, neither in prepare nor in handle', async () => {
    const database = await createStore()
    const outbox = openOutbox(database)
    const fence = openFence(database)
    const prepared: string[] = []
    const preparing = (write: (within: Fence, n: number) => Promise<unknown>) =>
      on(thingDone, {
        async prepare({ data: { n } }, within) {
          prepared.push('asked')
          await write(within, n)
          prepared.push('written')
        },
        handle: async () => [],
      })
    const subscriptions = [
      preparing((within, n) => insertEffect(within, n)),
      preparing((within, n) => within.transaction((tx) => insertEffect(tx, n))),
      counting(),
    ]
    const event = arrived(thingDone, newId(), { n: 1 })
    fence.close()
    for (const subscription of subscriptions) {
      const receiving = subscription.receive(event, { consumer: 'test', outbox, fence })
      await expect(receiving).rejects.toThrow(GateClosed)
    }
    expect(prepared).toEqual(['asked', 'asked'])
    expect(await effects(database)).toEqual([])
    expect(await database.query('SELECT 1 FROM inbox')).toEqual([])
  })
})

describe('the consumer', () => {
  it('tries again later when a handler fails, and has the effect once it works', async () => {
    const things = await createThings()
    let attempts = 0
    const flaky = on(thingDone, {
      async handle(tx, { data: { n } }) {
        await insertEffect(tx, n)
        attempts += 1
        if (attempts < 3) throw new Error('not yet')
        return []
      },
    })
    const consumer = openConsumer(things, flaky)
    consumer.set(openFence(things.database))
    await tell(things.database, [done(7)])
    await eventually(async () => expect(await effects(things.database)).toEqual([7]))
    expect(attempts).toBe(3)
    await eventually(async () => expect(await waiting(things.database)).toEqual([]))
    expect(await things.database.query('SELECT * FROM parked')).toEqual([])
    await consumer.close()
    expect(await things.topology.drain(things.queue)).toEqual([])
  })

  it('starts at once, finishes what it holds when it stops, and leaves the rest to others', async () => {
    const things = await createThings()
    const { database } = things
    await tell(database, numbers(40).map(done))
    openRelay(database, openBus(things.topology.exchange))
    await eventually(async () => expect(await waiting(database)).toEqual([]))

    const handledBy: Record<string, number[]> = { old: [], new: [] }
    const open = (name: string, ms: number) =>
      openConsumer(
        things,
        counting(async (n) => {
          await new Promise((resolve) => setTimeout(resolve, ms))
          handledBy[name]?.push(n)
        }),
      )
    const [first, second] = [open('old', 300), open('new', 1)]
    const start = performance.now()
    first.set(openFence(database))
    expect(first.epoch()).toBe(1)
    await eventually(() => expect(first.inFlight()).toBe(4))
    expect(performance.now() - start).toBeLessThan(1_000)

    // Live to standby, while the other one takes over.
    const closing = first.close()
    second.set(openFence(database, { epoch: 2, color: 'green' }))
    expect(first.active()).toBe(false)
    expect(first.epoch()).toBe(null)
    expect(first.inFlight()).toBe(4)
    await closing
    expect(first.inFlight()).toBe(0)
    expect(handledBy.old).toHaveLength(4)
    await eventually(async () => expect(await effects(database)).toEqual(numbers(40)))
    expect(handledBy.new).toHaveLength(36)
  })

  it('gives everything back at once when the gate is closed, and stops by itself', async () => {
    const things = await createThings()
    const { database } = things
    await tell(database, numbers(30).map(done))
    let closed = 0
    const old = openConsumer(things, counting(), { onGateClosed: () => (closed += 1) })
    const fence = openFence(database)
    fence.close()
    old.set(fence)
    await eventually(() => expect(closed).toBeGreaterThan(0))
    expect(old.epoch()).toBe(null)
    await eventually(() => expect(old.inFlight()).toBe(0))
    // The same fence again changes nothing: what closed once stays closed.
    old.set(fence)
    expect(old.active()).toBe(false)
    const returned = closed

    const next = openConsumer(things, counting())
    next.set(openFence(database, { epoch: 2 }))
    await eventually(async () => expect(await effects(database)).toEqual(numbers(30)))
    expect(closed).toBe(returned)
    expect(closed).toBeLessThanOrEqual(4)
    expect(await database.query('SELECT * FROM parked')).toEqual([])
  })

  it('goes on under another epoch without losing or repeating an effect', async () => {
    const things = await createThings()
    const { database } = things
    await tell(database, numbers(200).map(done))
    const consumer = openConsumer(things, counting())
    for (const epoch of [1, 2, 3, 4]) {
      const fence = openFence(database, { epoch })
      consumer.set(fence)
      expect(consumer.epoch()).toBe(epoch)
      await eventually(async () =>
        expect((await effects(database)).length).toBeGreaterThanOrEqual(epoch * 30),
      )
      fence.close()
    }
    consumer.set(openFence(database, { epoch: 5 }))
    await eventually(async () => expect(await effects(database)).toEqual(numbers(200)))
  })

  it('goes on after the broker was away, without losing or repeating an effect', async () => {
    const [things, proxy] = await Promise.all([createThings(), createBrokerProxy()])
    const { database, topology } = things
    await tell(database, numbers(200).map(done))
    const bus = openBus(topology.exchange, proxy.url)
    openConsumer(things, counting(), { bus }).set(openFence(database))
    for (const enough of [20, 60, 100]) {
      await eventually(async () =>
        expect((await effects(database)).length).toBeGreaterThanOrEqual(enough),
      )
      proxy.cut()
      proxy.restore()
    }
    await eventually(async () => expect(await effects(database)).toEqual(numbers(200)))
  })

  it('holds what comes before its fence, and handles it then', async () => {
    const things = await createThings()
    const consumer = openConsumer(things, counting())
    await things.topology.publish(numbers(10).map((n) => arrived(thingDone, newId(), { n })))
    consumer.prepare()
    await eventually(() => expect(consumer.inFlight()).toBe(4))
    expect(consumer.epoch()).toBeNull()
    expect(await effects(things.database)).toEqual([])
    consumer.set(openFence(things.database))
    await eventually(async () => expect(await effects(things.database)).toEqual(numbers(10)))
    expect(consumer.epoch()).toBe(1)
  })

  it('gives back what came, when no fence does within a second or it is not wanted any more', async () => {
    const things = await createThings()
    const bus = openBus(things.topology.exchange)
    const consumer = openConsumer(things, counting())
    const everything = async () => expect(await bus.depth(things.queue)).toBe(10)
    await things.topology.publish(numbers(10).map((n) => arrived(thingDone, newId(), { n })))
    consumer.prepare()
    await eventually(() => expect(consumer.inFlight()).toBe(4))
    await eventually(everything)
    expect(consumer.inFlight()).toBe(0)
    consumer.prepare()
    await eventually(() => expect(consumer.inFlight()).toBe(4))
    const start = performance.now()
    consumer.set(null)
    await eventually(everything)
    expect(performance.now() - start).toBeLessThan(900)
    expect(await effects(things.database)).toEqual([])
  })

  it('holds what it has while the database is away, and counts it as no failure', async () => {
    const things = await createThings()
    const { database } = things
    let away = true
    const fence = openFence(database)
    const flaky = {
      ...fence,
      transaction: ((work) =>
        away
          ? Promise.reject(Object.assign(new Error('refused'), { statusCode: 503 }))
          : fence.transaction(work)) as typeof fence.transaction,
    }
    const consumer = openConsumer(things, counting())
    consumer.set(flaky)
    await tell(database, numbers(10).map(done))
    await eventually(() => expect(consumer.inFlight()).toBe(4))
    // On the way out it gives back what it holds, at once.
    const start = performance.now()
    consumer.set(null)
    await eventually(() => expect(consumer.inFlight()).toBe(0))
    expect(performance.now() - start).toBeLessThan(400)

    consumer.set({ ...flaky, epoch: 2 })
    await eventually(() => expect(consumer.inFlight()).toBe(4))
    away = false
    await eventually(async () => expect(await effects(database)).toEqual(numbers(10)))
    expect(await database.query('SELECT * FROM parked')).toEqual([])
  })
})
