import { Client } from 'pg'
import { expect, it } from 'vitest'
import { measureFloor } from '../shop/floor.ts'
import { setting } from './infrastructure.ts'

async function tables(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(`SELECT relname FROM pg_class WHERE relname LIKE 'floor%'`)
  await client.end()
  return rows.map(({ relname }) => relname)
}

it('does several orders at once, and deletes its tables', async () => {
  const databaseUrl = setting('SHOP_TEST_DATABASE_URL')
  const amqpUrl = setting('SHOP_TEST_AMQP_URL')
  const floor = await measureFloor({ databaseUrl, amqpUrl, concurrency: 8, seconds: 2 })
  expect(floor.orders).toBeGreaterThanOrEqual(8)
  expect(floor.ordersPerSecond).toBeCloseTo(floor.orders / floor.seconds)
  expect(await tables(databaseUrl)).toEqual([])
})
