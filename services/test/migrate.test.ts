import { isTransient, type Migration, migrate, missingMigrations } from '@shop/kernel/migrate'
import { describe, expect, it } from 'vitest'
import { createSchema, openDatabase } from './infrastructure.ts'

const one: Migration = { name: '0001_a.sql', checksum: 'a', sql: 'CREATE TABLE a (x int)' }
const two: Migration = { name: '0002_b.sql', checksum: 'b', sql: 'ALTER TABLE a ADD COLUMN y int' }

describe('migrate', () => {
  it('applies in order what is missing, and nothing twice', async () => {
    const url = await createSchema()
    expect(await migrate(url, [one])).toEqual([one.name])
    expect(await migrate(url, [one, two])).toEqual([two.name])
    expect(await migrate(url, [one, two])).toEqual([])
  })

  it('applies each file once when several Jobs run at once', async () => {
    const url = await createSchema()
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(url, [one, two])))
    expect(applied.flat()).toEqual([one.name, two.name])
  })

  it('refuses a file that was changed after it had been applied', async () => {
    const url = await createSchema()
    await migrate(url, [one])
    await expect(migrate(url, [{ ...one, checksum: 'other' }, two])).rejects.toThrow(
      '0001_a.sql changed after it was applied',
    )
    expect(await missingMigrations(openDatabase(url), [one, two])).toEqual([two.name])
  })

  it('leaves nothing of a file that fails', async () => {
    const url = await createSchema()
    const broken = { ...two, sql: 'CREATE TABLE b (x int); SELECT nonsense' }
    await expect(migrate(url, [one, broken])).rejects.toThrow('0002_b.sql: column "nonsense"')
    const database = openDatabase(url)
    expect(await missingMigrations(database, [one, two])).toEqual([two.name])
    const [b] = await database.query<{ gone: boolean }>(`SELECT to_regclass('b') IS NULL AS gone`)
    expect(b?.gone).toBe(true)
  })

  it('reports the error of a file, not that of the connection that it broke', async () => {
    const url = await createSchema()
    const broken = { ...one, sql: 'SELECT pg_terminate_backend(pg_backend_pid())' }
    const failed = await migrate(url, [broken]).catch((error: Error) => error)
    expect(failed).toMatchObject({ message: expect.stringMatching(/^0001_a\.sql: terminating/) })
    expect(isTransient(failed)).toBe(true)
  })

  it('lets an older version migrate after a newer one', async () => {
    const url = await createSchema()
    await migrate(url, [one, two])
    expect(await migrate(url, [one])).toEqual([])
    expect(await missingMigrations(openDatabase(url), [one])).toEqual([])
  })
})
