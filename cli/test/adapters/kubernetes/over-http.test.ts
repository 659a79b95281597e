// What pods, waits and traffic make of the API server's answers, over a real HTTP server.

import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createPods } from '../../../src/adapters/kubernetes/pods.ts'
import { createTraffic } from '../../../src/adapters/kubernetes/traffic.ts'
import { awaitObjects } from '../../../src/adapters/kubernetes/watch.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { aLimit } from '../../fakes/host.ts'
import { overHttp } from '../../fakes/over-http.ts'

let api: KubernetesApi
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {}

overHttp(
  (...args) => answer(...args),
  (connection) => {
    api = connection
  },
)

function refuse(response: ServerResponse, code: number, message = 'User "a" cannot'): void {
  response.writeHead(code).end(JSON.stringify({ kind: 'Status', code, message }))
}

const live = { role: 'live', epoch: 1, consuming: true, consumers: 2, inFlight: 0 }

describe('a pod', () => {
  const pods = () => createPods(api, 'shop', aFullConfig().services)

  it('reports its role', async () => {
    answer = (_, response) => void response.end(JSON.stringify(live))
    expect(await pods().report('order', 'order-1')).toMatchObject(live)
  })

  it.each([
    ['a lost connection', null],
    ['429', 429],
  ])('is asked again after %s', async (_, status) => {
    let asked = 0
    answer = (_, response) => {
      asked += 1
      if (asked > 1) response.end(JSON.stringify(live))
      else if (status === null) response.socket?.destroy()
      else response.writeHead(status).end()
    }
    expect(await pods().report('order', 'order-1')).toMatchObject(live)
  })

  it('that stops in the middle of an answer does not answer', async () => {
    answer = (_, response) => void response.write('{"role":')
    expect(await pods().report('order', 'order-1')).toBeNull()
    expect(await pods().readiness('order', 'order-1')).toBe('no answer')
  })

  it('that answers without end does not answer', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ')
    answer = (_, response) => {
      const more = (): void => void response.write(chunk, (error) => error || more())
      more()
    }
    const started = performance.now()
    expect(await pods().readiness('order', 'order-1')).toBe('no answer')
    expect(performance.now() - started).toBeLessThan(3_500)
  })

  it('that the API server cannot reach does not answer', async () => {
    answer = (_, response) => refuse(response, 503, 'error trying to reach service')
    expect(await pods().report('order', 'order-1')).toBeNull()
    expect(await pods().readiness('order', 'order-1')).toBe('no answer')
  })

  it('that answers with an error says why it is not ready', async () => {
    answer = (_, response) => void response.writeHead(503).end('{"broker":false}\n')
    expect(await pods().readiness('order', 'order-1')).toBe('{"broker":false}')
    expect(await pods().report('order', 'order-1')).toBeNull()
  })

  it.each([
    [401, 'no-credentials'],
    [403, 'not-allowed'],
  ])('that the cluster does not let us ask is a refusal: %i', async (status, code) => {
    answer = (_, response) => refuse(response, status)
    await expect(pods().report('order', 'order-1')).rejects.toMatchObject({ code })
    await expect(pods().readiness('order', 'order-1')).rejects.toMatchObject({ code })
  })
})

describe('a wait', () => {
  const { signal } = new AbortController()
  const wait = () =>
    awaitObjects(api, ['/api/v1/namespaces/shop/pods'], ([pods = []]) => pods.length || null, {
      timeoutMs: 2_000,
      signal,
    })

  it.each([
    [401, 'no-credentials'],
    [403, 'not-allowed'],
  ])('ends when the list is answered with %i', async (status, code) => {
    answer = (_, response) => refuse(response, status)
    await expect(wait()).rejects.toMatchObject({ code })
  })

  it('ends when the watch is not allowed', async () => {
    answer = ({ url }, response) =>
      url?.includes('watch=1') ? refuse(response, 403) : void response.end('{"items":[]}')
    await expect(wait()).rejects.toMatchObject({ code: 'not-allowed' })
  })

  it.each<[string, (response: ServerResponse) => void]>([
    ['breaks off', (response) => response.destroy()],
    [
      'breaks off in the middle of an event',
      (response) => {
        response.write('{"type":"ADDED","obj')
        setTimeout(() => response.destroy(), 20)
      },
    ],
    ['is answered with 500', (response) => void response.writeHead(500).end()],
    [
      'says that its version is too old',
      (response) => void response.end('{"type":"ERROR","object":{"code":410}}\n'),
    ],
  ])('goes on after a watch that %s, and does not hurry', async (_, fail) => {
    let lists = 0
    answer = ({ url }, response) => {
      if (url?.includes('watch=1')) return fail(response)
      lists += 1
      const items = lists > 2 ? [{ metadata: { name: 'a' } }] : []
      response.end(JSON.stringify({ items }))
    }
    const started = performance.now()
    expect(await wait()).toBe(1)
    expect(lists).toBe(3)
    expect(performance.now() - started).toBeGreaterThan(350)
  })

  it('is judged every second, though nothing changes', async () => {
    answer = ({ url }, response) => void (url?.includes('watch=1') || response.end('{"items":[]}'))
    let looks = 0
    const judge = () => {
      looks += 1
      return looks === 2 || null
    }
    const options = { timeoutMs: 5_000, signal }
    expect(await awaitObjects(api, ['/api/v1/namespaces/shop/pods'], judge, options)).toBe(true)
  })

  it('goes on after a watch that starts too far back', async () => {
    const lists = ['{"items":[]}', '{"items":[{"metadata":{"name":"a"}}]}']
    answer = ({ url }, response) =>
      url?.includes('watch=1') ? refuse(response, 410, 'too old') : void response.end(lists.shift())
    expect(await wait()).toBe(1)
  })
})

it('traffic ends the answer to the client when the one from the pod breaks off', async () => {
  answer = (_, response) => {
    response.write('half')
    setTimeout(() => response.destroy(), 20)
  }
  const opened = await createTraffic(api, 'shop', aLimit).open('order')
  try {
    const response = await fetch(opened.url)
    const ended = response.text().then(
      () => 'ended',
      () => 'broken',
    )
    expect(await Promise.race([ended, sleep(2_000)])).toBe('broken')
  } finally {
    await opened.close()
  }
})

it('traffic forwards the body of a GET', async () => {
  answer = (request, response) => void request.pipe(response)
  const opened = await createTraffic(api, 'shop', aLimit).open('order')
  try {
    const headers = { 'content-length': '4' }
    const echoed = new Promise<IncomingMessage>((resolve, reject) =>
      request(opened.url, { method: 'GET', headers }, resolve).on('error', reject).end('well'),
    )
    expect(await text(await echoed)).toBe('well')
  } finally {
    await opened.close()
  }
})

it.each([
  ['GET', 'a lost connection', null, 200],
  ['GET', '429', 429, 200],
  ['GET', '503, which may be the answer of the pod', 503, 503],
  ['POST', '429', 429, 429],
])('traffic: after %s and %s, the client gets', async (method, _, status, expected) => {
  let asked = 0
  answer = (_, response) => {
    asked += 1
    if (asked > 1) response.end('well')
    else if (status === null) response.socket?.destroy()
    else response.writeHead(status).end()
  }
  const opened = await createTraffic(api, 'shop', aLimit).open('order')
  try {
    expect((await fetch(opened.url, { method })).status).toBe(expected)
  } finally {
    await opened.close()
  }
})

describe('traffic to one pod', () => {
  const preview = { spec: { ports: [{ name: 'http', port: 80, targetPort: 'preview' }] } }
  const ports = [{ containerPort: 8080 }, { name: 'preview', containerPort: 8081 }]
  const pod = { metadata: { name: 'order-1' }, spec: { containers: [{ name: 'order', ports }] } }
  const proxied = '/api/v1/namespaces/shop/pods/order-1:8081/proxy/healthz'
  const serve = (proxy: (response: ServerResponse) => void, service: object | null = preview) => {
    answer = ({ url = '' }, response) => {
      if (url.endsWith('/services/order-preview') && service) response.end(JSON.stringify(service))
      else if (url.includes('/pods?')) response.end(JSON.stringify({ items: [pod] }))
      else if (url === proxied) proxy(response)
      else refuse(response, 404)
    }
  }

  it.each<[string, (response: ServerResponse) => void, number, boolean]>([
    [
      'goes to the port that the preview Service leads to',
      (answer) => answer.end('well'),
      200,
      false,
    ],
    ['knows that the pod itself refuses', (answer) => answer.writeHead(403).end('no'), 403, false],
    ['knows that the cluster does', (answer) => refuse(answer, 403), 403, true],
  ])('%s', async (_, proxy, status, isDenied) => {
    serve(proxy)
    const way = await createTraffic(api, 'shop', aLimit).openPod('order', 'order-1')
    try {
      expect((await fetch(`${way?.url}/healthz`)).status).toBe(status)
      expect(way?.isDenied()).toBe(isDenied)
    } finally {
      await way?.close()
    }
  })

  it('is not possible without such a port', async () => {
    serve(() => {}, { spec: { ports: [{ name: 'http', targetPort: 'other' }] } })
    expect(await createTraffic(api, 'shop', aLimit).openPod('order', 'order-1')).toBeNull()
  })
})
