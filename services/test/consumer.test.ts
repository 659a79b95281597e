import { on } from '@shop/kernel/inbox'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { arrived, newId, openBus, openFence, openRelay } from './infrastructure.ts'
import { createBrokerProxy } from './proxy.ts'
import {
  counting,
  createThings,
  done,
  effects,
  eventually,
  insertEffect,
  numbers,
  openConsumer,
  store,
  thingDone,
  waiting,
} from './things.ts'

describe('the consumer', () => {
  it('retries when a handler fails, and has the effect once', async () => {
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
    await store(things.database, [done(7)])
    await eventually(async () => expect(await effects(things.database)).toEqual([7]))
    expect(attempts).toBe(3)
    await eventually(async () => expect(await waiting(things.database)).toEqual([]))
    expect(await things.database.query('SELECT * FROM parked')).toEqual([])
    await consumer.close()
    expect(await things.topology.drain(things.queue)).toEqual([])
  })

  it('starts at once, finishes its deliveries when it stops, and leaves the others to the next consumer', async () => {
    const things = await createThings()
    const { database } = things
    await store(database, numbers(40).map(done))
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

    // The first one stops while the other one starts.
    const closing = first.close()
    second.set(openFence(database, { epoch: 2, color: 'green' }))
    expect(first.active()).toBe(false)
    expect(first.epoch()).toBeNull()
    expect(first.inFlight()).toBe(4)
    await closing
    expect(first.inFlight()).toBe(0)
    expect(handledBy.old).toHaveLength(4)
    await eventually(async () => expect(await effects(database)).toEqual(numbers(40)))
    expect(handledBy.new).toHaveLength(36)
    expect(first.handled()).toMatchObject({ epoch: 1, messages: 4 })
    await eventually(() => expect(second.handled()).toMatchObject({ epoch: 2, messages: 36 }))
    const { firstAt, lastAt } = second.handled() ?? {}
    expect(Number(firstAt)).toBeLessThan(Number(lastAt))
  })

  it('requeues everything when the gate is closed, and stops', async () => {
    const things = await createThings()
    const { database } = things
    await store(database, numbers(30).map(done))
    let closed = 0
    const old = openConsumer(things, counting(), { onGateClosed: () => (closed += 1) })
    const fence = openFence(database)
    fence.close()
    old.set(fence)
    await eventually(() => expect(closed).toBeGreaterThan(0))
    expect(old.epoch()).toBeNull()
    await eventually(() => expect(old.inFlight()).toBe(0))
    // Setting the same fence again does not restart it.
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

  it('continues in another epoch without losing or repeating an effect', async () => {
    const things = await createThings()
    const { database } = things
    await store(database, numbers(200).map(done))
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

  it('continues after an outage of the broker, without losing or repeating an effect', async () => {
    const [things, proxy] = await Promise.all([createThings(), createBrokerProxy()])
    const { database, topology } = things
    await store(database, numbers(200).map(done))
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

  it('keeps deliveries that arrive before its fence, and handles them then', async () => {
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

  it('requeues deliveries when there is no fence within a second, or it is stopped', async () => {
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

  it('logs why it cannot settle a delivery, once for each reason', async () => {
    const things = await createThings()
    const reasons: string[] = []
    const log = pino(
      {},
      { write: (line) => void reasons.push((JSON.parse(line) as { err: Error }).err.message) },
    )
    let failures = 0
    const fence = {
      ...openFence(things.database),
      transaction: () => {
        failures += 1
        throw Object.assign(new Error(failures < 3 ? 'first' : 'second'), { statusCode: 503 })
      },
    }
    const consumer = openConsumer(things, counting(), { logger: log })
    consumer.set(fence)
    await things.topology.publish([arrived(thingDone, newId(), { n: 1 })])
    await eventually(() => expect(failures).toBeGreaterThan(4))
    expect(reasons).toEqual(['first', 'second'])
  })

  it('keeps its deliveries during an outage of the database, and counts no failure', async () => {
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
    await store(database, numbers(10).map(done))
    await eventually(() => expect(consumer.inFlight()).toBe(4))
    // When stopped, it requeues them at once.
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
