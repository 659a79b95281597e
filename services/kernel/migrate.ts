// Applies SQL files in order, once each; run by a Job, awaited by the pods.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'
import { blockedTables, isOutsideTransaction, runOutsideTransaction } from './concurrently.ts'
import type { Queries } from './database.ts'
import { codeOf, isUnavailable } from './database-errors.ts'

export interface Migration {
  /** The file's name; the order of names is the order of application. */
  name: string
  /** SHA-256 of the file, in hex. */
  checksum: string
  sql: string
}

/** All migrations of a database take this advisory lock. */
const lock = 7_316_522
const lockPollMs = 250

/** Reads the SQL files in these folders, sorted by file name. Throws when two folders have a file of the same name. */
export async function readMigrations(folders: URL[]): Promise<Migration[]> {
  const files = (await Promise.all(folders.map(listSql))).flat().sort(byName)
  const twice = files.find(({ name }, index) => name === files[index - 1]?.name)
  if (twice) throw new Error(`two folders have a migration ${twice.name}: rename one of them`)
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

async function listSql(folder: URL): Promise<SqlFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql'))
  return names.map((name) => ({ name, url: new URL(name, folder) }))
}

function byName(one: SqlFile, other: SqlFile): number {
  return one.name < other.name ? -1 : 1
}

/**
 * Applies the missing migrations, each in a transaction of its own if it can run in one, and returns their names. Ignores
 * applied migrations that this version does not have: an older version may migrate after a newer one. Throws when a file
 * was changed after it had been applied.
 */
export async function migrate(
  url: string,
  migrations: Migration[],
  warn: (warning: string) => void = () => {},
): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  // Without a listener, a broken connection would end the process. The running query rejects, and that is enough.
  client.on('error', () => {})
  await client.connect()
  try {
    await takeLock(client)
    await client.query(
      `CREATE TABLE IF NOT EXISTS schema_migrations (
         name text PRIMARY KEY,
         checksum text NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT now()
       )`,
    )
    const applied = await readChecksums(async (text) => (await client.query(text)).rows)
    const missing = migrations.filter(({ name }) => !applied.has(name))
    const changed = migrations.filter(
      (m) => applied.has(m.name) && applied.get(m.name) !== m.checksum,
    )
    if (changed.length > 0) {
      const names = changed.map(({ name }) => name).join(', ')
      throw new Error(`${names} changed after it was applied; add a new migration instead`)
    }
    for (const migration of missing) {
      for (const [table, rows] of await blockedTables(client, migration.sql)) {
        warn(
          `${migration.name}: CREATE INDEX blocks writes to ${table} (about ${rows} rows) while it runs; CREATE INDEX CONCURRENTLY, in a file of its own, does not`,
        )
      }
      await apply(client, migration)
      await client.query('RESET ALL')
    }
    return missing.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

/** The checksums of the applied migrations, by name. */
async function readChecksums(
  query: (text: string) => Promise<{ name: string; checksum: string }[]>,
): Promise<Map<string, string>> {
  const rows = await query('SELECT name, checksum FROM schema_migrations')
  return new Map(rows.map(({ name, checksum }) => [name, checksum]))
}

/** A statement that waits for the lock would block CREATE INDEX CONCURRENTLY of the holder, so it never waits. */
async function takeLock(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS taken', [lock])
    if (rows[0].taken) return
    await setTimeout(lockPollMs)
  }
}

async function apply(client: Client, { name, checksum, sql }: Migration): Promise<void> {
  const note = () =>
    client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [name, checksum])
  try {
    if (isOutsideTransaction(sql)) {
      await runOutsideTransaction(client, sql)
      await note()
      return
    }
    await client.query('BEGIN')
    // Live pods use these tables. Their statements wait while this one waits for a lock, so it must not wait long.
    await client.query("SET LOCAL lock_timeout = '5s'")
    await client.query(sql)
    await note()
    await client.query('COMMIT')
  } catch (error) {
    // It fails when the connection is broken, which is not the reason to report.
    await client.query('ROLLBACK').catch(() => {})
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

/** Whether the same migrations may succeed later, although nothing is changed. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (isUnavailable(error) || codeOf(error) === noSuchDatabase) return true
  return error.message === 'timeout expired' || isTransient(error.cause)
}

const noSuchTable = '42P01'
/** It may be created soon. */
const noSuchDatabase = '3D000'

/** The migrations that this version needs and the database does not have, by name. */
export async function missingMigrations(
  database: Queries,
  expected: Migration[],
): Promise<string[]> {
  const applied = await readChecksums((text) => database.query(text)).catch((error: unknown) => {
    if (codeOf(error) === noSuchTable) return new Map<string, string>()
    throw error
  })
  return expected.filter((m) => applied.get(m.name) !== m.checksum).map(({ name }) => name)
}
