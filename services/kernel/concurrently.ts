// Statements that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY. Each is alone in its file. When a run is
// killed, it leaves an invalid index, or has done its work without a note of it.
import type { Client } from 'pg'
import { codeOf } from './database-errors.ts'

const name = String.raw`(?:"(?:[^"]|"")+"|[\w$]+)`
const create = String.raw`^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b`
const creation = new RegExp(
  String.raw`${create}\s+(?:IF\s+NOT\s+EXISTS\s+)?(${name})\s+ON\s+(?:ONLY\s+)?(${name}(?:\.${name})?)`,
  'i',
)
const drop = /^DROP\s+INDEX\s+CONCURRENTLY\b/i
const reindex = /^REINDEX\b[^;]*\bCONCURRENTLY\b/i
const others = new RegExp(String.raw`^VACUUM\b|${create}`, 'i')

/** Whether the SQL cannot run in a transaction. */
export function isOutsideTransaction(sql: string): boolean {
  const text = withoutComments(sql)
  return [drop, reindex, others].some((pattern) => pattern.test(text))
}

/** Runs the SQL, also when an earlier run was killed in the middle or right after it. */
export async function runOutsideTransaction(client: Client, sql: string): Promise<void> {
  const text = withoutComments(sql)
  const [, index, table] = creation.exec(text) ?? []
  if (index && table) return createIndex(client, sql, unquoted(index), table)
  if (reindex.test(text)) await dropInvalid(client, "relname ~ '_cc(new|old)[0-9]*$'")
  try {
    await client.query(sql)
  } catch (error) {
    const isGone = drop.test(text) && codeOf(error) === undefinedObject
    if (!isGone) throw error
  }
}

const undefinedObject = '42704'

async function createIndex(
  client: Client,
  sql: string,
  index: string,
  table: string,
): Promise<void> {
  const isInvalid = 'relname = $1 AND indrelid = to_regclass($2)'
  await dropInvalid(client, isInvalid, [index, table])
  const { rowCount } = await client.query(`${indexes} WHERE indisvalid AND ${isInvalid}`, [
    index,
    table,
  ])
  if (rowCount) return
  try {
    await client.query(sql)
  } catch (error) {
    // An invalid unique index would still refuse rows.
    await dropInvalid(client, isInvalid, [index, table]).catch(() => {})
    throw error
  }
}

const indexes =
  'SELECT indexrelid::regclass::text AS index FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid'

async function dropInvalid(client: Client, which: string, values: string[] = []): Promise<void> {
  const { rows } = await client.query<{ index: string }>(
    `${indexes} WHERE NOT indisvalid AND ${which}`,
    values,
  )
  for (const { index } of rows) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${index}`)
}

/** More rows than these are a big table: its index takes seconds. */
const bigTable = 100_000
const plainIndex = new RegExp(
  String.raw`\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY\b)[^;(]*?\bON\s+(?:ONLY\s+)?(${name}(?:\.${name})?)`,
  'gi',
)

/** The big tables whose writes wait while the SQL creates an index, with their numbers of rows. */
export async function blockedTables(client: Client, sql: string): Promise<[string, number][]> {
  const tables = [...sql.matchAll(plainIndex)].flatMap(([, table]) => table ?? [])
  const { rows } = await client.query<{ table: string; rows: number }>(
    `SELECT wanted AS table, reltuples::int AS rows
     FROM unnest($1::text[]) AS wanted JOIN pg_class ON pg_class.oid = to_regclass(wanted)
     WHERE reltuples >= $2`,
    [tables, bigTable],
  )
  return rows.map((row) => [row.table, row.rows])
}

function withoutComments(sql: string): string {
  return sql.replace(/^(\s+|--.*(\n|$)|\/\*[\s\S]*?\*\/)*/, '')
}

function unquoted(identifier: string): string {
  if (!identifier.startsWith('"')) return identifier.toLowerCase()
  return identifier.slice(1, -1).replaceAll('""', '"')
}
