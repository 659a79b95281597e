import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHttp, type HttpServer } from '../http.ts'
import { createMetrics } from '../metrics.ts'
import { untraced } from '../spans.ts'
import type { Identity } from '../telemetry.ts'

const identity: Identity = {
  service: 'order',
  color: 'green',
  version: '1a2b3c4d5e6f',
  revision: '5f2a9c01aa',
  pod: 'order-green-0',
}
let keepAlive: boolean
let app: HttpServer
let logged: string[]
let metrics: ReturnType<typeof createMetrics>

beforeEach(() => {
  logged = []
  metrics = createMetrics(identity)
  keepAlive = true
  app = createHttp({
    identity,
    plane: 'live',
    logger: pino({}, { write: (line) => void logged.push(line) }),
    metrics: metrics.of('live'),
    tracer: untraced,
    keepAlive: () => keepAlive,
  })
  app.after(() => {
    app.post('/things', { schema: { body: z.object({ size: z.int() }) } }, async (request) => ({
      size: request.body.size,
      trace: request.traceparent,
    }))
    app.get('/broken', async () => {
      throw new Error('password=hunter2')
    })
    app.get('/away', async () => {
      throw Object.assign(new Error('the server is starting up'), { statusCode: 503 })
    })
  })
})

afterEach(() => app.close())

describe('createHttp', () => {
  it('names its slot in each answer', async () => {
    for (const url of ['/healthz', '/nowhere', '/broken']) {
      const { headers } = await app.inject(url)
      expect(headers).toMatchObject({
        'x-shop-color': 'green',
        'x-shop-version': '1a2b3c4d5e6f',
        'x-shop-plane': 'live',
      })
    }
  })

  it('counts the requests of customers, and no probes', async () => {
    for (const url of ['/healthz', '/broken']) await app.inject(url)
    const text = await metrics.registry.metrics()
    expect(text).toMatch(/_count{.*route="\/broken",status="500".*} 1\n/)
    expect(text).not.toContain('healthz')
  })

  it('begins to count failures with 0, so that Prometheus sees the first', async () => {
    await app.ready()
    const text = await metrics.registry.metrics()
    for (const status of ['500', '503'])
      expect(text).toMatch(
        new RegExp(`_count{.*method="POST",route="/things",status="${status}".*} 0\n`),
      )
  })

  it.each([
    ['an unknown path', { url: '/nowhere' }, 404],
    ['another method', { method: 'DELETE', url: '/things', headers: {} }, 405],
    ['a body that is not JSON', { method: 'POST', url: '/things', body: '{' }, 400],
    ['a body of another shape', { method: 'POST', url: '/things', body: '{"size":"big"}' }, 400],
    ['no body', { method: 'POST', url: '/things', body: '' }, 400],
    ['too large a body', { method: 'POST', url: '/things', body: 'x'.repeat(300_000) }, 413],
    ['a bug', { url: '/broken' }, 500],
  ] as const)('answers %s with a problem document', async (_name, request, status) => {
    const headers = { 'content-type': 'application/json' }
    const response = await app.inject({ headers, ...request })
    expect(response.statusCode).toBe(status)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(response.json()).toMatchObject({ type: 'about:blank', status })
    expect(response.body).not.toContain('hunter2')
  })

  it('logs each bug, and once in a while that the database is not available', async () => {
    for (let n = 0; n < 3; n += 1) await app.inject('/broken')
    expect(logged).toHaveLength(3)
    expect(logged[0]).toContain('"stack"')
    logged = []
    for (let n = 0; n < 20; n += 1) await app.inject('/away')
    expect(logged).toEqual([expect.stringContaining('the server is starting up')])
    expect(logged[0]).not.toContain('"stack"')
  })

  it('answers with 503 and when to try again while the database is not available', async () => {
    const { statusCode, headers, body } = await app.inject('/away')
    expect(statusCode).toBe(503)
    expect(headers).toMatchObject({
      'content-type': expect.stringContaining('application/problem+json'),
      'retry-after': '1',
    })
    expect(body).not.toContain('starting up')
    expect((await app.inject('/broken')).headers).not.toHaveProperty('retry-after')
  })

  it('says which field is wrong', async () => {
    const response = await app.inject({ method: 'POST', url: '/things', body: { size: 1.5 } })
    expect(response.json().errors).toEqual([{ path: '/size', message: expect.any(String) }])
  })

  it('continues an incoming trace and begins one otherwise', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const post = { method: 'POST', url: '/things', body: { size: 1 } } as const
    const continued = (await app.inject({ ...post, headers: { traceparent } })).json().trace
    expect(continued).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
    expect(continued).not.toBe(traceparent)
    const begun = (await app.inject({ ...post, headers: { traceparent: 'no' } })).json().trace
    expect(begun).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  })

  it('describes itself by OpenAPI', async () => {
    const { openapi, paths } = (await app.inject('/openapi.json')).json()
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths)).toEqual(['/things', '/broken', '/away'])
  })

  it('answers a standby request on a kept connection and then closes it', async () => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const get = () => fetch(`http://127.0.0.1:${port}/healthz`)
    expect((await get()).headers.get('connection')).toBe('keep-alive')
    keepAlive = false
    const last = await get()
    expect(last.status).toBe(200)
    expect(last.headers.get('connection')).toBe('close')
  })
})
