import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRegistry, locate } from '../../src/adapters/registry.ts'
import { createEngine } from '../fakes/config.ts'
import { registryContract } from '../fakes/registry-contract.ts'

const type = 'application/vnd.oci.image.manifest.v1+json'
function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`
}

/** The distribution API for manifests in memory. */
async function startServer(): Promise<{ server: Server; address: string }> {
  const image = Buffer.from('{"schemaVersion":2,"config":{"digest":"sha256:c"}}')
  const manifests = new Map([
    ['there', image],
    [digestOf(image), image],
  ])
  const server = createServer(async (request, response) => {
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
    registry: createRegistry(),
    repository: `${running.address}/shop/order`,
  }))
})

describe('in memory', () => {
  registryContract(async () => {
    const { registry, tags } = createEngine()
    tags.set('r/shop/order:there', 'sha256:a')
    return { registry, repository: 'r/shop/order' }
  })
})

it('uses plain HTTP only with loopback', () => {
  expect(locate('127.0.0.1:5000/shop/order')).toEqual({
    base: 'http://127.0.0.1:5000',
    name: 'shop/order',
  })
  expect(locate('registry.example.com/team/shop/order')).toEqual({
    base: 'https://registry.example.com',
    name: 'team/shop/order',
  })
})

it('names a registry that cannot be reached, with its address', async () => {
  await expect(createRegistry().digest('127.0.0.1:1/shop/order', 'a')).rejects.toMatchObject({
    code: 'registry-unreachable',
    exitCode: 2,
    message: expect.stringContaining('http://127.0.0.1:1'),
  })
})

it.each([401, 403])('reports that shopctl cannot log in when the answer is %i', async (status) => {
  const registry = createRegistry(async () => new Response('no', { status }))
  await expect(registry.digest('127.0.0.1:1/shop/order', 'a')).rejects.toMatchObject({
    code: 'registry-error',
    message: expect.stringContaining(String(status)),
    hint: expect.stringContaining('anonymous reads'),
  })
})

it('a registry that stops answering during a command is a failure: something may have been pushed', async () => {
  let up = true
  const request: typeof fetch = async () => {
    if (up) return new Response(null, { status: 404 })
    throw new Error('gone')
  }
  const registry = createRegistry(request)
  expect(await registry.digest('127.0.0.1:1/shop/order', 'a')).toBeNull()
  up = false
  await expect(registry.digest('127.0.0.1:1/shop/order', 'a')).rejects.toMatchObject({
    code: 'registry-unreachable',
    exitCode: 1,
  })
})
