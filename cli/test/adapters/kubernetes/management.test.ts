// The management port through the API server's proxy, here a plain HTTP server.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { json, text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorOf, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createManagement } from '../../../src/adapters/kubernetes/management.ts'
import { createOperatorTokens } from '../../../src/adapters/kubernetes/operator-tokens.ts'
import type { Management } from '../../../src/release/ports/cluster.ts'
import { answer, type Books, emptyBooks } from '../../fakes/books.ts'
import { aConfig, aFullConfig } from '../../fakes/config.ts'
import { aLimit } from '../../fakes/host.ts'
import { collect, managementContract } from '../../fakes/management-contract.ts'
import { aService, aSlot, blue } from '../../fakes/state.ts'
import { createWorld } from '../../fakes/world.ts'

function someBooks(): Books {
  return {
    ...emptyBooks(),
    entries: ['1', '2', '3'].map((id) => ({ id })),
    messages: [{ id: 'parked-1', state: 'parked' }],
  }
}

describe('in memory', () => {
  managementContract(async () => {
    const order = aService({ blue: aSlot('blue', 'a') }, blue, null)
    const world = createWorld(['order'], { order })
    world.books.order = someBooks()
    return { management: world.management, pod: 'order-blue-a-0', gone: 'order-blue-a-9' }
  })
})

const prefix = /^\/api\/v1\/namespaces\/shop\/pods\/([^:]+):9090\/proxy(\/.*)$/
const tokenPath = /^\/api\/v1\/namespaces\/shop\/serviceaccounts\/([^/]+)\/token$/
const { signal } = new AbortController()

describe('through a proxy', () => {
  let server: Server
  let books: Books
  let management: Management
  let pods: string[] = []
  const times = (pod: string): number => pods.filter((each) => each === pod).length
  let seen: IncomingHttpHeaders[]
  let asked: unknown[]
  let masked: string[]
  let now = 0
  let issued: [status: number, body: object]

  function issue(account: string, incoming: IncomingMessage, response: ServerResponse): void {
    const [status, body] = issued
    void json(incoming).then((content) => {
      asked.push([incoming.method, account, content])
      response.writeHead(status).end(JSON.stringify(body))
    })
  }

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      const [, account] = tokenPath.exec(incoming.url ?? '') ?? []
      if (account) return issue(account, incoming, response)
      const [, pod = '', path = ''] = prefix.exec(incoming.url ?? '') ?? []
      pods.push(pod)
      seen.push(incoming.headers)
      const status = (code: number, message: string): void =>
        void response
          .writeHead(code, { 'content-type': 'application/json' })
          .end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', code, message }))
      if (pod === 'gone') return status(503, 'error trying to reach service')
      if (pod === 'forbidden') return status(403, 'pods "x" is forbidden')
      if (pod === 'broken' && path.startsWith('/accounting/entries')) {
        response.write('{"id":"1"}\n{"id')
        setTimeout(() => response.destroy(), 20)
        return
      }
      if (pod === 'strict' && incoming.headers['x-shopctl-token'] !== 'right')
        return void response.writeHead(401).end('{"status":401,"detail":"a token is needed"}')
      const { status: code, body } = answer(books, incoming.method ?? '', path)
      response.writeHead(code).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const open: KubernetesApi['open'] = ({ method, path, headers, body, signal }) =>
      new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port, method, path, headers, ...(signal && { signal }) })
          .on('response', resolve)
          .on('error', reject)
          .end(body)
      })
    const ask: KubernetesApi['ask'] = async (options) => {
      const response = await open(options)
      const { statusCode: status = 0, headers } = response
      return { status, headers, body: await text(response) }
    }
    const { services } = aFullConfig()
    const api = { open, ask, errorOf } as KubernetesApi
    const tokens = createOperatorTokens(
      api,
      'shop',
      () => now,
      (value) => void masked.push(value),
    )
    management = createManagement(api, 'shop', services, {
      tokens,
      by: 'Zoë@laptop',
      limit: aLimit,
    })
  })
  beforeEach(() => {
    pods = []
    books = someBooks()
    seen = []
    asked = []
    masked = []
    // Tokens of the tests before are too old.
    now += 480_000
    issued = [201, { status: { token: 'right' } }]
  })
  afterAll(() => void server.close())

  managementContract(async () => ({ management, pod: 'order-1', gone: 'gone' }))

  it('reads again where the cluster could not reach the pod, and writes once', async () => {
    await management.ask('order', 'gone', 'GET', '/messages', signal)
    expect(times('gone')).toBe(3)
    await management.ask('order', 'gone', 'POST', '/messages/1/replay', signal)
    expect(times('gone')).toBe(4)
  })

  it('has no path without one in shopctl.yaml', () => {
    const access = { tokens: async () => null, by: '', limit: aLimit }
    const plain = createManagement({} as KubernetesApi, 'shop', aConfig().services, access)
    expect(plain.path('order', 'messages')).toBeNull()
    expect(management.path('unknown', 'messages')).toBeNull()
  })

  const list = (pod = 'strict') => management.ask('order', pod, 'GET', '/messages', signal)
  const read = (path: string) => collect(management.lines('order', 'strict', path, signal))

  it('sends a short-lived token of the operator, and who asks', async () => {
    expect(await list()).toMatchObject({ status: 200 })
    await read('/accounting/entries?limit=9')
    const spec = { expirationSeconds: 600 }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
    expect(asked).toEqual([['POST', 'order-operator', body]])
    expect(masked).toEqual(['right'])
    const by = encodeURIComponent('Zoë@laptop')
    const sent = { 'x-shopctl-token': 'right', 'x-shopctl-by': by }
    expect(seen).toMatchObject([sent, sent])
  })

  it('gets a new token before the old one expires', async () => {
    await list()
    now += 479_999
    await list()
    expect(asked).toHaveLength(1)
    now += 1
    await list()
    expect(asked).toHaveLength(2)
  })

  it('tries again after a failure', async () => {
    issued = [500, { message: 'etcd is slow' }]
    await expect(list()).rejects.toThrow(/etcd is slow/)
    issued = [201, { status: { token: 'right' } }]
    expect(await list()).toMatchObject({ status: 200 })
  })

  it('asks without a token where the service has no operator', async () => {
    issued = [404, { message: 'serviceaccounts "order-operator" not found' }]
    expect(await list('order-1')).toMatchObject({ status: 200 })
    expect(seen[0]).not.toHaveProperty('x-shopctl-token')
  })

  it.each<[string, [number, object], RegExp, RegExp]>([
    [
      'this user may not create a token',
      [403, { message: 'cannot create serviceaccounts/token' }],
      /does not let you POST .*order-operator\/token: cannot create/,
      /account with this permission/,
    ],
    ['there is no operator', [404, {}], /strict .* without a token.*is needed/, /shopctl deploy/],
    [
      'the pod rejects the token',
      [201, { status: { token: 'wrong' } }],
      /strict does not accept the token of the ServiceAccount order-operator.*is needed/,
      /kubectl logs strict/,
    ],
  ])('is refused when %s', async (_, answered, message, hint) => {
    issued = answered
    for (const problem of [list(), read('/accounting/entries')]) {
      await expect(problem).rejects.toMatchObject({
        code: 'not-allowed',
        exitCode: 2,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      })
      await expect(problem).rejects.not.toThrow(/wrong|right/)
    }
  })

  it('refuses when the cluster does not allow the request', async () => {
    await expect(
      management.ask('order', 'forbidden', 'GET', '/messages', signal),
    ).rejects.toMatchObject({
      code: 'not-allowed',
      exitCode: 2,
    })
  })

  it('fails when an answer is incomplete', async () => {
    const lines = management.lines('order', 'broken', '/accounting/entries', signal)
    await expect(collect(lines)).rejects.toMatchObject({ code: 'not-answered' })
  })

  it('fails when a pod has no such answer', async () => {
    const lines = management.lines('order', 'order-1', '/unknown', signal)
    await expect(collect(lines)).rejects.toThrow(/order-1 did not answer GET \/unknown.*404/)
  })
})
