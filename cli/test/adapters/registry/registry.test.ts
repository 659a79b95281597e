import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AgentOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentFor } from '../../../src/adapters/kubernetes/proxy.ts'
import { locate } from '../../../src/adapters/registry/address.ts'
import type { Send } from '../../../src/adapters/registry/http.ts'
import { createRegistry } from '../../../src/adapters/registry/registry.ts'
import {
  type Behaviour,
  createHttpProxy,
  createServers,
  lookupLoopback,
} from '../../fakes/api-server.ts'
import { createEngine } from '../../fakes/config.ts'
import { aLimit } from '../../fakes/host.ts'
import { registryContract } from '../../fakes/registry-contract.ts'

const type = 'application/vnd.oci.image.manifest.v1+json'
function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`
}

/** The distribution API for manifests in memory. */
async function startServer(): Promise<{ server: Server; address: string }> {
  const config = Buffer.from('{"config":{"Labels":{"dev.shopctl.inputs":"there"}}}')
  const image = Buffer.from(`{"schemaVersion":2,"config":{"digest":"${digestOf(config)}"}}`)
  const manifests = new Map([
    ['there', image],
    [digestOf(image), image],
  ])
  const server = createServer(async (request, response) => {
    // Many registries redirect to where they store their blobs.
    if (request.url?.endsWith(`/blobs/${digestOf(config)}`))
      return response.writeHead(307, { location: '/storage/1' }).end()
    if (request.url === '/storage/1') return response.writeHead(200).end(config)
    const [, name, reference = ''] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(request.url ?? '') ?? []
    if (request.method === 'PUT') {
      manifests.set(reference, await buffer(request))
      return response.writeHead(request.headers['content-type'] === type ? 201 : 400).end()
    }
    const found = name === 'shop/order' ? manifests.get(reference) : undefined
    if (!found) return response.writeHead(404).end('{}')
    response.writeHead(200, { 'content-type': type, 'docker-content-digest': digestOf(found) })
    response.end(request.method === 'HEAD' ? undefined : found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('over HTTP', () => {
  let running: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    running = await startServer()
  })
  afterAll(() => running.server.close())
  registryContract(async () => ({
    registry: createRegistry({ limit: aLimit }),
    repository: `${running.address}/shop/order`,
  }))
})

describe('in memory', () => {
  registryContract(async () => {
    const { builder, registry, tags } = createEngine()
    const labels = { 'dev.shopctl.inputs': 'there' }
    const { id } = await builder.build({ context: 'order', labels, cacheFrom: null })
    tags.set('r/shop/order:there', id)
    return { registry, repository: 'r/shop/order' }
  })
})

it('uses plain HTTP only with loopback', () => {
  expect(locate('127.0.0.1:5000/shop/order')).toEqual({
    base: 'http://127.0.0.1:5000',
    host: '127.0.0.1:5000',
    name: 'shop/order',
  })
  expect(locate('registry.example.com/team/shop/order')).toEqual({
    base: 'https://registry.example.com',
    host: 'registry.example.com',
    name: 'team/shop/order',
  })
})

it('names a registry that cannot be reached, with its address', async () => {
  await expect(
    createRegistry({ limit: aLimit }).digest('127.0.0.1:1/shop/order', 'a'),
  ).rejects.toMatchObject({
    code: 'registry-unreachable',
    exitCode: 2,
    message: expect.stringContaining('http://127.0.0.1:1'),
  })
})

it('finds Docker Hub where it is', () => {
  expect(locate('docker.io/shop/order')).toEqual({
    base: 'https://registry-1.docker.io',
    host: 'docker.io',
    name: 'shop/order',
  })
})

it('names a certificate that it does not trust, and how to', async () => {
  const servers = createServers()
  const { port } = await servers.serve()
  const agentOf = (address: URL) =>
    agentFor(address, null, { lookup: lookupLoopback } as AgentOptions)
  const registry = createRegistry({ limit: aLimit, agentOf })
  await expect(registry.digest(`cluster.test:${port}/shop/order`, 'a')).rejects.toMatchObject({
    code: 'registry-unreachable',
    exitCode: 2,
    hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
  })
  await servers.stopAll()
  servers.remove()
})

it.each<[string, (Behaviour | 404)[], number]>([
  ['after 500, 429 and a reset', [500, 429, 'reset'], 4],
  ['not after 404', [404], 1],
])('a read is sent again %s', async (_, statuses, tries) => {
  const servers = createServers()
  const { port, requests } = await servers.serve(null, { statuses })
  const registry = createRegistry({ limit: aLimit })
  await registry.digest(`127.0.0.1:${port}/shop/order`, 'a').catch(() => null)
  expect(requests).toHaveLength(tries)
  await servers.stopAll()
  servers.remove()
})

it('a registry that hangs is given up after the limit, which is named', async () => {
  const servers = createServers()
  const { port } = await servers.serve(null, { statuses: ['hang'] })
  const registry = createRegistry({ limit: { ...aLimit, seconds: 0.3 } })
  await expect(registry.digest(`127.0.0.1:${port}/shop/order`, 'a')).rejects.toThrow(
    'no answer within 0.3 s, the limit of `timeouts.request` of shopctl.yaml',
  )
  await servers.stopAll()
  servers.remove()
})

it('a registry that says much later is given up at once, and its words are shown', async () => {
  const servers = createServers()
  const { port, requests } = await servers.serve(null, { statuses: [429], retryAfter: '3600' })
  const registry = createRegistry({ limit: aLimit })
  await expect(registry.digest(`127.0.0.1:${port}/shop/order`, 'a')).rejects.toMatchObject({
    code: 'registry-error',
    hint: expect.stringContaining('Retry-After: 3600'),
  })
  expect(requests).toHaveLength(1)
  await servers.stopAll()
  servers.remove()
})

it.each<[string, Behaviour]>([
  ['an answer', 'hang'],
  ['the next attempt', 429],
])('Ctrl-C ends the wait for %s', async (_, behaviour) => {
  const servers = createServers()
  const { port } = await servers.serve(null, { statuses: [behaviour], retryAfter: '10' })
  const stop = new AbortController()
  const registry = createRegistry({ limit: aLimit, signal: stop.signal })
  const asking = registry.digest(`127.0.0.1:${port}/shop/order`, 'a')
  setTimeout(() => stop.abort(), 100)
  const started = performance.now()
  await expect(asking).rejects.toMatchObject({ kind: 'interrupted', exitCode: 130 })
  expect(performance.now() - started).toBeLessThan(2_000)
  await servers.stopAll()
  servers.remove()
})

it('a registry behind a proxy is asked through it', async () => {
  const servers = createServers()
  const { port } = await servers.serve()
  const asked: string[] = []
  const proxy = new URL(`http://127.0.0.1:${await servers.start(createHttpProxy(port, asked))}`)
  const ca = readFileSync(join(servers.folder, 'ca.pem'))
  const agentOf = (address: URL) => agentFor(address, proxy, { ca } as AgentOptions)
  const registry = createRegistry({ limit: aLimit, agentOf })
  await registry.digest('cluster.test/shop/order', 'a')
  expect(asked).toEqual(['CONNECT cluster.test:443'])
  await servers.stopAll()
  servers.remove()
})

it('a registry that stops answering is a failure once something may have been written', async () => {
  let up = true
  const send: Send = async () => {
    if (up) return new Response('{}', { status: 200 })
    throw new Error('gone')
  }
  const registry = createRegistry({ limit: aLimit, send })
  const repository = '127.0.0.1:1/shop/order'
  const ask = async () => registry.digest(repository, 'a')
  await ask()
  up = false
  const code = 'registry-unreachable'
  await expect(ask()).rejects.toMatchObject({ code, exitCode: 2 })
  up = true
  await registry.tag(repository, 'sha256:a', 'v1')
  up = false
  await expect(ask()).rejects.toMatchObject({ code, exitCode: 1 })
})

it('a write whose answer is lost is a failure', async () => {
  const send: Send = async (_, { method }) => {
    if (method === 'GET') return new Response('{}')
    throw new Error('gone')
  }
  const registry = createRegistry({ limit: aLimit, send })
  await expect(registry.tag('127.0.0.1:1/shop/order', 'sha256:a', 'v1')).rejects.toMatchObject({
    code: 'registry-unreachable',
    exitCode: 1,
  })
})

it.each<[string, 'GET' | 'HEAD' | 'PUT', number, number]>([
  ['before a write is refused', 'HEAD', 500, 2],
  ['before a write is refused', 'HEAD', 429, 2],
  ['to a write is refused: nothing was done', 'PUT', 429, 2],
  ['to a write is a failure: it may have been done', 'PUT', 500, 1],
])('an answer %s: %s %i', async (_, failing, status, exitCode) => {
  const send: Send = async (_, { method }) =>
    method === failing
      ? new Response(null, { status, headers: { 'retry-after': '3600' } })
      : new Response('{}')
  const registry = createRegistry({ limit: aLimit, send })
  const repository = '127.0.0.1:1/shop/order'
  const asking =
    failing === 'PUT'
      ? registry.tag(repository, 'sha256:a', 'v1')
      : registry.digest(repository, 'v1')
  await expect(asking).rejects.toMatchObject({ code: 'registry-error', exitCode })
})

it.each<[string, (number | 'reset')[], number]>([
  ['500, then 429', [500, 429], 1],
  ['a reset, then 403', ['reset', 403], 1],
  ['503, then 400', [503, 400], 1],
  ['500, then a challenge that nobody can answer', [500, 401], 1],
  ['a busy registry, then 403: nothing was done', [429, 403], 2],
])('a write is judged by all of its answers: %s', async (_, answers, exitCode) => {
  const left = [...answers]
  const send: Send = async (_, { method }) => {
    if (method === 'GET') return new Response('{}')
    const status = left.shift()
    if (status === 'reset') throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    // Only the last one asks for a time that is too long.
    const headers = { 'retry-after': left.length > 0 ? '0.01' : '3600' }
    return new Response(null, { status: status ?? 201, headers })
  }
  const registry = createRegistry({ limit: aLimit, send })
  const tagging = registry.tag('127.0.0.1:1/shop/order', 'sha256:a', 'v1')
  await expect(tagging).rejects.toMatchObject({ exitCode })
  expect(left).toEqual([])
})

it('believes no labels that do not have the digest', async () => {
  const forged = '{"config":{"digest":"sha256:c"}}'
  const registry = createRegistry({ limit: aLimit, send: async () => new Response(forged) })
  const digest = digestOf(Buffer.from('{}'))
  await expect(registry.labels('127.0.0.1:1/shop/order', digest)).rejects.toMatchObject({
    code: 'registry-error',
    message: expect.stringContaining(digest),
  })
  const honest = createRegistry({ limit: aLimit, send: async () => new Response(forged) })
  const manifest = digestOf(Buffer.from(forged))
  await expect(honest.labels('127.0.0.1:1/shop/order', manifest)).rejects.toThrow(/sha256:c/)
})
