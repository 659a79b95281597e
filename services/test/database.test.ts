import { setTimeout } from 'node:timers/promises'
import { createDatabase } from '@shop/kernel/database'
import { describe, expect, it, vi } from 'vitest'
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

  it('hears notifications, also after its connection was lost', async () => {
    const { database } = await createCounter()
    const heard: string[] = []
    const listening = database.listen('test_channel', (payload) => heard.push(payload))
    const notify = (payload: string) =>
      database.query('SELECT pg_notify($1, $2)', ['test_channel', payload])
    const untilHeard = (payload: string) =>
      vi.waitFor(
        async () => {
          await notify(payload)
          await setTimeout(20)
          expect(heard).toContain(payload)
        },
        { timeout: 10_000 },
      )
    await untilHeard('one')
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN test_channel'`,
    )
    await untilHeard('two')
    await listening.close()
  })
})
