// Orders that are cancelled while the payment provider is away.

import { orderCancelled, stockReserved } from '@shop/events/contracts'
import { kernelAccounting } from '@shop/kernel/accounting'
import { Away } from '@shop/kernel/failures'
import { listStuck } from '@shop/kernel/parking'
import { startSchedule } from '@shop/kernel/schedule'
import { untraced } from '@shop/kernel/spans'
import { releaseWaiting } from '@shop/kernel/waiting'
import * as books from '@shop/payment/accounting'
import * as payment from '@shop/payment/handlers'
import { createPaymentMetrics } from '@shop/payment/metrics'
import { createSandbox } from '@shop/payment/sandbox'
import { expect, it, onTestFinished } from 'vitest'
import {
  arrived,
  metrics as counts,
  createServiceDatabase,
  createTopology,
  logger,
  newId,
  nilId,
  openBus,
  openFence,
  openOutbox,
  openRelay,
} from './infrastructure.ts'
import { eventually, openConsumer } from './things.ts'

const metrics = createPaymentMetrics(counts)

function reserved(orderId: string) {
  const amount = { value: 1200, currency: 'EUR' }
  return arrived(stockReserved, orderId, { orderId, amount, payment: { token: 'tok_ok' } })
}

function cancelled(orderId: string) {
  const customer = { email: 'ada@example.com' }
  return arrived(orderCancelled, orderId, { orderId, customer, reason: 'reservation-expired' })
}

/** The payment service, whose provider is away until `back`. */
async function openPayments() {
  const [database, topology] = await Promise.all([
    createServiceDatabase('payment'),
    createTopology(),
  ])
  const queue = await topology.queue(stockReserved.type, orderCancelled.type)
  const bus = openBus(topology.exchange)
  const sandbox = createSandbox(database)
  let away = true
  const unlessAway =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      if (away) throw new Away('the payment provider answers 503')
      return call(...args)
    }
  const provider = {
    ...sandbox,
    capture: unlessAway(sandbox.capture),
    cancel: unlessAway(sandbox.cancel),
    refund: unlessAway(sandbox.refund),
  }
  const subscriptions = payment.subscriptions({ provider, newId, metrics })
  const outbox = openOutbox(database, openRelay(database, bus))
  const fence = openFence(database)
  const consumer = openConsumer({ database, topology, queue }, subscriptions, { pauseBaseMs: 40 })
  const job = releaseWaiting(outbox, queue, subscriptions, logger)
  const jobs = [{ ...job, everyMs: 20 }]
  const schedule = startSchedule({
    tracer: untraced,
    ...{ jobs, outbox, logger },
    fence: () => fence,
    onGateClosed: () => {},
  })
  onTestFinished(schedule.close)
  consumer.set(fence)
  const waiting = async () => (await kernelAccounting({ database, bus }, queue)).waiting
  return {
    publish: topology.publish,
    waiting,
    /** The types of the events that wait. */
    types: async () => (await listStuck(database, 10)).map(({ type }) => type),
    /** Waits until so many events wait, and none is on its way. */
    settled: (messages: number) =>
      eventually(async () => {
        expect(await kernelAccounting({ database, bus }, queue)).toMatchObject({
          ...{ queued: 0, retrying: messages },
        })
        expect(consumer.inFlight()).toBe(0)
      }),
    back: () => {
      away = false
    },
    ended: (count: number) =>
      eventually(async () => {
        expect((await waiting()).messages).toBe(0)
        expect(await books.accounting({ database, provider })).toMatchObject({ intended: 0 })
        expect(await books.entries({ database, provider }, nilId, 10)).toHaveLength(count)
      }),
    entryOf: async (orderId: string) =>
      (await books.entries({ database, provider }, nilId, 10)).find(({ id }) => id === orderId),
  }
}

it('an order that is cancelled before the provider was called is never charged', async () => {
  const payments = await openPayments()
  const [first, order] = [newId(), newId()]
  await payments.publish([reserved(first)])
  await payments.settled(1)
  await payments.publish([reserved(order)])
  await payments.settled(2)
  await payments.publish([cancelled(order)])
  await eventually(async () =>
    expect(await payments.entryOf(order)).toMatchObject({ status: 'cancelled' }),
  )
  payments.back()
  await payments.ended(2)
  expect(await payments.entryOf(order)).toMatchObject({ status: 'cancelled', captures: 0 })
  expect(await payments.entryOf(first)).toMatchObject({ status: 'captured', captures: 1 })
})

it('an order that is cancelled after a failed call is not charged later', async () => {
  const payments = await openPayments()
  const order = newId()
  await payments.publish([reserved(order)])
  await payments.settled(1)
  const { away } = await payments.waiting()
  await payments.publish([cancelled(order)])
  // The provider may have received the call, so it must cancel it. The capture is not needed any more.
  await eventually(async () => expect(await payments.types()).toEqual([orderCancelled.type]))
  expect((await payments.waiting()).away).toEqual(away)
  payments.back()
  await payments.ended(1)
  expect(await payments.entryOf(order)).toEqual({
    ...{ id: order, status: 'cancelled', captures: 0, refunds: 0 },
  })
})
