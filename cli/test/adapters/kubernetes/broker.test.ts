// The broker's management API over a forwarded connection, here to a plain HTTP server.

import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createBroker } from '../../../src/adapters/kubernetes/broker.ts'
import type { Mask } from '../../../src/release/ports/session.ts'
import { aLimit, noMask } from '../../fakes/host.ts'
import { smallTopology } from '../../fakes/topology.ts'

const core = '/api/v1/namespaces/shop'
const secret = 's3cr3t'

let server: Server
let objects: Record<string, unknown>
let answers: Record<string, { status: number; body: unknown }>

function set(path: string, object: unknown): void {
  objects[path] = object
}

const api: Pick<KubernetesApi, 'get' | 'forward'> = {
  get: async <T>(path: string) => (objects[path.split('?')[0] ?? ''] ?? null) as T | null,
  async forward({ pod, port }) {
    if (objects.refuse) throw new Error('dial tcp4 127.0.0.1:15672: connect: connection refused')
    expect([pod, port]).toEqual(['rabbitmq-0', 15672])
    return connect((server.address() as AddressInfo).port, '127.0.0.1')
  },
}

beforeAll(async () => {
  const wanted = `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}`
  server = createServer((request, response) => {
    if (request.headers.authorization !== wanted) return void response.writeHead(401).end('{}')
    const answer = answers[request.url ?? ''] ?? { status: 404, body: {} }
    response.writeHead(answer.status).end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => void server.close())
beforeEach(() => {
  answers = {
    '/api/definitions': { status: 200, body: smallTopology },
    '/api/health/checks/alarms': { status: 200, body: { status: 'ok' } },
    '/api/nodes': {
      status: 200,
      body: [{ name: 'rabbit@0', running: true, being_drained: false }],
    },
  }
  objects = {
    [`${core}/configmaps/rabbitmq-topology`]: {
      data: { 'topology.json': JSON.stringify(smallTopology) },
    },
    [`${core}/secrets/rabbitmq`]: { data: { admin: Buffer.from(secret).toString('base64') } },
    '/apis/apps/v1/namespaces/shop/statefulsets/rabbitmq': {
      spec: { selector: { matchLabels: { 'app.kubernetes.io/name': 'rabbitmq' } } },
    },
    [`${core}/pods`]: {
      items: [
        { metadata: { name: 'rabbitmq-1' }, status: {} },
        {
          metadata: { name: 'rabbitmq-0' },
          status: { conditions: [{ type: 'Ready', status: 'True' }] },
        },
      ],
    },
  }
})

function broker(mask: Mask = noMask) {
  return createBroker(api as KubernetesApi, 'shop', 'rabbitmq', { limit: aLimit, mask })
}

it('gives what is declared and what is there', async () => {
  expect(await broker().declared()).toEqual(smallTopology)
  expect(await broker().found()).toEqual(smallTopology)
})

it('masks the password, before it is sent', async () => {
  objects.refuse = true
  const masked: string[] = []
  await expect(broker((value) => void masked.push(value)).found()).rejects.toThrow('refused')
  expect(masked).toEqual([secret])
})

it('knows how much waits in its queues, although it collects no metrics', async () => {
  answers['/api/queues?disable_stats=true&enable_queue_totals=true'] = {
    status: 200,
    body: [
      { vhost: '/', name: 'order', type: 'quorum', messages: 7, messages_ready: 5 },
      { vhost: '/', name: 'payment', state: 'down' },
    ],
  }
  expect(await broker().queues()).toEqual([
    { vhost: '/', name: 'order', messages: 7 },
    { vhost: '/', name: 'payment', messages: null },
  ])
})

it('looks once for what is asked at the same time, and again later', async () => {
  let reads = 0
  const counting = {
    ...api,
    get: async <T>(path: string) => {
      if (path.includes('/secrets/')) reads += 1
      return api.get<T>(path)
    },
  }
  const one = createBroker(counting as KubernetesApi, 'shop', 'rabbitmq', {
    ...{ limit: aLimit, mask: noMask },
  })
  await Promise.all([one.found(), one.problems()])
  expect(reads).toBe(1)
  await one.found()
  expect(reads).toBe(2)
})

it('names its alarms, with the node', async () => {
  expect(await broker().problems()).toEqual([])
  answers['/api/health/checks/alarms'] = {
    status: 503,
    body: {
      status: 'failed',
      alarms: [
        { node: 'rabbit@0', resource: 'memory' },
        { node: 'rabbit@1', resource: 'disk space' },
      ],
    },
  }
  expect(await broker().problems()).toEqual([
    'memory alarm on rabbit@0, so it takes no events',
    'disk space alarm on rabbit@1, so it takes no events',
  ])
})

it('names its nodes that are down or in maintenance mode', async () => {
  const body = [
    { name: 'rabbit@0', running: true, being_drained: true },
    { name: 'rabbit@1', running: false },
    { name: 'rabbit@2', running: true, being_drained: false },
  ]
  answers['/api/nodes'] = { status: 200, body }
  expect(await broker().problems()).toEqual([
    'node rabbit@0 is in maintenance mode',
    'node rabbit@1 is down',
  ])
})

describe('is refused, naming it,', () => {
  const troubles: [string, () => void, RegExp][] = [
    [
      'without a StatefulSet',
      () => void delete objects['/apis/apps/v1/namespaces/shop/statefulsets/rabbitmq'],
      /no StatefulSet rabbitmq/,
    ],
    [
      'without a ready pod',
      () => set(`${core}/pods`, { items: [{ metadata: { name: 'rabbitmq-0' } }] }),
      /none of its 1 pods is ready/,
    ],
    [
      'without a password',
      () => set(`${core}/secrets/rabbitmq`, { data: {} }),
      /no password admin/,
    ],
    [
      'with a wrong password',
      () => set(`${core}/secrets/rabbitmq`, { data: { admin: 'eA==' } }),
      /rejects the password admin of the Secret/,
    ],
    ['when nothing answers', () => set('refuse', true), /connection refused/],
  ]
  it.each(troubles)('%s', async (_, cause, expected) => {
    cause()
    const failing = broker().found()
    await expect(failing).rejects.toMatchObject({
      code: 'broker-unreachable',
      exitCode: 2,
      message: expect.stringMatching(expected),
    })
    await expect(failing).rejects.not.toThrow(secret)
  })

  it('without a declaration', async () => {
    objects = {}
    await expect(broker().declared()).rejects.toMatchObject({
      code: 'broker-undeclared',
      exitCode: 2,
      hint: expect.stringContaining('shopctl deploy'),
    })
  })
})
