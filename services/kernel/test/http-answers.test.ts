// All answers have one form, those of the framework and of Node's HTTP parser too.

import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHttp, type HttpServer } from '../http.ts'
import { createMetrics } from '../metrics.ts'
import { untraced } from '../spans.ts'
import type { Identity } from '../telemetry.ts'
import { openWire, parseAnswer } from './wire.ts'

const identity: Identity = {
  service: 'order',
  color: 'green',
  version: 'v1',
  revision: 'r1',
  pod: 'order-green-0',
}
let app: HttpServer
let port: number
let observed: { method: string; route: string; status: number }[]
let keepAlive: boolean

beforeEach(async () => {
  observed = []
  keepAlive = true
  const metrics = createMetrics(identity).of('live')
  app = createHttp({
    identity,
    plane: 'live',
    logger: pino({}, { write: () => {} }),
    metrics: {
      ...metrics,
      http: { ...metrics.http, observe: (labels) => void observed.push(labels) },
    },
    tracer: untraced,
    keepAlive: () => keepAlive,
  })
  app.after(() => {
    app.post('/things', { schema: { body: z.looseObject({}) } }, async ({ body }) => body)
    app.get('/things/:id', async ({ params }) => params)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  port = (app.server.address() as AddressInfo).port
})

afterEach(async () => {
  app.server.closeAllConnections()
  await app.close()
})

const host = 'host: shop\r\nconnection: close\r\n'

function post(body: string, headers = 'content-type: application/json\r\n'): string {
  return `POST /things HTTP/1.1\r\n${host}${headers}content-length: ${body.length}\r\n\r\n${body}`
}

const deep = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`

describe('an answer', () => {
  it.each<[string, string, number]>([
    ['a path that cannot be decoded', `GET /things/% HTTP/1.1\r\n${host}\r\n`, 400],
    ['half a character in a path', `GET /things/%E0%A4 HTTP/1.1\r\n${host}\r\n`, 400],
    ['an unknown path', `GET /nowhere HTTP/1.1\r\n${host}\r\n`, 404],
    ['a long part of a path', `GET /things/${'x'.repeat(2_000)} HTTP/1.1\r\n${host}\r\n`, 414],
    ['a method that the path does not have', `DELETE /things HTTP/1.1\r\n${host}\r\n`, 405],
    ['OPTIONS', `OPTIONS /things/7 HTTP/1.1\r\n${host}\r\n`, 405],
    ['TRACE', `TRACE /things/7 HTTP/1.1\r\n${host}\r\n`, 405],
    ['a rare method', `PROPFIND /things/7 HTTP/1.1\r\n${host}\r\n`, 405],
    ['an unknown method', `BREW /things/7 HTTP/1.1\r\n${host}\r\n`, 400],
    ['CONNECT', `CONNECT elsewhere:443 HTTP/1.1\r\n${host}\r\n`, 405],
    ['no host', 'GET /things/7 HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['what is not HTTP', 'hello\r\n\r\n', 400],
    ['a TLS handshake', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a header without a name', `GET / HTTP/1.1\r\n${host}: x\r\n\r\n`, 400],
    [
      'two lengths',
      `POST /things HTTP/1.1\r\n${host}content-length: 1\r\ncontent-length: 2\r\n\r\n`,
      400,
    ],
    [
      'broken chunks',
      `POST /things HTTP/1.1\r\n${host}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      400,
    ],
    ['huge headers', `GET /things/7 HTTP/1.1\r\n${host}x: ${'x'.repeat(60_000)}\r\n\r\n`, 431],
    ['many headers', `GET /things/7 HTTP/1.1\r\n${host}${'x: y\r\n'.repeat(9_000)}\r\n`, 431],
    ['an unknown expectation', `GET /nowhere HTTP/1.1\r\n${host}expect: gifts\r\n\r\n`, 404],
    [
      'an upgrade',
      `GET /nowhere HTTP/1.1\r\nhost: shop\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n`,
      404,
    ],
    ['too large a body', post('x'.repeat(300_000)), 413],
    [
      'too large a body in chunks',
      `POST /things HTTP/1.1\r\n${host}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${`4000\r\n${'x'.repeat(0x4000)}\r\n`.repeat(40)}0\r\n\r\n`,
      413,
    ],
    ['another type of body', post('<a/>', 'content-type: text/xml\r\n'), 415],
    ['plain text', post('a', 'content-type: text/plain\r\n'), 415],
    ['no type of body', post('{}', ''), 415],
    ['a type that cannot be read', post('{}', 'content-type: ;;\r\n'), 415],
    ['no JSON', post('{'), 400],
    ['no body', post(''), 400],
    ['a prototype', post('{"__proto__":{"a":1}}'), 400],
    ['a constructor', post('{"constructor":{"prototype":{"a":1}}}'), 400],
    ['JSON nested 33 deep', post(deep(32)), 400],
    ['JSON nested 3,000 deep', post(deep(3_000)), 400],
    ['JSON nested 60,000 deep', post(deep(60_000)), 400],
    ['a number that is too large', post('{"a":[1e400]}'), 400],
  ])('to %s is a problem document of this slot, and is counted', async (_, request, status) => {
    const wire = await openWire(port, request)
    const answer = parseAnswer(await wire.closed)
    expect(answer.status).toBe(status)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': expect.stringMatching(/^application\/problem\+json/),
      connection: 'close',
      'x-shop-color': 'green',
      'x-shop-version': 'v1',
      'x-shop-plane': 'live',
    })
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'about:blank', status })
    await expect.poll(() => observed).toEqual([expect.objectContaining({ status })])
  })

  it.each([
    ['GET', '/things/7', 'GET /things/:id 200'],
    ['GET', '/things/8?page=9', 'GET /things/:id 200'],
    ['HEAD', '/things/7', 'HEAD /things/:id 200'],
    ['GET', '/nowhere', 'GET none 404'],
    ['GET', '/nowhere/else', 'GET none 404'],
    ['GET', '/things/%', 'GET none 400'],
    ['DELETE', '/things', 'DELETE none 405'],
    ['PROPFIND', '/things/7', 'other none 405'],
    ['MKCALENDAR', '/nowhere', 'other none 404'],
    ['PURGE', '/things/%', 'other none 400'],
    ['CONNECT', 'elsewhere:443', 'none none 405'],
    ['BREW', '/things/7', 'none none 400'],
  ])('to %s %s is counted as %s', async (method, target, labels) => {
    await (await openWire(port, `${method} ${target} HTTP/1.1\r\n${host}\r\n`)).closed
    const counted = () =>
      observed.map(({ method, route, status }) => `${method} ${route} ${status}`)
    await expect.poll(counted).toEqual([labels])
  })

  it('names the methods that a path has', async () => {
    const { headers } = await fetch(`http://127.0.0.1:${port}/things/7`, { method: 'POST' })
    expect(headers.get('allow')).toBe('GET, HEAD')
  })

  it('to HEAD has no body', async () => {
    for (const path of ['/things/7', '/nowhere', '/things/%']) {
      const request = `HEAD ${path} HTTP/1.1\r\n${host}\r\n`
      const { headers, body } = parseAnswer(await (await openWire(port, request)).closed)
      expect(headers.get('x-shop-color')).toBe('green')
      expect(body).toBe('')
    }
  })

  it('of a standby closes the connection, whatever was asked', async () => {
    keepAlive = false
    for (const path of ['/things/7', '/nowhere', '/things/%', '/things/%E0%A4']) {
      const request = `GET ${path} HTTP/1.1\r\nhost: shop\r\n\r\n`
      const { headers } = parseAnswer(await (await openWire(port, request)).closed)
      expect(headers.get('connection'), path).toBe('close')
    }
  })

  it.each(['{"a":1e308}', deep(31), '{"a":"\\u0000\\ud800"}', '{"a":1,"a":2}'])(
    'to %s has no complaint',
    async (body) => {
      const answer = parseAnswer(await (await openWire(port, post(body))).closed)
      expect(answer.status).toBe(200)
    },
  )

  it('comes in order when a client does not wait for it', async () => {
    const ids = Array.from({ length: 200 }, (_, n) => String(n))
    const requests = ids.map((id) => `GET /things/${id} HTTP/1.1\r\nhost: shop\r\n\r\n`)
    const wire = await openWire(port, requests.join(''))
    const answered = () => [...wire.received().matchAll(/\{"id":"(\d+)"\}/g)].map(([, id]) => id)
    await expect.poll(answered).toEqual(ids)
    wire.socket.destroy()
  })
})
