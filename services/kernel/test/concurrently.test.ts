// Migrations that cannot run in a transaction, and those that make a big table wait.
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { blockedTables, isOutsideTransaction } from '../concurrently.ts'

it.each([
  ['CREATE INDEX CONCURRENTLY i ON orders (reason)', true],
  ['-- why\n/* and\n how */ create unique index concurrently i ON orders (reason)', true],
  ['DROP INDEX CONCURRENTLY i', true],
  ['REINDEX TABLE CONCURRENTLY orders', true],
  ['REINDEX (CONCURRENTLY) TABLE orders', true],
  ['VACUUM orders', true],
  ['CREATE INDEX i ON orders (reason)', false],
  ['CREATE TABLE concurrently (a int)', false],
  ['-- CREATE INDEX CONCURRENTLY i ON orders (reason)\nSELECT 1', false],
])('%s cannot run in a transaction: %s', (sql, expected) => {
  expect(isOutsideTransaction(sql)).toBe(expected)
})

describe('a plain index on a big table', () => {
  /** All tables are big. */
  async function blocked(sql: string): Promise<unknown[]> {
    const query = async (_: string, [tables, atLeast]: [string[], number]) => ({
      rows: tables.map((table) => ({ table, rows: atLeast })),
    })
    return blockedTables({ query } as unknown as Client, sql)
  }

  it.each<[string, string[]]>([
    ['CREATE INDEX i ON orders (reason)', ['orders']],
    ['create unique index if not exists i on only shop.orders (reason)', ['shop.orders']],
    ['CREATE INDEX ON "Orders" (reason)', ['"Orders"']],
    [
      'CREATE TABLE a (b int); CREATE INDEX i ON orders (b); CREATE INDEX j ON a (b)',
      ['orders', 'a'],
    ],
    ['CREATE INDEX CONCURRENTLY i ON orders (reason)', []],
    ['CREATE TABLE orders (a int)', []],
  ])('is noticed in: %s', async (sql, tables) => {
    expect(await blocked(sql)).toEqual(tables.map((table) => [table, 100_000]))
  })
})
