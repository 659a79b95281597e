import { setImmediate } from 'node:timers/promises'
import { statement } from '@shop/kernel/batch'
import { createDatabase, type Transaction } from '@shop/kernel/database'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSchema, logger, openDatabase, setting } from './infrastructure.ts'

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

  it('does not commit when the error of a statement is ignored', async () => {
    const { database, count } = await createCounter()
    const careless = database.transaction(async (tx) => {
      await tx.query('INSERT INTO counter VALUES (1)')
      await tx.query('SELECT nonsense').catch(() => {})
    })
    await expect(careless).rejects.toMatchObject({ code: '42703' })
    expect(await count()).toBe(0)
  })

  it('sends nothing after a failure, or after the end', async () => {
    const { database, count } = await createCounter()
    const late: Promise<unknown>[] = []
    const insert = (tx: Transaction) => {
      const inserted = tx.query('INSERT INTO counter VALUES (1) RETURNING n')
      late.push(inserted.catch((error) => error))
    }
    // Like a BEGIN that failed: there is no transaction, and a later statement would commit on its own.
    const over = statement('COMMIT')
    const failing = database.transaction(async (tx) => {
      tx.query('SELECT nonsense').catch(() => {})
      await setImmediate()
      insert(tx)
    }, over)
    await expect(failing).rejects.toMatchObject({ code: '42703' })
    const ended = database.transaction(async (tx) => {
      setImmediate().then(() => insert(tx))
      throw new Error('no')
    })
    await expect(ended).rejects.toThrow('no')
    await vi.waitFor(() => expect(late).toHaveLength(2))
    for (const one of late) expect(await one).toBeInstanceOf(Error)
    expect(await count()).toBe(0)
    const [outside] = await database.query(
      'SELECT pg_current_xact_id_if_assigned() IS NULL AS outside',
    )
    expect(outside).toEqual({ outside: true })
  })

  it('survives when the server ends its connections, in use or idle', async () => {
    const { database, count } = await createCounter()
    const ended = database.transaction(async (tx) => {
      await tx.query('SELECT pg_terminate_backend(pg_backend_pid())')
    })
    await expect(ended).rejects.toThrow()
    expect(await count()).toBe(0)
  })

  it('has a status for HTTP when the database is not available', async () => {
    const url = 'postgresql://nobody:hunter2@127.0.0.1:1/none'
    const database = createDatabase({ url, name: 'test', logger })
    await expect(database.query('SELECT 1')).rejects.toMatchObject({
      statusCode: 503,
      message: 'cannot connect to the database: connect ECONNREFUSED 127.0.0.1:1',
    })
    await database.close()
  })

  it.each([
    ['password', 'x', 'password authentication failed for user "postgres"'],
    ['pathname', '/none', 'database "none" does not exist'],
  ] as const)('says why the server refuses a connection: %s', async (part, value, reason) => {
    const url = new URL(setting('SHOP_TEST_DATABASE_URL'))
    url[part] = value
    const database = openDatabase(url.href)
    await expect(database.query('SELECT 1')).rejects.toThrow(reason)
  })

  it('closes a connection whose prepared statements are gone', async () => {
    const url = setting('SHOP_TEST_DATABASE_URL')
    const database = createDatabase({ url, name: 'test', logger, pool: { max: 1 } })
    onTestFinished(() => database.close())
    const one = 'SELECT 1 AS one'
    for (const again of [
      () => database.query(one),
      () => database.transaction((tx) => tx.query(one)),
    ]) {
      await again()
      await database.query('DEALLOCATE ALL')
      await expect(again()).rejects.toMatchObject({ code: '26000' })
      expect(await again()).toEqual([{ one: 1 }])
    }
  })

  it('keeps the connection when the check before a batch throws', async () => {
    const { database } = await createCounter()
    const pid = () => database.query('SELECT pg_backend_pid() AS pid')
    const before = await pid()
    const refused = database.batch([statement('SELECT 1')], () => {
      throw new Error('too late')
    })
    await expect(refused).rejects.toThrow('too late')
    expect(await pid()).toEqual(before)
  })

  it('rejects with the error of the statement that failed, even if it is not awaited', async () => {
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

  it('answers each of the statements of one turn with its own rows', async () => {
    const { database } = await createCounter()
    const answers = await database.transaction(async (tx) => {
      tx.execute('INSERT INTO counter VALUES (1)')
      const [one, two] = await Promise.all([
        tx.query('SELECT n FROM counter'),
        tx.query('SELECT n + 1 AS n FROM counter'),
      ])
      tx.execute('INSERT INTO counter VALUES (3)')
      return [one, two, await tx.query('SELECT max(n) AS n FROM counter')]
    })
    expect(answers).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]])
  })

  it('runs a batch completely or not at all', async () => {
    const { database, count } = await createCounter()
    const insert = statement('INSERT INTO counter VALUES ($1) RETURNING n', [1])
    const failing = database.batch([insert, statement('SELECT nonsense')])
    await expect(failing).rejects.toMatchObject({ code: '42703' })
    expect(await count()).toBe(0)
    const rows = await database.batch([insert, statement('SELECT count(*)::int AS n FROM counter')])
    expect(rows).toEqual([[{ n: 1 }], [{ n: 1 }]])
    expect(await count()).toBe(1)
  })

  it('keeps a connection on which a statement failed', async () => {
    const { database } = await createCounter()
    const pid = () => database.query('SELECT pg_backend_pid() AS pid')
    const before = await pid()
    await expect(database.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' })
    expect(await pid()).toEqual(before)
  })

  it('commits nothing when one of the values cannot be sent', async () => {
    const { database, count } = await createCounter()
    const failing = database.transaction(async (tx) => {
      tx.execute('INSERT INTO counter VALUES (1)')
      tx.execute('INSERT INTO counter VALUES ($1)', [{ n: 1n }])
    })
    await expect(failing).rejects.toThrow('BigInt')
    expect(await count()).toBe(0)
  })

  it('has no effect and returns no rows when the first statement fails', async () => {
    const { database, count } = await createCounter()
    const seen: unknown[] = []
    const failing = (work: (tx: Transaction) => Promise<unknown>) =>
      database.transaction(work, statement('SELECT nonsense'))
    const insert = 'INSERT INTO counter VALUES (1)'
    const reason = { code: '42703' }
    const curious = failing(async (tx) => seen.push(await tx.query(`${insert} RETURNING n`)))
    await expect(curious).rejects.toMatchObject(reason)
    await expect(failing(async (tx) => tx.execute(insert))).rejects.toMatchObject(reason)
    // When the error is ignored, the commit rejects at the latest.
    const careless = failing((tx) => tx.query(insert).catch(() => {}))
    await expect(careless).rejects.toThrow()
    expect(seen).toEqual([])
    expect(await count()).toBe(0)
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('prepares a statement again that was first used after a failure', async () => {
    const database = openDatabase(await createSchema())
    const failing = database.transaction(async (tx) => {
      tx.execute('SELECT nonsense')
      tx.execute('SELECT 2 AS two')
    })
    await expect(failing).rejects.toMatchObject({ code: '42703' })
    expect(await database.query('SELECT 2 AS two')).toEqual([{ two: 2 }])
  })
})
