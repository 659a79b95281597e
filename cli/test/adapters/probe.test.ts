// The probe against a real server on loopback: kept and new connections, broken ones, and silence.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { startProbe } from '../../src/adapters/probe.ts'
import { hasFailed } from '../../src/release/move/probe-report.ts'
import type { ProbeRun } from '../../src/release/ports/probe.ts'

const servers: Server[] = []
const ending = new Set<AbortController>()
afterEach(() => {
  for (const each of ending) each.abort()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(answer: RequestListener) {
  const seen = { connections: 0, open: 0, requests: [] as string[] }
  const server = createServer((request, response) => {
    seen.requests.push(`${request.method} ${request.url} ${request.headers['user-agent']}`)
    answer(request, response)
  })
  server.on('connection', (socket) => {
    seen.connections += 1
    seen.open += 1
    socket.on('close', () => {
      seen.open -= 1
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const ok: RequestListener = (_, response) => void response.setHeader('x-shop-color', 'blue').end()

async function probe(url: string, rate = 100): Promise<{ run: ProbeRun; end: AbortController }> {
  const end = new AbortController()
  ending.add(end)
  const settings = {
    url,
    path: '/orders/1?full=1',
    rate,
    seconds: 300,
    colorHeader: 'x-shop-color',
  }
  return { run: await startProbe({ ...settings, signal: end.signal }), end }
}

/** The machine may be busy. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`)
    await sleep(20)
  }
}

it('sends GETs at its rate, over kept connections and new ones', async () => {
  const { url, seen } = await serve(ok)
  const from = performance.now()
  const { run } = await probe(url)
  await until('60 requests', () => run.samples.length >= 60)
  await run.stop()
  const samples = run.samples.toSorted((one, other) => one.sentAt - other.sentAt)
  expect(new Set(seen.requests)).toEqual(new Set(['GET /orders/1?full=1 shopctl-probe']))
  // Those that a stall of this machine has left out make a longer gap, and no burst.
  for (const [n, { sentAt }] of samples.entries())
    expect(sentAt - (samples[n - 1]?.sentAt ?? 0)).toBeGreaterThan(9.9)
  const fresh = samples.filter(({ isNew }) => isNew).length
  expect(fresh).toBeGreaterThan(0)
  expect(fresh).toBeLessThan(samples.length / 2)
  // A connection for each of these, and no more than 32 that are kept.
  expect(seen.connections).toBeLessThanOrEqual(fresh + 32)
  for (const { sentAt, endedAt, status, color } of samples) {
    expect({ status, color }).toEqual({ status: 200, color: 'blue' })
    // By the clock of the move.
    expect(sentAt).toBeGreaterThanOrEqual(from)
    expect(endedAt).toBeLessThanOrEqual(performance.now() + 1)
    expect(endedAt).toBeGreaterThanOrEqual(sentAt)
  }
})

it('has 5xx and broken connections as failures, and other answers as answers', async () => {
  const answers: RequestListener[] = [
    ok,
    (_, response) => void response.writeHead(404).end(),
    (_, response) => void response.writeHead(503, { 'x-shop-color': 'green' }).end(),
    // In the middle of an answer: no client sends that again.
    (_, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half')
      setTimeout(() => response.socket?.resetAndDestroy(), 20)
    },
  ]
  let n = 0
  const { url } = await serve((...of) => answers[n++ % answers.length]?.(...of))
  const { run } = await probe(url, 40)
  await until('16 answers', () => run.samples.length >= 16)
  await run.stop()
  const kinds = new Set(
    run.samples.map((sample) => {
      const { status, color, isLate } = sample
      return `${status} ${color} ${hasFailed(sample) ? 'failed' : 'fine'} ${isLate}`
    }),
  )
  expect([...kinds].sort()).toEqual([
    '0 null failed false',
    '200 blue fine false',
    '404 null fine false',
    '503 green failed false',
  ])
})

it('takes a connection that was closed between two requests for no failure', async () => {
  const used = new WeakSet()
  const { url } = await serve((request, response) => {
    if (used.has(request.socket)) return request.socket.resetAndDestroy()
    used.add(request.socket)
    ok(request, response as never)
  })
  const { run } = await probe(url)
  await until('one that was sent again', () => run.samples.some(({ isResent }) => isResent))
  await run.stop()
  expect(run.samples.filter(hasFailed)).toEqual([])
})

it('gives a silent server 2 s, and waits no longer at its end', async () => {
  const { url, seen } = await serve(() => {})
  const { run } = await probe(url, 50)
  await until('5 requests', () => seen.requests.length >= 5)
  const from = performance.now()
  await run.stop()
  expect(performance.now() - from).toBeLessThan(8_000)
  expect(run.samples.length).toBeGreaterThanOrEqual(5)
  for (const { status, isLate, error, sentAt, endedAt } of run.samples) {
    expect({ status, isLate, error }).toEqual({
      ...{ status: 0, isLate: true, error: 'no answer within 2 s' },
    })
    expect(endedAt - sentAt).toBeGreaterThan(1_980)
  }
})

it('ends at once with its command: no request, no connection and no sample is left', async () => {
  const { url, seen } = await serve((request, response) => {
    // The others are silent.
    if (seen.requests.length < 10) ok(request, response as never)
  })
  const { run, end } = await probe(url)
  await until('silence', () => seen.requests.length >= 15)
  const { length } = run.samples
  end.abort()
  await run.stop()
  await until('no connection is left', () => seen.open === 0)
  const sent = seen.requests.length
  await sleep(300)
  expect([run.samples.length, seen.requests.length]).toEqual([length, sent])
})

it('of a port that nobody listens on fails, and says why', async () => {
  const { url } = await serve(ok)
  servers.splice(0).forEach((server) => void server.close())
  const { run } = await probe(url, 20)
  await until('3 failures', () => run.samples.length >= 3)
  await run.stop()
  for (const sample of run.samples) {
    expect(hasFailed(sample)).toBe(true)
    expect(sample.error).toContain('ECONNREFUSED')
  }
})

it('that cannot be started says why', async () => {
  const settings = { url: 'shop.example.com', path: '/', rate: 1, seconds: 300, colorHeader: 'x' }
  const { signal } = new AbortController()
  await expect(startProbe({ ...settings, signal })).rejects.toThrow('is not an HTTP URL')
})

it('that is ended before it has begun is no failure of the command', async () => {
  const { url, seen } = await serve(ok)
  const settings = {
    url,
    path: '/',
    rate: 100,
    seconds: 300,
    colorHeader: 'x',
    signal: AbortSignal.abort(),
  }
  await expect(startProbe(settings)).rejects.toThrow('its thread was ended')
  expect(seen.requests).toEqual([])
})
