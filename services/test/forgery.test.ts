import { contract } from '@shop/events/envelope'
import { on } from '@shop/kernel/inbox'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { arrived, newId } from './infrastructure.ts'
import { openService } from './stuck.ts'
import { eventually } from './things.ts'

describe('an event that its type does not belong to', () => {
  const owned = contract('thing.done.v1', z.object({ n: z.int() }), '/test')
  const open = () => openService(on(owned, { handle: async () => [] }))
  const event = () => arrived(owned, newId(), { n: 1 })

  it('is parked at once when it is of another source, and discarded like any other', async () => {
    const shop = await open()
    await shop.topology.publish([{ ...event(), source: '/other' }])
    const [stuck] = await shop.parked()
    expect(stuck).toMatchObject({
      state: 'parked',
      attempts: 1,
      source: '/other',
      reason: 'thing.done.v1 is an event of /test, and this one is of /other',
    })
  })

  it('is parked at once when it came with the routing key of another type', async () => {
    const shop = await open()
    const { exchange } = shop.topology
    await shop.topology.bind(shop.queue, 'other.done.v1')
    await shop.topology.send({ exchange, routingKey: 'other.done.v1' }, JSON.stringify(event()))
    const [stuck] = await shop.parked()
    expect(stuck).toMatchObject({
      attempts: 1,
      reason: 'thing.done.v1 came with the routing key other.done.v1',
    })
  })

  it('is handled when it comes as a retry, or an administrator sends it to the queue', async () => {
    const shop = await open()
    const { exchange } = shop.topology
    const [retry, sent] = [event(), event()]
    const routingKey = `retry.${shop.queue}`
    await shop.topology.send({ exchange, routingKey }, JSON.stringify(retry))
    await shop.send(JSON.stringify(sent))
    await eventually(async () => {
      const rows = await shop.database.query<{ id: string }>('SELECT message_id AS id FROM inbox')
      expect(rows.map(({ id }) => id).sort()).toEqual([retry.id, sent.id].sort())
    })
    expect(await shop.list()).toEqual([])
  })
})
