import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Access } from '../access.ts'
import { createManagement, type ManagementRoutes, problem } from '../management.ts'

let server: Server
let url: string
let log: string

beforeEach(async () => {
  log = ''
  const logger = pino(
    {},
    {
      write(line) {
        log += line
      },
    },
  )
  const routes: ManagementRoutes = {
    'GET /livez': () => ({ status: 200, body: { live: true } }),
    'GET /metrics': async () => ({ status: 200, text: 'up 1\n' }),
    'GET /readyz': async () => {
      throw new Error('the database does not answer')
    },
    'GET /things': ({ query }) => ({ status: 200, body: { plane: query.get('plane') } }),
    'GET /things/:id': ({ params }) =>
      params.id === 'none' ? problem(404, 'no such thing') : { status: 200, body: params },
    'POST /things/:id/turn': () => ({ status: 204, body: null }),
    'GET /mail': () => {
      throw new Error('550 <ada@example.com>: user unknown')
    },
    'GET /huge': () => ({ status: 200, body: { n: 1n } }),
  }
  const guarded: ManagementRoutes = {
    'POST /guarded/:id': ({ params }) => ({ status: 200, body: params }),
    'GET /guarded/broken': () => {
      throw new Error('no rows')
    },
  }
  const access: Access = async (token) =>
    token === 'right' ? { user: 'operator' } : { status: 401, detail: `not ${token}` }
  server = createManagement({ open: routes, guarded, access, logger }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(() => {
  server.close()
})

describe('createManagement', () => {
  it.each([
    ['GET', '/livez', 200, '{"live":true}'],
    ['GET', '/livez?verbose', 200, '{"live":true}'],
    ['GET', '/metrics', 200, 'up 1\n'],
    ['GET', '/things?plane=preview', 200, '{"plane":"preview"}'],
    ['GET', '/things/a%2Fb', 200, '{"id":"a/b"}'],
    ['POST', '/things/7/turn', 204, ''],
  ])('%s %s answers %i', async (method, path, status, body) => {
    const response = await fetch(`${url}${path}`, { method })
    expect(response.status).toBe(status)
    expect(await response.text()).toBe(body)
  })

  it.each([
    ['GET', '/readyz', 503, 'the database does not answer'],
    ['GET', '/mail', 503, '550 <***>: user unknown'],
    ['GET', '/huge', 503, 'Do not know how to serialize a BigInt'],
    ['GET', '/nowhere', 404, 'there is no /nowhere'],
    ['GET', '/toString', 404, 'there is no /toString'],
    ['GET', '/things/', 404, 'there is no /things/'],
    ['GET', '/things/none', 404, 'no such thing'],
    ['GET', '/things/7/turn', 405, 'GET is not allowed here'],
    ['POST', '/things/%zz/turn', 400, 'the path cannot be read'],
  ])('%s %s answers %i with a problem document', async (method, path, status, detail) => {
    const response = await fetch(`${url}${path}`, { method })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ type: 'about:blank', status, detail })
    if (status === 503) expect(log).toContain(`"path":"${path}"`)
    else expect(log).toBe('')
  })
})

describe('a guarded route', () => {
  const by = 'Zoë@laptop'
  const lines = () =>
    log
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, { method, headers })

  it.each([
    ['without a token', {}, 'not undefined'],
    ['with a wrong token', { 'x-shopctl-token': 'wrong' }, 'not wrong'],
    ['with the token where a proxy removes it', { authorization: 'Bearer right' }, 'not undefined'],
  ])('refuses a request %s, and logs it', async (_, headers, detail) => {
    const response = await ask('POST', '/guarded/7', headers)
    expect(response.status).toBe(401)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status: 401, detail })
    expect(lines()).toMatchObject([{ level: 40, status: 401, path: '/guarded/7' }])
  })

  it('logs who did what and why, but not the token', async () => {
    const headers = { 'x-shopctl-token': 'right', 'x-shopctl-by': encodeURIComponent(by) }
    const response = await ask('POST', '/guarded/7?reason=no%20such%20sku', headers)
    expect(await response.json()).toEqual({ id: '7' })
    const what = { method: 'POST', path: '/guarded/7', status: 200 }
    expect(lines()).toMatchObject([{ ...what, user: 'operator', by, reason: 'no such sku' }])
    expect(log).not.toContain('right')
  })

  it('logs who failed, and bears a wrong name', async () => {
    const headers = { 'x-shopctl-token': 'right', 'x-shopctl-by': '%zz' }
    expect((await ask('GET', '/guarded/broken', headers)).status).toBe(503)
    expect(lines()[0]).toMatchObject({ path: '/guarded/broken', user: 'operator', status: 503 })
    expect(lines()[0]).not.toHaveProperty('by')
  })
})
