// The management port through the API server's proxy, here a plain HTTP server.

import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorOf, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createManagement } from '../../../src/adapters/kubernetes/management.ts'
import type { Management } from '../../../src/release/ports/cluster.ts'
import { answer, type Books, emptyBooks } from '../../fakes/books.ts'
import { aConfig, aFullConfig } from '../../fakes/config.ts'
import { aLimit } from '../../fakes/host.ts'
import { managementContract } from '../../fakes/management-contract.ts'
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
const { signal } = new AbortController()

describe('through a proxy', () => {
  let server: Server
  let books: Books
  let management: Management
  let pods: string[] = []
  const asked = (pod: string): number => pods.filter((each) => each === pod).length

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      const [, pod = '', path = ''] = prefix.exec(incoming.url ?? '') ?? []
      pods.push(pod)
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
      const { status: code, body } = answer(books, incoming.method ?? '', path)
      response.writeHead(code).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const open: KubernetesApi['open'] = ({ method, path, signal }) =>
      new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port, method, path, ...(signal && { signal }) })
          .on('response', resolve)
          .on('error', reject)
          .end()
      })
    const { services } = aFullConfig()
    management = createManagement({ open, errorOf } as KubernetesApi, 'shop', services, aLimit)
  })
  beforeEach(() => {
    pods = []
    books = someBooks()
  })
  afterAll(() => void server.close())

  managementContract(async () => ({ management, pod: 'order-1', gone: 'gone' }))

  it('reads again where the cluster could not reach the pod, and writes once', async () => {
    await management.ask('order', 'gone', 'GET', '/messages', signal)
    expect(asked('gone')).toBe(3)
    await management.ask('order', 'gone', 'POST', '/messages/1/replay', signal)
    expect(asked('gone')).toBe(4)
  })

  it('has no path without one in shopctl.yaml', () => {
    const plain = createManagement({} as KubernetesApi, 'shop', aConfig().services, aLimit)
    expect(plain.path('order', 'messages')).toBeNull()
    expect(management.path('unknown', 'messages')).toBeNull()
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
    const read = async (): Promise<void> => {
      for await (const _ of management.lines('order', 'broken', '/accounting/entries', signal));
    }
    await expect(read()).rejects.toMatchObject({ code: 'not-answered' })
  })

  it('fails when a pod has no such answer', async () => {
    const read = async (): Promise<void> => {
      for await (const _ of management.lines('order', 'order-1', '/unknown', signal));
    }
    await expect(read()).rejects.toThrow(/order-1 did not answer GET \/unknown.*404/)
  })
})
