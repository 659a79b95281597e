// A pod runs for months: what is done once per request or event must leave nothing in memory.
import { queryObjects } from 'node:v8'
import { createPublisher, type Outgoing } from '@shop/kernel/publisher'
import { Connection } from 'rabbitmq-client'
import { expect, it, onTestFinished } from 'vitest'
import { createTopology, logger, newId, openDatabase, setting } from './infrastructure.ts'

const runs = 500

/** How many more promises there are after `runs` runs. Collects garbage first. */
async function promisesLeftBy(run: () => Promise<unknown>): Promise<number> {
  for (let n = 0; n < 10; n += 1) await run()
  const before = queryObjects(Promise, { format: 'count' })
  for (let n = 0; n < runs; n += 1) await run()
  return queryObjects(Promise, { format: 'count' }) - before
}

it('a query leaves nothing behind', async () => {
  const database = openDatabase(setting('SHOP_TEST_DATABASE_URL'))
  expect(await promisesLeftBy(() => database.query('SELECT 1'))).toBeLessThan(runs / 5)
})

it('a publication leaves nothing behind', async () => {
  const topology = await createTopology()
  const connection = new Connection(setting('SHOP_TEST_AMQP_URL'))
  const publisher = createPublisher(connection, topology.exchange, logger)
  onTestFinished(async () => {
    await publisher.close()
    await connection.close()
  })
  const publish = () => {
    const message: Outgoing = { id: newId(), type: 'x', routingKey: 'x', attempt: 0, body: '{}' }
    return publisher.publish([message])
  }
  expect(await promisesLeftBy(publish)).toBeLessThan(runs / 5)
})
