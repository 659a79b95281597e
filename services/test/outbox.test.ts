import { setTimeout as sleep } from 'node:timers/promises'
import { contract, draft, envelope } from '@shop/events/envelope'
import { headStartMs, type OutboxEntry } from '@shop/kernel/relay'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createBrokerProxy,
  createTopology,
  newId,
  openBus,
  openOutbox,
  openRelay,
  trace,
} from './infrastructure.ts'
import {
  createStore,
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
      traceparent: trace,
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
})
