import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { narrows, readMigrations } from '../migrate.ts'

const services = ['order', 'inventory', 'payment', 'notification']
function folderOf(service: string) {
  return new URL(`../../${service}/migrations/`, import.meta.url)
}

describe('narrows', () => {
  it.each([
    'DROP TABLE orders',
    'alter table orders drop column reason',
    'ALTER TABLE orders RENAME COLUMN reason TO why',
    'ALTER TABLE orders RENAME TO purchases',
    'ALTER TABLE orders ALTER COLUMN reason TYPE varchar(9)',
    'ALTER TABLE orders ALTER COLUMN reason SET NOT NULL',
    'TRUNCATE orders',
  ])('refuses %s', (sql) => {
    expect(narrows(sql)).toBe(true)
  })

  it.each([
    'ALTER TABLE orders ADD COLUMN note text',
    'CREATE INDEX CONCURRENTLY orders_by_day ON orders (placed_at)',
    '-- never DROP TABLE orders\nSELECT 1',
    'ALTER TABLE orders ALTER COLUMN reason DROP NOT NULL',
  ])('accepts %s', (sql) => {
    expect(narrows(sql)).toBe(false)
  })
})

describe('the migrations of the services', () => {
  it.each(services)('of %s only add', async (service) => {
    const migrations = await readMigrations(folderOf(service))
    expect(migrations.length).toBeGreaterThan(0)
    expect(migrations.filter(({ sql }) => narrows(sql))).toEqual([])
  })

  it.each(['0001_messaging.sql', '0003_gate.sql'])('have the same %s', async (name) => {
    const files = await Promise.all(
      services.map((service) => readFile(new URL(name, folderOf(service)), 'utf8')),
    )
    expect(new Set(files).size).toBe(1)
  })
})
