// Clients that are slow, silent or greedy: they get an answer in time, and do not keep a pod from ending.

import { type Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { pino } from 'pino'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { maxConnections } from '../client-errors.ts'
import { drainHttp } from '../drain.ts'
import { createHttp } from '../http.ts'
import { createManagement } from '../management.ts'
import { createMetrics } from '../metrics.ts'
import { untraced } from '../spans.ts'
import type { Identity } from '../telemetry.ts'
import { openWire, parseAnswer, type Wire } from './wire.ts'

const identity: Identity = {
  service: 'order',
  color: 'green',
  version: 'v1',
  revision: 'r1',
  pod: 'order-green-0',
}
const logger = pino({}, { write: () => {} })
const opened: { close(): unknown }[] = []

afterAll(() => {
  for (const one of opened) one.close()
})

async function startHttp() {
  const observed: { status: number }[] = []
  const metrics = createMetrics(identity).of('live')
  const app = createHttp({
    identity,
    plane: 'live',
    logger,
    metrics: {
      ...metrics,
      http: { ...metrics.http, observe: (labels) => void observed.push(labels) },
    },
    tracer: untraced,
    keepAlive: () => true,
  })
  app.after(() => {
    app.post('/things', { schema: { body: z.looseObject({}) } }, async ({ body }) => body)
    app.get('/slow', async () => {
      await sleep(7_000)
      return { slow: true }
    })
    app.get('/huge', async () => 'x'.repeat(8_000_000))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  opened.push(app)
  return { app, server: app.server as Server, port: portOf(app.server), observed }
}

async function startManagement() {
  const open = { 'GET /livez': () => ({ status: 200, body: {} }) }
  const access = async () => ({ user: 'nobody' })
  const server = createManagement({ open, guarded: {}, access, logger })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(server)
  return { server, port: portOf(server), observed: null }
}

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port
const half =
  'POST /things HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"'

describe.concurrent.each([
  ['the public port', startHttp],
  ['the management port', startManagement],
])('%s', { timeout: 30_000 }, (_, start) => {
  it.each([
    ['half a body', half],
    ['half a head', 'GET /livez HTTP/1.1\r\nhost: sh'],
    ['no request', ''],
  ])('answers %s with 408 after some seconds', async (name, bytes) => {
    const { port, observed } = await start()
    const wire = await openWire(port, bytes)
    const from = performance.now()
    const answer = parseAnswer(await wire.closed)
    expect(performance.now() - from).toBeLessThan(14_000)
    // The management port answers before it has read a body, and ignores it.
    if (observed === null && name === 'half a body') return
    expect(answer.status).toBe(408)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    if (observed) expect(observed).toEqual([expect.objectContaining({ status: 408 })])
  })

  it('answers what is not HTTP with a problem document', async () => {
    const { port } = await start()
    const answer = parseAnswer(await (await openWire(port, 'hello\r\n\r\n')).closed)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'about:blank', status: 400 })
  })

  it('has a limited number of connections', async () => {
    const { server } = await start()
    expect(server.maxConnections).toBe(maxConnections)
  })
})

describe.concurrent('the public port', { timeout: 40_000 }, () => {
  it('answers a body that comes byte by byte with 408', async () => {
    const { port } = await startHttp()
    const wire = await openWire(port, half.replace('length: 9', 'length: 900'))
    const drip = setInterval(() => wire.socket.write(' '), 500)
    expect(parseAnswer(await wire.closed).status).toBe(408)
    clearInterval(drip)
  })

  it('closes a connection whose client does not read', async () => {
    const { server, port } = await startHttp()
    const wire = await openWire(port)
    wire.socket.pause()
    wire.socket.write('GET /huge HTTP/1.1\r\nhost: shop\r\n\r\n'.repeat(3))
    await expect.poll(() => connectionsOf(server)).toBe(1)
    await expect.poll(() => connectionsOf(server), { timeout: 35_000 }).toBe(0)
    wire.socket.destroy()
  })

  it('forgets the requests of a client that has left', async () => {
    const { port } = await startHttp()
    const left = 50
    for (let n = 0; n < left; n += 1) {
      const wire = await openWire(port, 'GET /slow HTTP/1.1\r\nhost: shop\r\n\r\n'.repeat(2))
      wire.socket.resetAndDestroy()
    }
    // Their handlers end first.
    await expect.poll(answersInMemory, { timeout: 15_000, interval: 1_000 }).toBeLessThan(left / 2)
  })

  it('ends, whatever its clients do', async () => {
    const { app, port } = await startHttp()
    const silent = await Promise.all(Array.from({ length: 9 }, () => openWire(port)))
    const unfinished = await Promise.all([half, half, 'GET /x HTTP'].map((b) => openWire(port, b)))
    const from = performance.now()
    await drainHttp(app)
    // It gives them 7 s. The tests beside it may take the processors for a while.
    expect(performance.now() - from).toBeLessThan(20_000)
    await Promise.all([...silent, ...unfinished].map((wire) => wire.closed))
  }, 60_000)

  it('gives a request that is in work the time for its answer', async () => {
    const { app, port } = await startHttp()
    const wire = await openWire(port, 'GET /slow HTTP/1.1\r\nhost: shop\r\n\r\n')
    const from = performance.now()
    await drainHttp(app)
    expect(performance.now() - from).toBeLessThan(22_000)
    expect(await bodyOf(wire)).toBe('{"slow":true}')
  }, 60_000)
})

async function bodyOf(wire: Wire): Promise<string> {
  return parseAnswer(await wire.closed).body
}

function answersInMemory(): number {
  return queryObjects(ServerResponse, { format: 'count' })
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
