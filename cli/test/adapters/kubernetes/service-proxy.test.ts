// A Service behind the API server's proxy, over a real HTTP server.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import type { KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { askService } from '../../../src/adapters/kubernetes/service-proxy.ts'
import { overHttp } from '../../fakes/over-http.ts'

let api: KubernetesApi
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {}

overHttp(
  (...args) => answer(...args),
  (connection) => {
    api = connection
  },
)

const service = { namespace: 'observability', name: 'prometheus', port: 9090 }

function ask(path = '/-/ready', signal?: AbortSignal) {
  return askService(api, service, path, { timeoutMs: 300, ...(signal && { signal }) })
}

/** As the API server writes its own errors. */
function status(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code).end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', code, message }))
}

it('asks by the name of the Service and the number of its port', async () => {
  const asked: string[] = []
  answer = ({ method, url }, response) => {
    asked.push(`${method} ${url}`)
    response.end('yes')
  }
  expect(await ask('/api/v1/query?query=up')).toEqual({ status: 200, text: 'yes' })
  expect(asked).toEqual([
    'GET /api/v1/namespaces/observability/services/prometheus:9090/proxy/api/v1/query?query=up',
  ])
})

it.each([400, 404, 503])('returns %i of the Service itself', async (code) => {
  answer = (_, response) => void response.writeHead(code).end('{"status":"error"}')
  expect(await ask()).toEqual({ status: code, text: '{"status":"error"}' })
})

it('returns null without a Service', async () => {
  answer = (_, response) => status(response, 404, 'services "prometheus" not found')
  expect(await ask()).toBeNull()
})

it.each<[string, typeof answer, object]>([
  [
    'has no pods',
    (_, response) => status(response, 503, 'no endpoints available for service "prometheus:9090"'),
    { code: 'cluster-error', message: expect.stringMatching(/no endpoints available/) },
  ],
  [
    'may not be asked',
    (_, response) =>
      status(
        response,
        403,
        'services "prometheus:9090" is forbidden: User "a" cannot get resource "services/proxy" in API group "" in the namespace "observability"',
      ),
    {
      code: 'not-allowed',
      hint: expect.stringMatching(/can-i get services\/prometheus:9090 --sub/),
    },
  ],
  [
    'is silent',
    () => {},
    { code: 'service-unanswered', message: expect.stringMatching(/prometheus:9090.*within 0.3 s/) },
  ],
  [
    'stops in the middle',
    (_, response) => void response.write('{'),
    { code: 'service-unanswered', message: expect.stringMatching(/within 0.3 s/) },
  ],
  [
    'breaks off',
    (_, response) => {
      response.write('{')
      setTimeout(() => response.destroy(), 20)
    },
    { code: 'service-unanswered' },
  ],
])('throws where the Service %s', async (_, given, expected) => {
  answer = given
  const started = performance.now()
  await expect(ask()).rejects.toMatchObject(expected)
  expect(performance.now() - started).toBeLessThan(1_000)
})

it('throws where the Service has too much to say', async () => {
  answer = (_, response) => void response.end(Buffer.alloc(17 * 1024 * 1024))
  await expect(askService(api, service, '/', { timeoutMs: 9_000 })).rejects.toMatchObject({
    ...{ code: 'answer-too-long', message: 'the answer is longer than 16 MiB' },
  })
})

it('ends at Ctrl-C', async () => {
  answer = () => {}
  await expect(ask('/', AbortSignal.timeout(50))).rejects.toMatchObject({ exitCode: 130 })
})
