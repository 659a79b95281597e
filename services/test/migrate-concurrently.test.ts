// Statements that cannot run in a transaction: an index is built while others write, and a killed run is made good.
import { isTransient, type Migration, migrate, missingMigrations } from '@shop/kernel/migrate'
import { Client } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { createSchema, openDatabase } from './infrastructure.ts'
import { eventually } from './slots.ts'

const table = 'CREATE TABLE things (n int); INSERT INTO things SELECT generate_series(1, 100)'
const one: Migration = { name: '0001_a.sql', checksum: 'a', sql: table }
const index = (sql: string): Migration => ({ name: '0002_b.sql', checksum: 'b', sql })
const two = index('-- Fast reads.\nCREATE INDEX CONCURRENTLY things_by_n ON things (n);')

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end().catch(() => {}))
  return client
}

/** The indexes of the table, and whether each is valid. */
async function indexes(url: string): Promise<Record<string, boolean>> {
  const { rows } = await (await connect(url)).query(
    `SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE indrelid = 'things'::regclass ORDER BY relname`,
  )
  return Object.fromEntries(rows.map((row) => [row.relname, row.indisvalid]))
}

/** Until the end of the transaction, no index can be built concurrently on the table. */
async function openTransaction(url: string): Promise<Client> {
  const client = await connect(url)
  await client.query('BEGIN; INSERT INTO things VALUES (0)')
  return client
}

/** The process of the server that builds an index. */
async function builder(url: string): Promise<number> {
  const client = await connect(url)
  let pid = 0
  await eventually(async () => {
    const { rows } = await client.query(
      `SELECT pid FROM pg_stat_activity WHERE query LIKE '%CONCURRENTLY%' AND pid <> pg_backend_pid()
       AND wait_event_type = 'Lock'
       AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'things'::regclass)`,
    )
    expect(rows).toHaveLength(1)
    pid = rows[0].pid
  })
  return pid
}

it('builds an index outside a transaction', async () => {
  const url = await createSchema()
  expect(await migrate(url, [one, two])).toEqual([one.name, two.name])
  expect(await indexes(url)).toEqual({ things_by_n: true })
  expect(await migrate(url, [one, two])).toEqual([])
})

it('builds it once when several Jobs run at once, also while a transaction is open', async () => {
  const url = await createSchema()
  await migrate(url, [one])
  const writer = await openTransaction(url)
  const jobs = Promise.all([1, 2, 3].map(() => migrate(url, [one, two])))
  await builder(url)
  await writer.query('COMMIT')
  expect((await jobs).flat()).toEqual([two.name])
  expect(await indexes(url)).toEqual({ things_by_n: true })
})

it.each([
  ['killed', 'CREATE INDEX CONCURRENTLY things_by_n ON things (n)'],
  [
    'killed, with IF NOT EXISTS',
    'CREATE INDEX CONCURRENTLY IF NOT EXISTS "things_by_n" ON "things" (n)',
  ],
])('builds an invalid index again that a run left which was %s', async (_, sql) => {
  const url = await createSchema()
  await migrate(url, [one])
  const writer = await openTransaction(url)
  const killed = migrate(url, [one, index(sql)]).catch((error: Error) => error)
  const pid = await builder(url)
  await (await connect(url)).query('SELECT pg_terminate_backend($1)', [pid])
  expect(isTransient(await killed)).toBe(true)
  await writer.query('COMMIT')
  expect(await indexes(url)).toEqual({ things_by_n: false })
  expect(await migrate(url, [one, index(sql)])).toEqual([two.name])
  expect(await indexes(url)).toEqual({ things_by_n: true })
})

it('takes a valid index for its own that a run left which was killed before it noted it', async () => {
  const url = await createSchema()
  await migrate(url, [one])
  await (await connect(url)).query('CREATE INDEX things_by_n ON things (n)')
  expect(await migrate(url, [one, two])).toEqual([two.name])
})

it('leaves no invalid index when the rows do not allow it', async () => {
  const url = await createSchema()
  const twice = { ...one, sql: `${table}; INSERT INTO things VALUES (1)` }
  const unique = index('CREATE UNIQUE INDEX CONCURRENTLY things_by_n ON things (n)')
  await expect(migrate(url, [twice, unique])).rejects.toThrow('0002_b.sql: could not create unique')
  expect(await indexes(url)).toEqual({})
  expect(await missingMigrations(openDatabase(url), [twice, unique])).toEqual([unique.name])
})

it.each([
  'DROP INDEX CONCURRENTLY things_by_n',
  'REINDEX TABLE CONCURRENTLY things',
  'REINDEX (CONCURRENTLY, VERBOSE) INDEX things_by_n',
  'VACUUM (ANALYZE) things',
  '/* why */ vacuum things',
])('runs %s', async (sql) => {
  const url = await createSchema()
  const three = { name: '0003_c.sql', checksum: 'c', sql }
  expect(await migrate(url, [one, two, three])).toHaveLength(3)
  // As after a run that was killed before it noted it.
  await (await connect(url)).query(`DELETE FROM schema_migrations WHERE name = '${three.name}'`)
  expect(await migrate(url, [one, two, three])).toEqual([three.name])
  expect(await indexes(url)).toEqual(sql.startsWith('DROP') ? {} : { things_by_n: true })
})

it.each(['things_by_n_ccnew', 'things_by_n_ccold1'])(
  'drops %s, which a killed REINDEX left invalid',
  async (left) => {
    const url = await createSchema()
    await migrate(url, [{ ...one, sql: `${table}; INSERT INTO things VALUES (1)` }, two])
    const client = await connect(url)
    const unique = `CREATE UNIQUE INDEX CONCURRENTLY ${left} ON things (n)`
    await expect(client.query(unique)).rejects.toThrow('could not create unique index')
    const sql = 'REINDEX TABLE CONCURRENTLY things'
    const three = { name: '0003_c.sql', checksum: 'c', sql }
    expect(await migrate(url, [one, two, three])).toEqual([three.name])
    expect(await indexes(url)).toEqual({ things_by_n: true })
  },
)

it('fails, and changes nothing, when the file has more statements', async () => {
  const url = await createSchema()
  const both = index('CREATE INDEX CONCURRENTLY things_by_n ON things (n); SELECT 1')
  await expect(migrate(url, [one, both])).rejects.toThrow('cannot run inside a transaction block')
  expect(await indexes(url)).toEqual({})
})

it('warns of an index that blocks the writes of a big table', async () => {
  const url = await createSchema()
  const big = index('INSERT INTO things SELECT generate_series(1, 200000)')
  const plain = { name: '0003_c.sql', checksum: 'c', sql: 'CREATE INDEX i ON things (n)' }
  await migrate(url, [one, big])
  await (await connect(url)).query('ANALYZE things')
  const warnings: string[] = []
  await migrate(url, [one, big, plain], (warning) => warnings.push(warning))
  expect(warnings).toEqual([
    expect.stringMatching(
      /^0003_c\.sql: CREATE INDEX blocks writes to things \(about 200\d\d\d rows\)/,
    ),
  ])
})

it('does not hand the settings of one file on to the next', async () => {
  const url = await createSchema()
  const setting = { ...one, sql: "SET statement_timeout = '200ms'" }
  const slow = index('SELECT pg_sleep(0.3)')
  expect(await migrate(url, [setting, slow])).toHaveLength(2)
})
