// Applies a folder of SQL files in order, once each; run by a Job, awaited by the pods.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { Client } from 'pg'
import type { Queries } from './database.ts'

export interface Migration {
  /** The file's name; the order of names is the order of application. */
  name: string
  /** SHA-256 of the file, in hex. */
  checksum: string
  sql: string
}

/** Any number will do, as long as all migrations of a database use the same one. */
const lock = 7_316_522

/** Reads `*.sql` of a folder, sorted by name. */
export async function readMigrations(directory: URL): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory), 'utf8')
      return { name, checksum: createHash('sha256').update(sql).digest('hex'), sql }
    }),
  )
}

/**
 * Applies what is missing, each file in a transaction of its own, and returns the names.
 * Files that the database knows and this program does not are left alone: an older colour may be
 * migrating after a newer one. Throws when a file was changed after it had been applied.
 */
export async function migrate(url: string, migrations: Migration[]): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lock])
    await client.query(
      `CREATE TABLE IF NOT EXISTS schema_migrations (
         name text PRIMARY KEY,
         checksum text NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT now()
       )`,
    )
    const { rows } = await client.query<AppliedRow>('SELECT name, checksum FROM schema_migrations')
    const applied = new Map(rows.map((row) => [row.name, row.checksum]))
    const missing = migrations.filter(({ name }) => !applied.has(name))
    const changed = migrations.filter(
      (m) => applied.has(m.name) && applied.get(m.name) !== m.checksum,
    )
    if (changed.length > 0) {
      const names = changed.map(({ name }) => name).join(', ')
      throw new Error(`${names} changed after it was applied; add a new migration instead`)
    }
    for (const migration of missing) await apply(client, migration)
    return missing.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

interface AppliedRow {
  name: string
  checksum: string
}

async function apply(client: Client, { name, checksum, sql }: Migration): Promise<void> {
  try {
    await client.query('BEGIN')
    // Old pods go on working on these tables: rather fail and be repeated than stop them.
    await client.query("SET LOCAL lock_timeout = '5s'")
    await client.query(sql)
    await client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [
      name,
      checksum,
    ])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

/** What still has to be applied before this program may work; empty when all is there. */
export async function missingMigrations(
  database: Queries,
  expected: Migration[],
): Promise<string[]> {
  const [table] = await database.query<{ present: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS present`,
  )
  if (!table?.present) return expected.map(({ name }) => name)
  const rows = await database.query<AppliedRow>('SELECT name, checksum FROM schema_migrations')
  const applied = new Map(rows.map((row) => [row.name, row.checksum]))
  return expected.filter((m) => applied.get(m.name) !== m.checksum).map(({ name }) => name)
}
