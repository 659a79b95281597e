import { setTimeout as sleep } from 'node:timers/promises'
import { contract, draft, envelope } from '@shop/events/envelope'
import { headStartMs, type OutboxEntry } from '@shop/kernel/relay'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createTopology, newId, openBus, openOutbox, openRelay, trace } from './infrastructure.ts'
import { createBrokerProxy } from './proxy.ts'
import {
  createStore,
  createThings,
  done,
  effects,
  eventually,
  insertEffect,
  numbers,
  store,
  thingDone,
  waiting,
} from './things.ts'

const thingLost = contract('thing.lost.v1', z.object({ n: z.int() }))

describe('the outbox and its relay', () => {
  it('publish what was committed, in the envelope, and delete it', async () => {
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
      traceparent: expect.stringContaining(trace.slice(3, 35)),
    })
  })

  it('publish nothing that was rolled back', async () => {
    const database = await createStore()
    const failing = openOutbox(database).commitUnfenced(trace, async (tx) => {
      await insertEffect(tx, 1)
      return { result: null, events: [{ type: 'x', subject: 'x', data: 1n }] }
    })
    await expect(failing).rejects.toThrow()
    expect(await effects(database)).toEqual([])
    expect(await waiting(database)).toEqual([])
  })

  it('keep events without a queue, and publish all others', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    const lost = numbers(120).map((n) => draft(thingLost, newId(), { n }))
    await store(database, [...lost, done(1)])
    openRelay(database, openBus(topology.exchange))
    await eventually(async () => expect(await topology.drain(queue)).toHaveLength(1))
    const left = await waiting(database)
    expect(left).toHaveLength(120)
    expect(left.every(({ type, attempts }) => type === thingLost.type && attempts > 0)).toBe(true)

    const late = await topology.queue(thingLost.type)
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    expect(await topology.drain(late)).toHaveLength(120)
  })

  it('notice each copy of an event without a queue', async () => {
    const topology = await createTopology()
    const bus = openBus(topology.exchange)
    await eventually(() => expect(bus.connected()).toBe(true))
    const copy = { id: newId(), type: 'x', routingKey: 'nobody', attempt: 0, body: '{}' }
    // The relay may publish the same event from memory and from the outbox at the same time.
    const publishing = numbers(200).map(async (n) => {
      await sleep(n / 4)
      return bus.publish([{ ...copy }])
    })
    for (const { confirmed, refused } of await Promise.all(publishing)) {
      expect(confirmed).toEqual([])
      expect(refused).toHaveLength(1)
    }
  })

  it('leave events to others that a pod could not publish in time', async () => {
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

  it('publish each event once with several pods', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    await store(database, numbers(500).map(done))
    for (const _pod of numbers(3)) openRelay(database, openBus(topology.exchange))
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    const ids = (await topology.drain(queue)).map(({ messageId }) => messageId)
    expect(ids).toHaveLength(500)
    expect(new Set(ids).size).toBe(500)
  })

  it('publish later what was committed without a broker', async () => {
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

  it('wait while the broker raises an alarm, without a failed attempt, and consumers still open', async () => {
    const [things, proxy] = await Promise.all([createThings(), createBrokerProxy()])
    const { database, topology, queue } = things
    const bus = openBus(topology.exchange, proxy.url)
    await eventually(() => expect(bus.connected()).toBe(true))
    openRelay(database, bus)
    await store(database, [done(1)])
    await eventually(async () => expect(await waiting(database)).toEqual([]))

    proxy.block('low on memory')
    await store(database, numbers(20).map(done))
    await eventually(() => expect(bus.blocked()).toBe('low on memory'))
    expect(bus.connected()).toBe(true)
    const received: number[] = []
    const consumption = bus.consume(queue, 4, async ({ body }) => {
      received.push(JSON.parse(String(body)).data.n)
      return true
    })
    await eventually(() => expect(received).toContain(1))
    expect(await bus.depth(queue)).toBe(0)
    // Longer than the relay waits for confirms.
    await sleep(3_000)
    const left = await waiting(database)
    expect(left.length).toBeGreaterThan(0)
    expect(left.every(({ attempts }) => attempts === 0)).toBe(true)

    proxy.unblock()
    await eventually(async () => expect(await waiting(database)).toEqual([]))
    expect(bus.blocked()).toBeNull()
    await eventually(() => expect(new Set(received)).toEqual(new Set(numbers(20))))
    await consumption.stop()
  })

  it('publish all others when the broker lets the service not publish one', async () => {
    const [database, topology] = await Promise.all([createStore(), createTopology()])
    const queue = await topology.queue(thingDone.type)
    const url = await topology.user(`^${thingDone.type.replaceAll('.', '\\.')}$`)
    await store(database, [done(1), draft(thingLost, newId(), { n: 2 }), done(3)])
    openRelay(database, openBus(topology.exchange, url))
    await eventually(async () =>
      expect(await waiting(database)).toEqual([{ type: thingLost.type, attempts: 1 }]),
    )
    const [{ reason } = { reason: '' }] = await database.query<{ reason: string }>(
      'SELECT last_error AS reason FROM outbox',
    )
    expect(reason).toContain("write access to topic 'thing.lost.v1'")
    // The broker may have had one of them before it closed the channel.
    const ids = (await topology.drain(queue)).map(({ messageId }) => messageId)
    expect(new Set(ids).size).toBe(2)
  })

  it('end in time while the broker raises an alarm', async () => {
    const [topology, proxy] = await Promise.all([createTopology(), createBrokerProxy()])
    const bus = openBus(topology.exchange, proxy.url)
    await eventually(() => expect(bus.connected()).toBe(true))
    proxy.block('low on disk')
    const event = { id: newId(), type: 'x', routingKey: 'nobody', attempt: 0, body: '{}' }
    expect(await bus.publish([event])).toEqual({ confirmed: [], refused: [] })
    const start = performance.now()
    await bus.close()
    expect(performance.now() - start).toBeLessThan(1_500)
  })
})
