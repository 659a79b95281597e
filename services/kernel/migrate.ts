// Applies SQL files in order, once each; run by a Job, awaited by the pods.
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

const kernelFolder = new URL('./migrations/', import.meta.url)

/**
 * Reads the SQL files of the kernel and those in `folder`, sorted by file name. In an image both are in one folder.
 * Throws when a file of the service has the name of one of the kernel.
 */
export async function readMigrations(folder: URL): Promise<Migration[]> {
  const folders = [...new Set([kernelFolder.href, folder.href])]
  const files = (await Promise.all(folders.map(listSql))).flat().sort(byName)
  const twice = files.find(({ name }, index) => name === files[index - 1]?.name)
  if (twice) throw new Error(`${twice.name} is a migration of the kernel: choose another name`)
  return Promise.all(
    files.map(async ({ name, url }) => {
      const sql = await readFile(url, 'utf8')
      return { name, checksum: createHash('sha256').update(sql).digest('hex'), sql }
    }),
  )
}

interface SqlFile {
  name: string
  url: URL
}

async function listSql(folder: string): Promise<SqlFile[]> {
  const names = (await readdir(new URL(folder))).filter((name) => name.endsWith('.sql'))
  return names.map((name) => ({ name, url: new URL(name, folder) }))
}

function byName(one: SqlFile, other: SqlFile): number {
  return one.name < other.name ? -1 : 1
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
    // Live pods use these tables: fail and be repeated rather than block them.
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
