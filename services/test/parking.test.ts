import { contract, draft } from '@shop/events/envelope'
import { replayUnhandled } from '@shop/kernel/parking'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { arrived, newId, openFence, openOutbox } from './infrastructure.ts'
import { openService } from './stuck.ts'
import {
  counting,
  done,
  effects,
  eventually,
  numbers,
  store,
  thingDone,
  waiting,
} from './things.ts'

describe('a handler that fails', () => {
  it('runs 8 times, and then the message is parked with the last reason', async () => {
    let attempts = 0
    const shop = await openService(
      counting(() => {
        attempts += 1
        throw new Error(`no ${attempts}`)
      }),
    )
    await store(shop.database, [done(1), done(2)])
    const stuck = await shop.parked(2)
    expect(attempts).toBe(16)
    expect(stuck[0]).toMatchObject({
      type: thingDone.type,
      source: '/test',
      state: 'parked',
      attempts: 8,
      reason: expect.stringMatching(/^no \d+$/),
    })
    expect(stuck[0]?.subject).toMatch(/^[0-9a-f-]{36}$/)
    expect(await waiting(shop.database)).toEqual([])
    expect(await effects(shop.database)).toEqual([])
    expect(await shop.accounting()).toMatchObject({
      parked: 2,
      retrying: 0,
      queued: 0,
      dead: 0,
      outbox: { waiting: 0 },
      byEpoch: [],
    })
  })

  it('counts an attempt once, however many copies of it arrive', async () => {
    let attempts = 0
    const shop = await openService(
      counting(() => {
        attempts += 1
        throw new Error('no')
      }),
    )
    const event = arrived(thingDone, newId(), { n: 1 })
    await shop.topology.publish(numbers(20).map(() => event))
    const [stuck] = await shop.parked()
    expect(stuck).toMatchObject({ id: event.id, attempts: 8 })
    // 20 copies of the first, one of each retry.
    expect(attempts).toBe(27)
    await shop.send(JSON.stringify(event), { 'x-attempt': 3 })
    await eventually(() => expect(attempts).toBe(28))
    expect(await shop.parked()).toEqual([stuck])
  })

  it('leaves no stuck message once a copy has succeeded', async () => {
    let broken = true
    const shop = await openService(
      counting(() => {
        if (broken) throw new Error('no')
      }),
    )
    const event = arrived(thingDone, newId(), { n: 1 })
    await shop.topology.publish([event])
    await shop.parked()
    broken = false
    await shop.topology.publish([event])
    await eventually(async () => expect(await shop.list()).toEqual([]))
    expect(await effects(shop.database)).toEqual([1])
  })
})

describe('an unreadable message', () => {
  const other = contract('thing.done.v2', z.object({ n: z.string() }))
  const stranger = contract('cat.fed.v1', z.object({}))

  it.each([
    [
      'of another version',
      JSON.stringify(arrived(other, 'x', { n: '1' })),
      'cannot read thing.done.v2, only thing.done.v1',
    ],
    [
      'of another type',
      JSON.stringify(arrived(stranger, 'x', {})),
      'this version does not handle cat.fed.v1',
    ],
    [
      'with wrong data',
      JSON.stringify({ ...arrived(thingDone, 'x', { n: 1 }), data: { n: 'one' } }),
      'not a thing.done.v1: n: ',
    ],
    ['that is no event', JSON.stringify({ hello: 1 }), 'not an event: specversion, id, source'],
    ['that is no JSON', 'hello', 'not an event: not JSON'],
    ['that is no text', Buffer.from([0, 255, 0, 254]), 'not an event: not JSON'],
    ['that is empty', '', 'not an event: not JSON'],
  ])('%s is parked at once', async (_, body, reason) => {
    const shop = await openService()
    await shop.send(body)
    await shop.send(body)
    const [stuck, ...others] = await shop.parked()
    expect(others).toEqual([])
    expect(stuck).toMatchObject({ attempts: 1, reason: expect.stringContaining(reason) })
    await eventually(() => expect(shop.consumer.inFlight()).toBe(0))
    expect(await shop.accounting()).toMatchObject({ queued: 0, parked: 1, retrying: 0 })
    // Other messages are handled.
    await store(shop.database, [done(5)])
    await eventually(async () => expect(await effects(shop.database)).toEqual([5]))
  })

  it('is replayed by a version that handles its type', async () => {
    const shop = await openService()
    await shop.send(JSON.stringify(arrived(stranger, 'x', {})))
    // Two that wait are handled at once, in any order.
    await shop.parked()
    await shop.send(JSON.stringify(arrived(other, 'x', { n: '1' })))
    await shop.parked(2)
    // Or it is delivered and parked once more before it is listed.
    shop.consumer.set(null)
    const outbox = openOutbox(shop.database, shop.relay)
    const again = replayUnhandled(outbox, shop.queue, [thingDone.type, stranger.type])
    expect(await shop.database.transaction((tx) => again.run(tx))).toEqual([])
    expect(await shop.list()).toMatchObject([
      { type: stranger.type, state: 'retrying', attempts: 0 },
      { type: other.type, state: 'parked' },
    ])
  })

  it('of an earlier version that recorded no cause is replayed once', async () => {
    const shop = await openService()
    const insert = async (cause: string | null) => {
      const event = arrived(stranger, 'x', {})
      await shop.database.query(
        `INSERT INTO parked (message_id, state, attempts, reason, type, body, cause)
         VALUES ($1, 'parked', 8, 'no', $2, $3, $4)`,
        [event.id, event.type, Buffer.from(JSON.stringify(event)), cause],
      )
      return event.id
    }
    const ids = [await insert(null), await insert('other')]
    const again = replayUnhandled(openOutbox(shop.database, shop.relay), shop.queue, [
      stranger.type,
    ])
    shop.consumer.set(null)
    await shop.database.transaction((tx) => again.run(tx))
    const [first] = await shop.list()
    expect(first).toMatchObject({ id: ids[0], state: 'retrying' })
    shop.consumer.set(openFence(shop.database, { epoch: 2 }))
    await shop.parked(2)
    expect(await shop.database.query('SELECT cause FROM parked ORDER BY cause')).toEqual([
      { cause: 'other' },
      { cause: 'unhandled' },
    ])
  })

  it('is replayed in batches, the oldest first', async () => {
    const shop = await openService()
    shop.consumer.set(null)
    const body = Buffer.from(JSON.stringify(arrived(stranger, 'x', {})))
    await shop.database.query(
      `INSERT INTO parked
         (message_id, state, attempts, reason, type, body, cause, first_failed_at)
       SELECT gen_random_uuid(), 'parked', 1, n::text, $1, $2, 'unhandled', now() - n * interval '1 s'
       FROM generate_series(1, 101) AS n`,
      [stranger.type, body],
    )
    const again = replayUnhandled(openOutbox(shop.database), shop.queue, [stranger.type])
    await shop.database.transaction((tx) => again.run(tx))
    const left = await shop.database.query(`SELECT reason FROM parked WHERE state = 'parked'`)
    expect(left).toEqual([{ reason: '1' }])
  })

  it('that cannot be stored does not keep others from being replayed', async () => {
    const shop = await openService()
    await shop.send(JSON.stringify({ ...arrived(stranger, 'x', {}), extension: 'a\0b' }))
    await shop.send(JSON.stringify(arrived(stranger, 'x', {})))
    const parked = await shop.parked(2)
    shop.consumer.set(null)
    const again = replayUnhandled(openOutbox(shop.database), shop.queue, [stranger.type])
    await shop.database.transaction((tx) => again.run(tx))
    expect((await shop.list()).map(({ state }) => state).sort()).toEqual(['parked', 'retrying'])
    // Nor does it take a place in the next batch.
    const causes = `SELECT cause FROM parked WHERE state = 'parked'`
    expect(await shop.database.query(causes)).toEqual([{ cause: 'other' }])
    const answers = parked.map(({ id }) => shop.messages.replay(shop.ask(id)))
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([409, 409])
  })

  it('is shown as text or JSON, as another client has sent it', async () => {
    const shop = await openService()
    await shop.send('hello', {}, 'text/plain')
    // One after the other, so that their order is known.
    await shop.parked(1)
    await shop.send('{"a":1}', {}, 'application/json')
    const shown = await Promise.all(
      (await shop.parked(2)).map(({ id }) => shop.messages.show(shop.ask(id, 'reveal=true'))),
    )
    const contents = shown.map((one) => ('body' in one ? (one.body as { event: unknown }) : null))
    expect(contents.map((one) => one?.event)).toEqual(['hello', { a: 1 }])
  })

  it('that cannot be stored for a retry is parked instead', async () => {
    const shop = await openService(
      counting(() => {
        throw new Error('no')
      }),
    )
    const event = { ...arrived(thingDone, 'x', { n: 1 }), subject: 'a\0b' }
    await shop.send(JSON.stringify(event))
    const [stuck] = await shop.parked()
    expect(stuck).toMatchObject({ id: event.id, subject: 'a\uFFFDb', attempts: 1 })
    expect(stuck?.reason).toMatch(/^no \(and it cannot be sent again: /)
  })
})

describe('a message without an outcome', () => {
  it('that is delivered 100 times has one effect, and the repetitions are counted', async () => {
    const shop = await openService()
    const event = arrived(thingDone, newId(), { n: 1 })
    await shop.topology.publish(numbers(100).map(() => event))
    await eventually(async () =>
      expect(await shop.accounting()).toMatchObject({ queued: 0, duplicatesRefused: 99 }),
    )
    expect(await effects(shop.database)).toEqual([1])
    expect(await shop.accounting()).toMatchObject({
      byEpoch: [{ epoch: 1, color: 'blue', revision: 'r1', handled: 1 }],
    })
  })

  it('that is dead-lettered is parked, and can be replayed', async () => {
    const shop = await openService()
    shop.consumer.set(null)
    await eventually(() => expect(shop.consumer.inFlight()).toBe(0))
    const event = arrived(thingDone, newId(), { n: 3 })
    const { exchange } = shop.topology
    const dying = { exchange, routingKey: thingDone.type, expiration: '1' }
    await shop.topology.send(dying, JSON.stringify(event))
    await eventually(async () => expect((await shop.accounting()).dead).toBe(1))
    shop.consumer.set(openFence(shop.database, { epoch: 2 }))
    const [stuck] = await shop.parked()
    expect(stuck).toMatchObject({ id: event.id, reason: `dead letter: expired in ${shop.queue}` })
    await shop.messages.replay(shop.ask(event.id))
    await eventually(async () => expect(await effects(shop.database)).toEqual([3]))
    expect(await shop.list()).toEqual([])
  })

  it('is parked after 50 deliveries without an outcome', async () => {
    const shop = await openService()
    await shop.send(JSON.stringify(arrived(thingDone, newId(), { n: 1 })), {
      'x-delivery-count': 50,
    })
    const [stuck] = await shop.parked()
    expect(stuck?.reason).toBe('delivered 50 times without an outcome')
  })

  it('that is not routed is listed, and delivered once its binding is back', async () => {
    const shop = await openService()
    await shop.topology.unbind(shop.queue, thingDone.type)
    const thing = draft(thingDone, 'a-thing', { n: 4 })
    await store(shop.database, [thing])
    await eventually(async () => expect(await shop.list()).toHaveLength(1))
    const [stuck] = await shop.list()
    expect(stuck).toMatchObject({
      type: thingDone.type,
      subject: 'a-thing',
      state: 'unroutable',
      reason: 'returned: NO_ROUTE',
    })
    expect(await shop.messages.show(shop.ask(stuck?.id))).toMatchObject({
      status: 200,
      body: { state: 'unroutable', event: { id: stuck?.id, data: { n: 4 } } },
    })
    expect(await shop.messages.discard(shop.ask(stuck?.id))).toMatchObject({ status: 404 })
    await shop.topology.bind(shop.queue, thingDone.type)
    await eventually(async () => expect(await effects(shop.database)).toEqual([4]))
    expect(await shop.list()).toEqual([])
  })
})
