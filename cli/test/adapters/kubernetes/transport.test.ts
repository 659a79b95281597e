// Requests to the API server: TLS, proxies, and retries.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { connect, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import type { TransportOptions } from '../../../src/adapters/kubernetes/transport.ts'
import {
  type Behaviour,
  createApiServer,
  createHttpProxy,
  createServers,
  createSocksProxy,
  type Servers,
  writeKubeconfig,
} from '../../fakes/api-server.ts'

const path = '/api/v1/nodes'
const ca = { 'certificate-authority': 'ca.pem' }

let servers: Servers
let folder: string

beforeAll(() => {
  servers = createServers()
  folder = servers.folder
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await servers.stopAll()
})
afterAll(() => servers.remove())

function apiOf(cluster: object, user: object = {}, options: TransportOptions = {}): KubernetesApi {
  return connect({ file: writeKubeconfig(folder, cluster, user), context: null }, options)
}
const short = { limits: { request: { seconds: 1, setting: '`timeouts.request`' } } }

describe('the server', () => {
  it('is known by the CA of the kubeconfig, beside it', async () => {
    const { port } = await servers.serve()
    const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca })
    expect(await api.get(path)).toEqual({ client: null })
  })

  it('is refused when another CA signed its certificate, naming it and its context', async () => {
    const { port } = await servers.serve()
    const api = apiOf({ server: `https://127.0.0.1:${port}` })
    await expect(api.get(path)).rejects.toMatchObject({
      code: 'cluster-unreachable',
      exitCode: 2,
      message: expect.stringContaining(`https://127.0.0.1:${port} cannot be reached`),
      hint: expect.stringContaining('this is a'),
    })
  })

  it('is taken as it is with insecure-skip-tls-verify', async () => {
    const { port } = await servers.serve('named')
    const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }
    expect(await apiOf(cluster).get(path)).toEqual({ client: null })
  })

  it('has the name of tls-server-name, and no other', async () => {
    const { port } = await servers.serve('named')
    const cluster = { server: `https://127.0.0.1:${port}`, ...ca }
    const named = apiOf({ ...cluster, 'tls-server-name': 'other.test' })
    expect(await named.get(path)).toEqual({ client: null })
    await expect(apiOf(cluster).get(path)).rejects.toMatchObject({
      code: 'cluster-unreachable',
    })
  })

  it.each([
    ['https://[::1]', 'server', '::1'],
    ['http://127.0.0.1', null, '127.0.0.1'],
    ['http://[::1]', null, '::1'],
  ])('may be at %s', async (address, certificate, host) => {
    const { port, requests } = await servers.serve(certificate, { host })
    const api = apiOf({ server: `${address}:${port}/prefix/`, ...ca })
    expect(await api.get(path)).toEqual({ client: null })
    expect(requests[0]?.url).toBe(`/prefix${path}`)
  })
})

describe('a proxy', () => {
  const cluster = { server: 'https://cluster.test:6443', ...ca }
  async function proxied(
    make: typeof createHttpProxy,
    port: number,
  ): Promise<{ address: string; asked: string[] }> {
    const asked: string[] = []
    return { address: `127.0.0.1:${await servers.start(make(port, asked))}`, asked }
  }

  it('of the kubeconfig is asked for a tunnel, with its password', async () => {
    const { port } = await servers.serve()
    const { address, asked } = await proxied(createHttpProxy, port)
    const api = apiOf({ ...cluster, 'proxy-url': `http://me:secret@${address}` })
    expect(await api.get(path)).toEqual({ client: null })
    expect(asked).toEqual(['CONNECT cluster.test:6443 Basic bWU6c2VjcmV0'])
  })

  it('of the kubeconfig may speak SOCKS 5', async () => {
    const { port } = await servers.serve()
    const { address, asked } = await proxied(createSocksProxy, port)
    const api = apiOf({ ...cluster, 'proxy-url': `socks5h://${address}` })
    expect(await api.get(path)).toEqual({ client: null })
    expect(asked).toEqual(['cluster.test:6443'])
  })

  it('of HTTPS_PROXY is used, and HTTP_PROXY for an http:// server', async () => {
    const { port } = await servers.serve()
    const { address, asked } = await proxied(createHttpProxy, port)
    vi.stubEnv('HTTPS_PROXY', `http://${address}`)
    vi.stubEnv('HTTP_PROXY', address)
    expect(await apiOf(cluster).get(path)).toEqual({ client: null })
    await apiOf({ server: 'http://cluster.test' }).get(path)
    expect(asked).toEqual(['CONNECT cluster.test:6443', `GET http://cluster.test${path}`])
  })

  it('that is not there is named beside the server', async () => {
    const port = await servers.start(createHttpProxy(1, []))
    await servers.stopAll()
    const api = apiOf({ ...cluster, 'proxy-url': `http://127.0.0.1:${port}` })
    await expect(api.get(path)).rejects.toThrow(
      `https://cluster.test:6443 cannot be reached through the proxy 127.0.0.1:${port}`,
    )
  })

  it('carries the connection to a pod as well, which renews its token too', async () => {
    const token = join(folder, 'token')
    writeFileSync(token, 'old')
    const server = createApiServer(folder, 'server', (_, response) => response.end())
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (request.headers.authorization !== 'Bearer new') {
        writeFileSync(token, 'new')
        return void socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n')
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        client.send(Buffer.of(0, 0x5f, 0x1f))
        client.send(Buffer.of(1, 0x5f, 0x1f))
        client.on('message', (data: Buffer) => client.send(data))
      })
    })
    const { address, asked } = await proxied(createHttpProxy, await servers.start(server))
    const api = apiOf({ ...cluster, 'proxy-url': `http://${address}` }, { tokenFile: 'token' })
    const connection = await api.forward({ namespace: 'shop', pod: 'rabbitmq-0', port: 8031 })
    connection.write('hello')
    const [chunk] = await new Promise<unknown[]>((resolve) =>
      connection.once('data', (...data) => resolve(data)),
    )
    expect(String(chunk)).toBe('hello')
    connection.destroy()
    expect(new Set(asked)).toEqual(new Set(['CONNECT cluster.test:6443']))
  })
})

it('names the limit of an answer, and where it is set', async () => {
  const { port } = await servers.serve('server', { statuses: ['hang'] })
  const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca }, {}, short)
  await expect(api.get(path)).rejects.toThrow(
    'cannot be reached: no answer within 1 s, the limit of `timeouts.request`.',
  )
})

describe('an answer that may take any time', () => {
  const wait = (server: string) =>
    apiOf({ server, ...ca }).open({ method: 'GET', path, timeoutMs: 300, mayWait: true })

  it.each([null, 'server'])(
    'is waited for longer than for a connection, with TLS of %s',
    async (tls) => {
      const server = createApiServer(folder, tls, (_, response) => {
        setTimeout(() => response.end('{}'), 800)
      })
      const scheme = tls ? 'https' : 'http'
      const answer = await wait(`${scheme}://127.0.0.1:${await servers.start(server)}`)
      expect(answer.statusCode).toBe(200)
      answer.resume()
    },
  )

  it('needs a connection in time', async () => {
    const silent = createServer(() => {})
    const started = performance.now()
    await expect(wait(`https://127.0.0.1:${await servers.start(silent)}`)).rejects.toThrow(
      'no answer within 0.3 s',
    )
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

it('reports an answer that is no JSON', async () => {
  const server = createApiServer(folder, null, (_, response) => response.end('<html>Log in</html>'))
  const api = apiOf({ server: `http://127.0.0.1:${await servers.start(server)}` })
  await expect(api.get(path)).rejects.toMatchObject({
    code: 'cluster-error',
    message: expect.stringContaining('<html>Log in</html>'),
  })
})

it.each<[string, Behaviour]>([
  ['500', 500],
  ['429', 429],
  ['a reset', 'reset'],
])('opens the connection to a pod again after %s', async (_, first) => {
  const sockets = new WebSocketServer({ noServer: true })
  let asked = 0
  const server = createApiServer(folder, null, () => {})
  server.on('upgrade', (request, socket, head) => {
    asked += 1
    if (asked > 1) return sockets.handleUpgrade(request, socket, head, () => {})
    if (first === 'reset') return void socket.destroy()
    socket.end(`HTTP/1.1 ${first} No\r\ncontent-length: 0\r\n\r\n`)
  })
  const api = apiOf({ server: `http://127.0.0.1:${await servers.start(server)}` })
  const connection = await api.forward({ namespace: 'shop', pod: 'rabbitmq-0', port: 8031 })
  connection.destroy()
  expect(asked).toBe(2)
})

describe('an answer that may pass', () => {
  const outcome = async (
    statuses: Behaviour[],
    ask: (api: KubernetesApi) => Promise<unknown>,
  ): Promise<[number, unknown]> => {
    const { port, requests } = await servers.serve('server', { statuses })
    const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca }, {}, short)
    const error = await ask(api).then(
      () => null,
      ({ code }) => code,
    )
    return [requests.length, error]
  }
  const read = (api: KubernetesApi): Promise<unknown> => api.get(path)
  const write = (api: KubernetesApi): Promise<unknown> => api.send('POST', path, {})

  it.each<[string, Behaviour[], (api: KubernetesApi) => Promise<unknown>, unknown]>([
    ['a read again after 429, 503 and a reset', [429, 503, 'reset'], read, [4, null]],
    ['a read again after an answer that breaks off', ['half'], read, [2, null]],
    ['a read again after silence in the middle', ['stall'], read, [2, null]],
    ['a read that the server once answered again after silence', [503, 'hang'], read, [3, null]],
    ['a read not again after silence from the start', ['hang'], read, [1, 'cluster-unreachable']],
    ['a read not for ever', Array(9).fill('stall'), read, [2, 'cluster-unreachable']],
    [
      'a write not again after an answer that breaks off',
      ['half'],
      write,
      [1, 'cluster-unreachable'],
    ],
    ['a read five times at most', Array(9).fill(500), read, [5, 'cluster-error']],
    ['a read not again after 403', [403], read, [1, 'not-allowed']],
    ['a write again after 429', [429], write, [2, null]],
    ['a write not again after 503', [503], write, [1, 'cluster-error']],
    ['a write not again after a reset', ['reset'], write, [1, 'cluster-unreachable']],
  ])('sends %s', async (_, statuses, ask, expected) => {
    expect(await outcome(statuses, ask)).toEqual(expected)
  })

  it('is not waited for longer than 15 s', async () => {
    const { port, requests } = await servers.serve('server', { statuses: [429], retryAfter: '16' })
    const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca })
    await expect(api.get(path)).rejects.toMatchObject({ code: 'cluster-error' })
    expect(requests).toHaveLength(1)
  })

  it('is not waited for after Ctrl-C', async () => {
    const { port } = await servers.serve('server', { statuses: Array(9).fill(503) })
    const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca })
    const stop = new AbortController()
    const asked = api.open({ method: 'GET', path, retry: 'read', signal: stop.signal })
    setTimeout(() => stop.abort(), 300)
    await expect(asked).rejects.toMatchObject({ exitCode: 130 })
  })
})

it('lists metadata alone, and sends merge patches', async () => {
  const { port, requests } = await servers.serve()
  const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca })
  await api.metadata(path)
  await api.patch(`${path}/one`, { metadata: { labels: { a: null } } })
  expect(
    requests.map(({ method, url, headers }) => [
      method,
      url,
      headers.accept,
      headers['content-type'],
    ]),
  ).toEqual([
    [
      'GET',
      path,
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
      undefined,
    ],
    [
      'PATCH',
      `${path}/one?fieldManager=shopctl`,
      'application/json',
      'application/merge-patch+json',
    ],
  ])
})
