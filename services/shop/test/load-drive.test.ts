import { randomUUIDv7 } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { startLoad } from '../load/drive.ts'
import { describe as describeReport, isClean, isExact, type LoadReport } from '../load/report.ts'

interface Known {
  body: string
  id: string
  status: string
}

interface Faults {
  /** Breaks the connection of the nth placement, before or after the order was stored. */
  breaks?: (n: number) => 'before' | 'after' | null
  /** Changes the final status of an order. */
  ends?: (right: string, n: number) => string
  /** The answer to a repetition. */
  repeats?: (known: Known) => string
  conflictStatus?: number
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

function answerOf({ id }: Known): string {
  return JSON.stringify({ id, status: 'placed' })
}

/** A shop in memory that settles orders at once, with faults. */
async function startShop(
  faults: Faults = {},
): Promise<{ url: string; orders: Map<string, Known> }> {
  const byKey = new Map<string, Known>()
  const byId = new Map<string, Known>()
  let count = 0

  const place = (key: string, body: string): Known => {
    const { items, payment } = JSON.parse(body)
    const unknown = items.some(({ sku }: { sku: string }) => sku === 'no-such-sku')
    const right = unknown ? 'rejected' : payment.token === 'tok_ok' ? 'confirmed' : 'cancelled'
    const status = faults.ends?.(right, byId.size) ?? right
    const known = { body, id: randomUUIDv7(), status }
    byKey.set(key, known)
    byId.set(known.id, known)
    return known
  }

  const post = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const body = await text(request)
    const key = String(request.headers['idempotency-key'])
    count += 1
    const broken = faults.breaks?.(count) ?? null
    if (broken === 'before') return request.socket.resetAndDestroy()
    const earlier = byKey.get(key)
    const known = earlier ?? place(key, body)
    if (broken === 'after') return request.socket.resetAndDestroy()
    if (known.body !== body) return response.writeHead(faults.conflictStatus ?? 409).end('{}')
    response.writeHead(202)
    return response.end(earlier ? (faults.repeats ?? answerOf)(known) : answerOf(known))
  }

  const server = createServer((request, response) => {
    if (request.method === 'POST') return void post(request, response)
    const { id = '', status } = byId.get(request.url?.split('/')[2] ?? '') ?? {}
    const placedAt = '2026-01-01T00:00:00.000Z'
    const settledAt = status === 'placed' ? null : '2026-01-01T00:00:00.040Z'
    const order = { id, status, reason: 'because', placedAt, settledAt }
    response.writeHead(id ? 200 : 404).end(JSON.stringify(order))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, orders: byKey }
}

function load(url: string, seconds = 0.75): Promise<LoadReport> {
  return startLoad({ url, rate: 200, seconds, seed: 3, patienceMs: 2_000 }).ended
}

describe('a load', () => {
  it('on a shop without faults is clean, and knows each order', async () => {
    const { url, orders } = await startShop()
    // Only what was answered is repeated: a busy machine needs time.
    const report = await load(url, 2)
    expect(isClean(report), describeReport(report).join('\n')).toBe(true)
    expect(report).toMatchObject({ requests: 400, failures: 0, accepted: orders.size, lost: [] })
    const { confirmed, rejected, cancelled } = report.outcomes
    expect(confirmed.confirmed + rejected.rejected + cancelled.cancelled).toBe(orders.size)
    expect(report.confirmed.count).toBe(confirmed.confirmed)
    expect(report.confirmed.p50Ms).toBeCloseTo(40, 0)
    expect(report.repeats).toBeGreaterThan(0)
    expect(report.conflicts).toBeGreaterThan(0)
  })

  it('repeats failed requests until they are answered, so that it knows each order', async () => {
    const { url, orders } = await startShop({
      breaks: (n) => (n % 10 === 0 ? 'before' : n % 10 === 5 ? 'after' : null),
    })
    const report = await load(url)
    expect(report.failures).toBeGreaterThan(20)
    expect(report.retries).toBeGreaterThanOrEqual(report.failures)
    expect(isClean(report)).toBe(false)
    expect(isExact(report), describeReport(report).join('\n')).toBe(true)
    expect(report.accepted).toBe(orders.size)
  })

  it('says which order ended in another way', async () => {
    const { url } = await startShop({ ends: (right, n) => (n === 7 ? 'cancelled' : right) })
    const { unexpected } = await load(url)
    expect(unexpected).toHaveLength(1)
    expect(unexpected[0]?.what).toMatch(/expected, got cancelled \(because\)/)
    expect(unexpected[0]?.orderId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('says which orders never ended', async () => {
    const { url } = await startShop({ ends: (right, n) => (n < 2 ? 'placed' : right) })
    const report = await load(url)
    expect(report.lost).toHaveLength(2)
    expect(isExact(report)).toBe(false)
  })

  it('notices another answer to the same key and body', async () => {
    const { url } = await startShop({ repeats: ({ id }) => `{"id":"${id}", "status":"placed"}` })
    const { unexpected } = await load(url)
    expect(unexpected.length).toBeGreaterThan(0)
    for (const { what } of unexpected) expect(what).toMatch(/got another answer/)
  })

  it('notices that another body under the same key was taken', async () => {
    const { url } = await startShop({ conflictStatus: 202 })
    const { unexpected } = await load(url)
    expect(unexpected.length).toBeGreaterThan(0)
    for (const { what } of unexpected) expect(what).toMatch(/409 expected, got 202/)
  })

  it('counts keys that never got an answer', async () => {
    const { url } = await startShop({ breaks: () => 'after' })
    const report = await startLoad({ url, rate: 20, seconds: 0.5, patienceMs: 500 }).ended
    expect(report.unanswered).toBeGreaterThan(5)
    expect(report.accepted).toBe(0)
  })

  it('ends early when it is stopped', async () => {
    const { url } = await startShop()
    const started = startLoad({ url, rate: 50, seconds: 60 })
    const report = await started.stop()
    expect(report.requests).toBeLessThan(10)
    expect(isClean(report)).toBe(true)
  })
})

describe('what is printed', () => {
  it('fits into 80 columns', async () => {
    const { url } = await startShop({ breaks: (n) => (n % 9 === 0 ? 'after' : null) })
    const lines = describeReport(await load(url))
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
    expect(lines.join('\n')).toMatch(/requests failed/)
  })
})
