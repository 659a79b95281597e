// The user of postgres-exporter, as charts/postgres creates it.
import { Client } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { setting } from './infrastructure.ts'

async function connect(database: string): Promise<Client> {
  const url = new URL(setting('SHOP_TEST_DATABASE_URL'))
  const login = { username: 'monitor', password: setting('SHOP_TEST_MONITOR_PASSWORD') }
  const connectionString = Object.assign(url, login, { pathname: database }).href
  const client = new Client({ connectionString })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

it('reads the statistics of all databases, and no data', async () => {
  const client = await connect('postgres')
  const { rows } = await client.query(
    `SELECT pg_database_size('order') > 0 AS size, count(*)::int AS counted FROM pg_stat_database WHERE datname = 'order'`,
  )
  expect(rows).toEqual([{ size: true, counted: 1 }])
  await expect(client.query('SELECT * FROM pg_authid')).rejects.toThrow('permission denied')
})

it('cannot connect to the database of a service', async () => {
  await expect(connect('order')).rejects.toThrow('no pg_hba.conf entry')
})
