import { Away, NotYet, Poison } from '@shop/kernel/failures'
import { describe, expect, it } from 'vitest'
import { effects, eventually, numbers, thingDone } from './things.ts'
import { openShop, other } from './waiting-scene.ts'

describe('a system that is away', () => {
  it('makes its events wait, without an attempt, and no others', async () => {
    let away = true
    let calls = 0
    const shop = await openShop(() => {
      calls += 1
      if (away) throw new Away('the mail server cannot be reached: ECONNREFUSED')
    })
    shop.open(1)
    await shop.publish(thingDone, numbers(60))
    await eventually(async () =>
      expect(await shop.accounting()).toMatchObject({ queued: 0, retrying: 60, parked: 0 }),
    )
    const tried = calls
    // At most what was taken before the pause, and some probes.
    expect(tried).toBeLessThan(15)
    await shop.publish(other, [100])
    await eventually(async () => expect(await effects(shop.database)).toEqual([100]))

    const stuck = await shop.list()
    expect(stuck).toHaveLength(60)
    for (const { state, attempts } of stuck) expect([state, attempts]).toEqual(['retrying', 0])
    const { waiting } = await shop.accounting()
    expect(waiting.oldestAt).toBeInstanceOf(Date)
    expect(waiting.away).toMatchObject([
      {
        dependency: 'the mail server',
        reason: 'the mail server cannot be reached: ECONNREFUSED',
      },
    ])

    away = false
    await eventually(async () =>
      expect(await effects(shop.database)).toEqual([...numbers(60), 100]),
    )
    expect(await shop.list()).toEqual([])
    expect((await shop.accounting()).waiting).toEqual({ messages: 0, oldestAt: null, away: [] })
  })

  it('is tried by one message at a time, and less and less often', async () => {
    let calls = 0
    const shop = await openShop(() => {
      calls += 1
      throw new Away('no answer')
    })
    shop.open(1)
    await shop.publish(thingDone, numbers(20))
    const pause = async () => {
      const [row] = await shop.database.query<{ failures: number; ms: number }>(
        'SELECT failures, extract(epoch FROM until - began_at)::float8 * 1000 AS ms FROM pauses',
      )
      return row ?? { failures: 0, ms: 0 }
    }
    await eventually(async () => expect((await pause()).failures).toBeGreaterThanOrEqual(5))
    // 40 ms, 80, 160, 320 and 640, each at least 75 % of that.
    expect((await pause()).ms).toBeGreaterThan(900)
    // Four messages are handled at once. Then there is one call per pause.
    expect(calls).toBeLessThanOrEqual(4 + (await pause()).failures)
    expect((await shop.list()).every(({ attempts }) => attempts === 0)).toBe(true)
  })

  it('is waited for over a restart and a switch, and the live slot goes on', async () => {
    let away = true
    const shop = await openShop(() => {
      if (away) throw new Away('no answer')
    })
    const old = shop.open(1)
    await shop.publish(thingDone, numbers(10))
    await eventually(async () => expect((await shop.accounting()).waiting.messages).toBe(10))
    await old.close()
    away = false
    shop.open(2)
    await eventually(async () => expect(await effects(shop.database)).toEqual(numbers(10)))
    const epochs = await shop.database.query('SELECT DISTINCT epoch::int AS epoch FROM inbox')
    expect(epochs).toEqual([{ epoch: 2 }])
  })

  it('is back, though the message that tries it is poison', async () => {
    let away = true
    const shop = await openShop((n) => {
      if (away) throw new Away('no answer')
      if (n === 0) throw new Poison('no such mailbox')
    })
    shop.open(1)
    await shop.publish(thingDone, [0])
    await eventually(async () => expect((await shop.accounting()).waiting.messages).toBe(1))
    await shop.publish(thingDone, [1, 2, 3])
    await eventually(async () => expect((await shop.accounting()).waiting.messages).toBe(4))
    away = false
    await eventually(async () => expect(await effects(shop.database)).toEqual([1, 2, 3]))
    expect(await shop.list()).toMatchObject([{ state: 'parked', attempts: 1 }])
  })

  it('makes a copy wait once', async () => {
    let away = true
    const shop = await openShop(() => {
      if (away) throw new Away('no answer')
    })
    shop.open(1)
    const [event] = await shop.publish(thingDone, [1])
    for (const _ of numbers(5)) await shop.topology.publish(event ? [event] : [])
    await eventually(async () =>
      expect(await shop.accounting()).toMatchObject({ queued: 0, retrying: 1 }),
    )
    away = false
    await eventually(async () => expect(await effects(shop.database)).toEqual([1]))
    expect(await shop.list()).toEqual([])
  })

  it('asks for a time, which is kept', async () => {
    let calls = 0
    const shop = await openShop(() => {
      calls += 1
      throw new Away('answers 429', { retryAfterMs: 60_000 })
    })
    shop.open(1)
    await shop.publish(thingDone, [1])
    await eventually(async () => expect((await shop.accounting()).waiting.messages).toBe(1))
    const [{ ms } = { ms: 0 }] = await shop.database.query<{ ms: number }>(
      'SELECT extract(epoch FROM until - now()) * 1000 AS ms FROM pauses',
    )
    expect(Number(ms)).toBeGreaterThan(50_000)
    expect(calls).toBe(1)
  })
})

it('a system that asked for a long time is tried at once after a switch', async () => {
  let away = true
  const shop = await openShop(() => {
    if (away) throw new Away('answers 401', { retryAfterMs: 3_600_000 })
  })
  const old = shop.open(1)
  await shop.publish(thingDone, [1])
  await eventually(async () => expect((await shop.accounting()).waiting.messages).toBe(1))
  await old.close()
  away = false
  await shop.database.query('UPDATE release_gate SET epoch = epoch + 1')
  shop.open(2)
  await eventually(async () => expect(await effects(shop.database)).toEqual([1]))
})

it('a long backlog does not fill the queue', async () => {
  const { database, release } = await openShop(() => {})
  await database.query(
    `INSERT INTO parked (message_id, state, attempts, reason, type, body, cause)
     SELECT gen_random_uuid(), 'parked', 0, 'away', $1, '{}', 'waiting' FROM generate_series(1, 400)`,
    [thingDone.type],
  )
  const released = async () => {
    const where = `FROM parked WHERE state = 'retrying'`
    const [row] = await database.query<{ count: number }>(`SELECT count(*)::int ${where}`)
    return row?.count
  }
  await release()
  await release()
  expect(await released()).toBe(100)
  const some = `SELECT message_id FROM parked WHERE state = 'retrying' LIMIT 60`
  await database.query(`DELETE FROM parked WHERE message_id IN (${some})`)
  await release()
  expect(await released()).toBe(100)
  // Their copies are lost.
  await database.query(
    `UPDATE parked SET last_failed_at = now() - interval '6 minutes' WHERE state = 'retrying'`,
  )
  await release()
  expect(await released()).toBe(200)
})

describe('an event', () => {
  it.each(['itself', 'another'])(
    'is not given up because the whole system was away for a day, and %s tries it first',
    async (probe) => {
      let away = false
      let refused = 0
      const shop = await openShop((n) => {
        if (away) throw new Away('no answer')
        if (n === 1) return
        refused += 1
        throw new NotYet('the mail server refused the mail: 450 EENVELOPE')
      })
      const old = shop.open(1)
      const [deferred] = await shop.publish(thingDone, [0])
      await eventually(async () => expect(await shop.list()).toHaveLength(1))
      away = true
      const [sent] = await shop.publish(thingDone, [1])
      await eventually(async () => expect((await shop.accounting()).waiting.messages).toBe(2))
      await old.close()
      // The pods ended while one of the messages was on its way to try the system.
      const event = probe === 'itself' ? deferred : sent
      await shop.database.query(`UPDATE parked SET state = 'retrying' WHERE message_id = $1`, [
        event?.id,
      ])
      await shop.database.query(
        `UPDATE pauses SET began_at = now() - interval '25 hours', until = now() + interval '1 minute', probe = $1`,
        [event?.id],
      )
      await shop.database.query(
        `UPDATE parked SET postponed_at = now() - interval '26 hours' WHERE postponed_at IS NOT NULL`,
      )
      away = false
      refused = 0
      if (event) await shop.topology.publish([event])
      shop.open(2)
      await eventually(async () => expect(await effects(shop.database)).toEqual([1]))
      await eventually(() => expect(refused).toBeGreaterThan(1))
      expect((await shop.list()).map(({ state }) => state)).toEqual(['retrying'])
    },
  )

  it('waits alone when it is not yet taken, and is parked after a day', async () => {
    let later = true
    const shop = await openShop((n) => {
      if (later && n < 2) throw new NotYet('the mail server refused the mail: 450 EENVELOPE')
    })
    shop.open(1)
    await shop.publish(thingDone, numbers(5))
    await eventually(async () => expect(await effects(shop.database)).toEqual([2, 3, 4]))
    expect((await shop.accounting()).waiting.away).toEqual([])
    await eventually(async () => expect(await shop.list()).toHaveLength(2))
    const [first] = await shop.list()
    expect(first).toMatchObject({ state: 'retrying', attempts: 0 })
    await shop.database.query(
      `UPDATE parked SET postponed_at = now() - interval '25 hours' WHERE message_id = $1`,
      [first?.id],
    )
    await eventually(async () =>
      expect((await shop.list()).map(({ id, state }) => `${id} ${state}`)).toContain(
        `${first?.id} parked`,
      ),
    )
    later = false
    await eventually(async () => expect(await shop.list()).toHaveLength(1))
  })

  it('is parked at once when it is poison', async () => {
    const shop = await openShop((n) => {
      if (n === 1) throw new Poison('no such mailbox')
    })
    shop.open(1)
    await shop.publish(thingDone, [1, 2])
    await eventually(async () =>
      expect(await shop.list()).toMatchObject([
        { state: 'parked', attempts: 1, reason: 'no such mailbox' },
      ]),
    )
    await eventually(async () => expect(await effects(shop.database)).toEqual([2]))
  })
})
