// For tests of messages that wait for another system: a service that needs one.

import { contract } from '@shop/events/envelope'
import { kernelAccounting } from '@shop/kernel/accounting'
import { type Handler, on } from '@shop/kernel/inbox'
import { listStuck } from '@shop/kernel/parking'
import { startSchedule } from '@shop/kernel/schedule'
import { untraced } from '@shop/kernel/spans'
import { releaseWaiting } from '@shop/kernel/waiting'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import {
  arrived,
  logger,
  newId,
  openBus,
  openFence,
  openOutbox,
  openRelay,
} from './infrastructure.ts'
import { createThings, insertEffect, openConsumer, thingDone } from './things.ts'

export const other = contract('thing.other.v1', z.object({ n: z.int() }))
type Prepare = Handler<{ n: number }, unknown, undefined>['prepare']

/** A service that calls a mail server for one type of event, and nothing for the other. */
export async function openShop(send: (n: number) => Promise<void> | void) {
  const things = await createThings()
  const { database, topology, queue } = things
  await topology.bind(queue, other.type)
  const bus = openBus(topology.exchange)
  const outbox = openOutbox(database, openRelay(database, bus))
  const prepare: Prepare = async ({ data: { n } }) => send(n)
  const handle: Handler<{ n: number }, unknown, undefined>['handle'] = async (
    tx,
    { data: { n } },
  ) => {
    await insertEffect(tx, n)
    return []
  }
  const subscriptions = [
    on(thingDone, { needs: 'the mail server', prepare, handle }),
    on(other, { handle }),
  ]
  /** A slot in its epoch: its consumer, and the job that releases what waits. */
  function open(epoch: number) {
    const fence = openFence(database, { epoch })
    const consumer = openConsumer(things, subscriptions, { pauseBaseMs: 40 })
    const job = releaseWaiting(outbox, queue, subscriptions, logger)
    const schedule = startSchedule({
      tracer: untraced,
      jobs: [{ ...job, everyMs: 20 }],
      outbox,
      fence: () => fence,
      logger,
      onGateClosed: () => {},
    })
    onTestFinished(schedule.close)
    consumer.set(fence)
    const close = async () => {
      fence.close()
      await Promise.all([consumer.close(), schedule.close()])
    }
    return { close }
  }
  const publish = (type: typeof thingDone, ns: number[]) => {
    const events = ns.map((n) => arrived(type, newId(), { n }))
    return topology.publish(events).then(() => events)
  }
  const accounting = () => kernelAccounting({ database, bus }, queue)
  /** Runs the job once, without sending anything. */
  const release = () =>
    database.transaction((tx) =>
      releaseWaiting(openOutbox(database), queue, subscriptions, logger).run(tx),
    )
  const list = () => listStuck(database, 100)
  return { ...things, open, publish, accounting, release, list }
}
