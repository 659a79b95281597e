import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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
    'GET /huge': () => ({ status: 200, body: { n: 1n } }),
  }
  server = createManagement(routes, logger).listen(0, '127.0.0.1')
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
