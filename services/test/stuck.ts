// For tests of stuck messages: a consumer, and the management routes for its messages.
import { kernelAccounting } from '@shop/kernel/accounting'
import { createMessages } from '@shop/kernel/messages'
import type { StuckMessage } from '@shop/kernel/parking'
import { expect } from 'vitest'
import { openBus, openFence, openOutbox, openRelay } from './infrastructure.ts'
import { counting, createThings, eventually, openConsumer } from './things.ts'

export async function openService(subscription = counting()) {
  const things = await createThings()
  const { database, topology, queue } = things
  const bus = openBus(topology.exchange)
  const relay = openRelay(database, bus)
  const outbox = openOutbox(database, relay)
  const messages = createMessages({ database, outbox, service: queue })
  const consumer = openConsumer(things, subscription)
  consumer.set(openFence(database))
  const ask = (id = '', query = '') => ({ params: { id }, query: new URLSearchParams(query) })
  const list = async () => {
    const answer = await messages.list(ask())
    return 'body' in answer ? (answer.body as StuckMessage[]) : []
  }
  return {
    ...things,
    bus,
    relay,
    consumer,
    messages,
    ask,
    list,
    /** Waits until `count` messages are parked, and returns all stuck messages. */
    parked: async (count = 1) => {
      await eventually(async () => {
        const found = await list()
        expect(found.filter(({ state }) => state === 'parked')).toHaveLength(count)
      })
      return list()
    },
    accounting: () => kernelAccounting({ database, bus }, queue),
    /** Publishes any body directly to the queue. */
    send: (body: Buffer | string, headers = {}, contentType = 'application/octet-stream') =>
      topology.send({ routingKey: queue, headers, contentType }, body),
  }
}
