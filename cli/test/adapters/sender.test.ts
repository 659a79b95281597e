import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Call,
  createLatencies,
  type Exchange,
  originOf,
  startSender,
} from '../../src/adapters/sender.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server on loopback that counts its connections. */
async function serve(answer: RequestListener) {
  const seen = { connections: 0 }
  const server = createServer(answer)
  server.on('connection', () => {
    seen.connections += 1
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const ok: RequestListener = (_, response) => {
  response.writeHead(200, { 'x-shop-color': 'blue', 'x-shop-version': 'v1' }).end('fine')
}
const call: Call = { method: 'GET', path: '/' }
function next(): Call {
  return call
}

describe('the schedule', () => {
  it('sends at the rate it was given and sums up', async () => {
    const { url } = await serve(ok)
    const exchanges: Exchange[] = []
    const sender = startSender({
      url,
      rate: 100,
      seconds: 0.5,
      next,
      onExchange: (one) => exchanges.push(one),
    })
    const summary = await sender.ended
    expect(summary).toMatchObject({ requests: 50, failures: 0 })
    expect(summary.p50Ms).toBeGreaterThan(0)
    expect(summary.p99Ms).toBeLessThanOrEqual(summary.maxMs)
    const due = exchanges.map(({ intendedAt }) => intendedAt).sort((a, b) => a - b)
    expect((due.at(-1) ?? 0) - (due[0] ?? 0)).toBeCloseTo(490, 3)
    for (const { status, color, version, error, sentAt, intendedAt } of exchanges) {
      expect({ status, color, version, error }).toEqual({
        status: 200,
        color: 'blue',
        version: 'v1',
        error: null,
      })
      expect(sentAt).toBeGreaterThanOrEqual(intendedAt)
    }
  })

  it('does not wait for answers: a pause of the server delays every request during it', async () => {
    const pauseMs = 400
    const pausedAt = performance.now() + 100
    const { url } = await serve((request, response) => {
      const left = pausedAt + pauseMs - performance.now()
      if (left < pauseMs && left > 0) setTimeout(() => ok(request, response as never), left)
      else ok(request, response as never)
    })
    const late: number[] = []
    const sender = startSender({
      url,
      rate: 100,
      seconds: 0.8,
      next,
      onExchange: ({ latencyMs }) => void (latencyMs > 50 && late.push(latencyMs)),
    })
    const summary = await sender.ended
    expect(summary).toMatchObject({ requests: 80, failures: 0 })
    // In a closed loop, the pause would delay one request per connection.
    expect(late.length).toBeGreaterThan(25)
    expect(summary.maxMs).toBeGreaterThan(pauseMs * 0.9)
  })

  it('counts the wait of a request while too many are in flight', async () => {
    const { url } = await serve((request, response) =>
      setTimeout(() => ok(request, response as never), 100),
    )
    const exchanges: Exchange[] = []
    const sender = startSender({
      url,
      rate: 50,
      seconds: 0.2,
      maxOpen: 1,
      next,
      onExchange: (one) => exchanges.push(one),
    })
    await sender.ended
    const last = exchanges.at(-1) as Exchange
    expect(last.sentAt - last.intendedAt).toBeGreaterThan(500)
    expect(last.latencyMs).toBeGreaterThan(600)
  })

  it('fails requests that it could not send in time', async () => {
    const { url } = await serve(() => {})
    const errors: (string | null)[] = []
    const sender = startSender({
      url,
      rate: 50,
      seconds: 0.1,
      maxOpen: 1,
      timeoutMs: 300,
      next,
      onExchange: ({ error }) => errors.push(error),
    })
    expect(await sender.ended).toMatchObject({ requests: 5, failures: 5 })
    expect(errors).toContain('not sent in time: too many requests were open')
  })

  it('leaves out what is overdue, if it is to: after a stall, no burst', async () => {
    const { url } = await serve(ok)
    const stall = (): (() => Call) => {
      let calls = 0
      return () => {
        calls += 1
        const until = performance.now() + 400
        while (calls === 10 && performance.now() < until);
        return call
      }
    }
    const options = { url, rate: 100, seconds: 1 }
    expect(await startSender({ ...options, next: stall() }).ended).toMatchObject({ requests: 100 })
    const careful = startSender({ ...options, mostLateMs: 50, next: stall() })
    expect((await careful.ended).requests).toBeLessThanOrEqual(67)
  })

  it('ends after `count` requests, or when it is stopped', async () => {
    const { url } = await serve(ok)
    const counted = startSender({ url, rate: 200, seconds: 60, count: 7, next })
    expect(await counted.ended).toMatchObject({ requests: 7 })
    const stopped = startSender({ url, rate: 10, seconds: 60, next })
    const started = performance.now()
    const { requests } = await stopped.stop()
    expect(requests).toBeLessThanOrEqual(1)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe('connections', () => {
  it('keeps some, all of them in use, and opens new ones for a share', async () => {
    const sockets = new Map<unknown, number>()
    const closing: boolean[] = []
    const { url, seen } = await serve((request, response) => {
      sockets.set(request.socket, (sockets.get(request.socket) ?? 0) + 1)
      closing.push(request.headers.connection === 'close')
      ok(request, response as never)
    })
    const shape = { rate: 200, seconds: 0.5, connections: 4, newConnections: 0.2 }
    // No more at once: after a pause of the machine, more connections would be opened and kept.
    await startSender({ url, ...shape, maxOpen: 4, next }).ended
    expect(closing.filter(Boolean)).toHaveLength(20)
    expect(seen.connections).toBeGreaterThanOrEqual(24)
    const kept = [...sockets.values()].filter((requests) => requests > 5)
    expect(kept).toHaveLength(4)
  })

  it('follows a server that closes', async () => {
    const { url, seen } = await serve((request, response) => {
      response.setHeader('connection', 'close')
      ok(request, response as never)
    })
    const sender = startSender({ url, rate: 100, seconds: 0.2, newConnections: 0, next })
    expect(await sender.ended).toMatchObject({ requests: 20, failures: 0 })
    expect(seen.connections).toBe(20)
  })
})

describe('a kept connection that the server closes between two requests', () => {
  /** Each connection carries one request; the server resets it when it gets another one. */
  const once = (): RequestListener => {
    const used = new WeakSet()
    return (request, response) => {
      if (used.has(request.socket)) return request.socket.resetAndDestroy()
      used.add(request.socket)
      ok(request, response as never)
    }
  }

  it('is no failure of a GET: it is sent again on a new one', async () => {
    const { url, seen } = await serve(once())
    const exchanges: Exchange[] = []
    const options = { url, rate: 20, seconds: 1, maxOpen: 1, newConnections: 0, next }
    const onExchange = (one: Exchange): unknown => exchanges.push(one)
    const { failures } = await startSender({ ...options, onExchange }).ended
    expect({ failures, connections: seen.connections }).toEqual({ failures: 0, connections: 20 })
    expect(exchanges.map(({ isResent }) => isResent)).toEqual([false, ...Array(19).fill(true)])
  })

  it('is a failure of a POST, and of a GET on the second new connection', async () => {
    const { url } = await serve(once())
    const options = { url, rate: 20, seconds: 0.5, maxOpen: 1, newConnections: 0 }
    const post = (): Call => ({ method: 'POST', path: '/', body: 'x' })
    expect(await startSender({ ...options, next: post }).ended).toMatchObject({ failures: 5 })
    let requests = 0
    const dead = await serve((request, response) => {
      requests += 1
      if (requests > 1) request.socket.resetAndDestroy()
      else ok(request, response as never)
    })
    const gets = startSender({ ...options, url: dead.url, count: 3, next })
    expect(await gets.ended).toMatchObject({ requests: 3, failures: 2 })
    // The answer; one that is sent twice; one on a connection that has answered nothing.
    expect(requests).toBe(4)
  })
})

describe('a server that is silent', () => {
  it('fails each request at its time limit', async () => {
    const { url } = await serve(() => {})
    const exchanges: Exchange[] = []
    const onExchange = (one: Exchange): unknown => exchanges.push(one)
    await startSender({ url, rate: 50, seconds: 0.1, timeoutMs: 300, next, onExchange }).ended
    expect(exchanges.map(({ error }) => error)).toEqual(Array(5).fill('no answer within 0.3 s'))
    for (const { latencyMs } of exchanges) expect(latencyMs).toBeGreaterThan(295)
  })

  it('holds up nobody who ends the sender by its signal', async () => {
    const { url } = await serve(() => {})
    const stop = new AbortController()
    const sender = startSender({ url, rate: 50, seconds: 60, signal: stop.signal, next })
    setTimeout(() => stop.abort(), 100)
    const started = performance.now()
    await sender.ended
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

it('the header of the color may have another name', async () => {
  const { url } = await serve((_, response) => void response.setHeader('x-slot', 'green').end())
  const colors = new Set<string | null>()
  const onExchange = ({ color }: Exchange): unknown => colors.add(color)
  const options = { url, rate: 100, seconds: 0.05, next, onExchange }
  await startSender({ ...options, colorHeader: 'x-slot' }).ended
  expect([...colors]).toEqual(['green'])
})

describe('failures', () => {
  it('are answers from 400 on, unless the caller knows better', async () => {
    const { url } = await serve((_, response) => void response.writeHead(409).end())
    const options = { url, rate: 100, seconds: 0.1, next }
    expect(await startSender(options).ended).toMatchObject({ requests: 10, failures: 10 })
    const isFailure = ({ status }: Exchange): boolean => status !== 409
    expect(await startSender({ ...options, isFailure }).ended).toMatchObject({ failures: 0 })
  })

  it('have the reason why there is no answer', async () => {
    const { url } = await serve((request) => request.socket.resetAndDestroy())
    const exchanges: Exchange[] = []
    const onExchange = (one: Exchange): unknown => exchanges.push(one)
    await startSender({ url, rate: 100, seconds: 0.05, next, onExchange }).ended
    expect(exchanges.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0])
    for (const { error } of exchanges) expect(error).toMatch(/ECONNRESET|other side closed/)
  })
})

describe('where it sends to', () => {
  it.each(['http://127.0.0.1:1', 'http://127.9.9.9:1', 'http://localhost:1', 'http://[::1]:1'])(
    '%s is loopback',
    (url) => {
      expect(originOf(url)).toBe(url)
    },
  )

  it.each([
    ['http://example.com', /not this machine/],
    ['http://127.0.0.1.example.com', /not this machine/],
    ['http://10.0.0.1', /not this machine/],
    ['ftp://127.0.0.1', /is not an HTTP URL/],
    ['127.0.0.1:80', /is not an HTTP URL/],
  ])('%s is refused', (url, message) => {
    expect(() => startSender({ url, rate: 1, seconds: 1, next })).toThrow(message)
  })

  it('unless another host is meant', () => {
    expect(originOf('http://example.com/orders', { remote: true })).toBe('http://example.com')
  })

  it('refuses a rate or time without sense', () => {
    const options = { url: 'http://127.0.0.1:1', next }
    expect(() => startSender({ ...options, rate: 0, seconds: 1 })).toThrow(/more than 0/)
    expect(() => startSender({ ...options, rate: 1, seconds: Number.NaN })).toThrow(/more than 0/)
  })
})

describe('createLatencies', () => {
  it('keeps three digits from a microsecond to an hour', () => {
    const latencies = createLatencies()
    for (let ms = 1; ms <= 1_000; ms++) latencies.record(ms)
    expect(latencies.percentile(50)).toBeCloseTo(500, -1)
    expect(latencies.percentile(99)).toBeCloseTo(990, -1)
    latencies.record(10 ** 9)
    latencies.record(-1)
    expect(latencies.count()).toBe(1_002)
    expect(latencies.max()).toBeGreaterThanOrEqual(3_600_000)
  })

  it('is 0 when nothing was recorded', () => {
    const latencies = createLatencies()
    expect([latencies.percentile(99), latencies.max(), latencies.count()]).toEqual([0, 0, 0])
  })
})
