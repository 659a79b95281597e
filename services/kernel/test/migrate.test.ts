import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

const services = ['order', 'inventory', 'payment', 'notification']
function folderOf(service: string) {
  return new URL(`../../${service}/migrations/`, import.meta.url)
}

describe('the migrations of the services', () => {
  it.each(['0001_messaging.sql', '0003_gate.sql'])('have the same %s', async (name) => {
    const files = await Promise.all(
      services.map((service) => readFile(new URL(name, folderOf(service)), 'utf8')),
    )
    expect(new Set(files).size).toBe(1)
  })
})
