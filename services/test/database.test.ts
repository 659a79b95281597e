import { createDatabase, type Transaction } from '@shop/kernel/database'
import { describe, expect, it } from 'vitest'
import { createSchema, logger, openDatabase } from './infrastructure.ts'

async function createCounter() {
  const database = openDatabase(await createSchema())
  await database.query('CREATE TABLE counter (n int)')
  const count = async () => (await database.query('SELECT n FROM counter')).length
  return { database, count }
}

describe('createDatabase', () => {
  it('rolls back what a failing transaction did, and throws its error', async () => {
    const { database, count } = await createCounter()
    const failing = database.transaction(async (tx) => {
      await tx.query('INSERT INTO counter VALUES (1)')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await count()).toBe(0)
  })

  it('does not take a commit for one that the database turned into a rollback', async () => {
    const { database, count } = await createCounter()
    const careless = database.transaction(async (tx) => {
      await tx.query('INSERT INTO counter VALUES (1)')
      await tx.query('SELECT nonsense').catch(() => {})
    })
    await expect(careless).rejects.toThrow('rolled back by the database')
    expect(await count()).toBe(0)
  })

  it('survives that the server ends its connections, in use or idle', async () => {
    const { database, count } = await createCounter()
    const ended = database.transaction(async (tx) => {
      await tx.query('SELECT pg_terminate_backend(pg_backend_pid())')
    })
    await expect(ended).rejects.toThrow()
    expect(await count()).toBe(0)
  })

  it('says that the database is away in a way that HTTP can tell on', async () => {
    const url = 'postgresql://nobody:hunter2@127.0.0.1:1/none'
    const database = createDatabase({ url, name: 'test', logger })
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ statusCode: 503 })
    await database.close()
  })

  it('says which statement has failed, also when nobody waited for it', async () => {
    const { database, count } = await createCounter()
    const failing = (more: (tx: Transaction) => Promise<unknown>) =>
      database.transaction(async (tx) => {
        tx.execute('INSERT INTO counter VALUES (1)')
        tx.execute('INSERT INTO counter VALUES ($1)', ['many'])
        return more(tx)
      })
    const reason = { code: '22P02' }
    await expect(failing(async () => {})).rejects.toMatchObject(reason)
    await expect(failing((tx) => tx.query('SELECT 1'))).rejects.toMatchObject(reason)
    expect(await count()).toBe(0)
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('lets nothing have an effect that is not admitted, and shows it no row', async () => {
    const { database, count } = await createCounter()
    const seen: unknown[] = []
    const refuse = {
      sql: 'SELECT pg_sleep(0.05); SELECT 7 AS who',
      admit: ([, rows]: unknown[][]) => {
        throw new Error(`not you but ${JSON.stringify(rows)}`)
      },
    }
    const one = database.transaction(async (tx) => {
      seen.push(await tx.query('INSERT INTO counter VALUES (1) RETURNING n'))
    }, refuse)
    const other = database.transaction(
      async (tx) => tx.execute('INSERT INTO counter VALUES (1)'),
      refuse,
    )
    await expect(one).rejects.toThrow('not you but [{"who":7}]')
    await expect(other).rejects.toThrow('not you but [{"who":7}]')
    expect(seen).toEqual([])
    expect(await count()).toBe(0)
  })

  it('lets nothing have an effect where the opening itself fails', async () => {
    const { database, count } = await createCounter()
    const failing = (work: (tx: Transaction) => Promise<unknown>) =>
      database.transaction(work, { sql: 'SELECT 1; SELECT nonsense', admit: () => {} })
    const insert = 'INSERT INTO counter VALUES (1)'
    const reason = { code: '42703' }
    await expect(failing((tx) => tx.query(insert))).rejects.toMatchObject(reason)
    await expect(failing(async (tx) => tx.execute(insert))).rejects.toMatchObject(reason)
    expect(await count()).toBe(0)
  })

  it('prepares a statement again whose first use came after a failure', async () => {
    const database = openDatabase(await createSchema())
    const failing = database.transaction(async (tx) => {
      tx.execute('SELECT nonsense')
      tx.execute('SELECT 2 AS two')
    })
    await expect(failing).rejects.toMatchObject({ code: '42703' })
    expect(await database.query('SELECT 2 AS two')).toEqual([{ two: 2 }])
  })
})
