// The database is away, read-only or full: callers learn it at once, and all is well as soon as it is back.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase, type Database } from '@shop/kernel/database'
import { isUnavailable } from '@shop/kernel/database-errors'
import { Client } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { logger, openDatabase, setting } from './infrastructure.ts'
import { createProxy } from './proxy.ts'

const base = setting('SHOP_TEST_DATABASE_URL')
const unavailable = { statusCode: 503 }

async function admin(sql: string): Promise<void> {
  const client = new Client(base)
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** A database of its own, so that its settings concern no other test. */
async function createOwnDatabase() {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await admin(`CREATE DATABASE ${name}`)
  onTestFinished(() => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  const url = new URL(base)
  url.pathname = `/${name}`
  return { name, url: url.href }
}

/** How long a query takes to reject with 503. */
async function refusalMs(database: Database): Promise<number> {
  const from = performance.now()
  await expect(database.query('SELECT 1')).rejects.toMatchObject(unavailable)
  return performance.now() - from
}

describe('an error of Postgres', () => {
  it.each([
    ['25006', true],
    ['57014', true],
    ['57P01', true],
    ['57P03', true],
    ['53100', true],
    ['53300', true],
    ['55P03', true],
    ['40001', true],
    ['40P01', true],
    ['08006', true],
    ['58030', true],
    ['23505', false],
    ['22P02', false],
    ['42703', false],
    ['42P01', true],
  ])('%s means that the database is not available: %s', async (code, expected) => {
    const database = openDatabase(base)
    const sql = `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}'; END $$`
    for (const run of [
      () => database.query(sql),
      () => database.transaction((tx) => tx.query(sql)),
    ]) {
      const error = await run().catch((error: unknown) => error)
      expect(error).toMatchObject({ code })
      expect(isUnavailable(error)).toBe(expected)
      expect((error as { statusCode?: number }).statusCode).toBe(expected ? 503 : undefined)
    }
  })

  it('is a reason to run a transaction again when it was chosen as the victim of a deadlock', async () => {
    const database = openDatabase(base)
    let runs = 0
    const done = await database.transaction(async (tx) => {
      runs += 1
      if (runs === 1) {
        await tx.query(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$`)
      }
      return 'done'
    })
    expect([done, runs]).toEqual(['done', 2])
  })
})

describe('a database whose sessions stay read-only after a failover', () => {
  it('refuses writes with 503, and takes them as soon as new sessions can write', async () => {
    const { name, url } = await createOwnDatabase()
    const database = openDatabase(url)
    await database.query('CREATE TABLE things (n int)')
    const write = () => database.query('INSERT INTO things VALUES (1) RETURNING n')
    const inTransaction = () =>
      database.transaction((tx) => tx.query('INSERT INTO things VALUES (2) RETURNING n'))
    await admin(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
    await database.query('SELECT 1').catch(() => {})
    // Fills the pool with connections that are read-only.
    await Promise.all(Array.from({ length: 5 }, () => database.query('SELECT pg_sleep(0.05)')))
    for (const run of [write, inTransaction, write]) {
      await expect(run()).rejects.toMatchObject({ ...unavailable, code: '25006' })
      expect(await database.query('SELECT n FROM things')).toEqual([])
    }
    await Promise.all(Array.from({ length: 5 }, () => database.query('SELECT pg_sleep(0.05)')))
    await sleep(600)
    await admin(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
    // The first write already finds out that its connection is outdated, and takes a new one.
    expect(await write()).toEqual([{ n: 1 }])
    expect(await inTransaction()).toEqual([{ n: 2 }])
    await Promise.all(Array.from({ length: 5 }, write))
  })

  it('does not connect anew for each write while it is read-only', async () => {
    const { name, url } = await createOwnDatabase()
    await admin(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    const database = createDatabase({ url, name: 'test', logger, pool: { max: 1 } })
    onTestFinished(() => database.close())
    const pids = new Set<number>()
    const until = performance.now() + 1_000
    while (performance.now() < until) {
      await expect(database.query('CREATE TABLE x ()')).rejects.toMatchObject(unavailable)
      const [row] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      pids.add(row?.pid ?? 0)
    }
    expect(pids.size).toBeLessThan(6)
  })
})

describe('a database that is away', () => {
  it('refuses at once while nothing listens, and serves again when it is back', async () => {
    const proxy = await createProxy(base, 5432)
    const database = openDatabase(proxy.url)
    await database.query('SELECT 1')
    proxy.cut()
    await database.query('SELECT 1').catch(() => {})
    await refusalMs(database)
    for (let n = 0; n < 20; n += 1) expect(await refusalMs(database)).toBeLessThan(1_000)
    proxy.restore()
    await expect
      .poll(() => database.query('SELECT 1').catch(() => null), { timeout: 10_000 })
      .not.toBeNull()
  })

  it('refuses before the limit of 5 s when it does not answer, and then at once', async () => {
    const proxy = await createProxy(base, 5432)
    const database = openDatabase(proxy.url)
    proxy.stall()
    // More than the pool has connections.
    const waits = await Promise.all(Array.from({ length: 12 }, () => refusalMs(database)))
    expect(Math.max(...waits)).toBeLessThan(4_900)
    for (let n = 0; n < 20; n += 1) expect(await refusalMs(database)).toBeLessThan(1_000)
    proxy.restore()
    await expect
      .poll(() => database.query('SELECT 1').catch(() => null), { timeout: 10_000 })
      .not.toBeNull()
  })

  it('is not taken for away when it is only busy', async () => {
    const database = createDatabase({ url: base, name: 'test', logger, pool: { max: 1 } })
    onTestFinished(() => database.close())
    const busy = database.query('SELECT pg_sleep(3)')
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    await busy
  })

  it('refuses when it does not exist, and serves when it was created', async () => {
    const { name, url } = await createOwnDatabase()
    const database = openDatabase(url)
    await database.query('SELECT 1')
    await admin(`DROP DATABASE ${name} WITH (FORCE)`)
    await database.query('SELECT 1').catch(() => {})
    await refusalMs(database)
    expect(await refusalMs(database)).toBeLessThan(1_000)
    await admin(`CREATE DATABASE ${name}`)
    await expect
      .poll(() => database.query('SELECT 1').catch(() => null), { timeout: 10_000 })
      .not.toBeNull()
  })

  it.each([
    ['its password changes', "PASSWORD 'new'", '28P01'],
    ['it is locked', 'NOLOGIN', '28000'],
    ['it may not connect any more', 'CONNECTION LIMIT 0', '53300'],
  ])('goes on with the open connections of a user when %s', async (_, change, code) => {
    const { name, url } = await createOwnDatabase()
    await admin(`CREATE ROLE ${name} LOGIN PASSWORD 'old'`)
    onTestFinished(() => admin(`DROP ROLE ${name}`))
    const database = openDatabase(
      Object.assign(new URL(url), { username: name, password: 'old' }).href,
    )
    await database.query('SELECT 1')
    await admin(`ALTER ROLE ${name} ${change}`)
    const busy = database.query('SELECT pg_sleep(0.2)')
    const cause = { code }
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ ...unavailable, cause })
    await busy
    for (let n = 0; n < 5; n += 1) expect(await database.query('SELECT 1 AS one')).toHaveLength(1)
  })

  it('goes on with the open connections when it refuses one that is new', async () => {
    const proxy = await createProxy(base, 5432)
    const database = openDatabase(proxy.url)
    await database.query('SELECT 1')
    const busy = database.query('SELECT pg_sleep(0.2)')
    proxy.refuse(1)
    await expect(database.query('SELECT 1')).rejects.toMatchObject(unavailable)
    expect(await database.query('SELECT 1 AS one')).toHaveLength(1)
    await busy
    expect(await database.query('SELECT 1 AS one')).toHaveLength(1)
  })

  it('is back at once, even when it does not close the connection of the check', async () => {
    const proxy = await createProxy(base, 5432)
    const database = openDatabase(proxy.url)
    await database.query('SELECT 1')
    proxy.cut()
    const refusal = () => database.query('SELECT 1').catch((error: unknown) => error)
    // As soon as it is known that the database is away, the reason is always the same.
    await expect.poll(async () => new Set([await refusal(), await refusal()]).size).toBe(1)
    proxy.keep()
    proxy.restore()
    await expect
      .poll(() => database.query('SELECT 1').catch(() => null), { timeout: 5_000 })
      .not.toBeNull()
  })

  it('goes on with the connections that it has when the server has none left', async () => {
    const { name, url } = await createOwnDatabase()
    const database = openDatabase(url)
    await Promise.all([1, 2].map(() => database.query('SELECT pg_sleep(0.05)')))
    await admin(`ALTER DATABASE ${name} CONNECTION LIMIT 0`)
    // Superusers have no limit.
    const results = await Promise.all([1, 2].map(() => database.query('SELECT 1 AS one')))
    expect(results.flat()).toHaveLength(2)
  })
})
