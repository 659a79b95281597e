import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createManagement } from '../management.ts'

let server: Server
let url: string

beforeEach(async () => {
  server = createManagement({
    '/livez': () => ({ status: 200, body: { live: true } }),
    '/metrics': async () => ({ status: 200, text: 'up 1\n' }),
    '/readyz': async () => {
      throw new Error('the database does not answer')
    },
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(() => {
  server.close()
})

describe('createManagement', () => {
  it.each([
    ['/livez', 200, '{"live":true}'],
    ['/livez?verbose', 200, '{"live":true}'],
    ['/metrics', 200, 'up 1\n'],
    ['/readyz', 503, '{"error":"the database does not answer"}'],
    ['/nowhere', 404, '{"error":"not found"}'],
    ['/toString', 404, '{"error":"not found"}'],
  ])('GET %s answers %i', async (path, status, body) => {
    const response = await fetch(`${url}${path}`)
    expect(response.status).toBe(status)
    expect(await response.text()).toBe(body)
  })
})
