// How Prometheus is reached: an address with a token, or a Service through the API server.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { connect } from '../../src/adapters/kubernetes/api.ts'
import type { MetricsConfig } from '../../src/config/monitoring.ts'
import { createMetrics } from '../../src/context/metrics.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const alert = {
  ...{ state: 'firing', activeAt: '2026-01-01T12:00:00Z' },
  labels: { alertname: 'A', severity: 'critical', environment: 'local' },
}
const well: Answer = (_, response) =>
  void response.end(JSON.stringify({ status: 'success', data: { alerts: [alert] } }))

async function start(answer: Answer): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** `server` is the API server. */
function metricsOf(
  config: MetricsConfig,
  { server = 'http://127.0.0.1:1', signal = new AbortController().signal } = {},
) {
  const warnings: string[] = []
  const api = connect({ context: null, cluster: { server }, user: {} })
  const metrics = createMetrics(config, {
    ...{ api, env: 'local', signal },
    limit: { seconds: 1, setting: '`timeouts.request` of shopctl.yaml' },
    token: config.token === 'TOKEN' ? 'verysecret' : undefined,
    warn: (problem) => void warnings.push(problem),
  })
  return { metrics, warnings }
}

it('an address gets the token and may have a path', async () => {
  const seen: (string | undefined)[] = []
  const url = await start((request, response) => {
    seen.push(request.url, request.headers.authorization)
    well(request, response)
  })
  const { metrics, warnings } = metricsOf({ url: `${url}/prometheus/`, token: 'TOKEN' })
  expect(await metrics.firing()).toMatchObject([{ name: 'A' }])
  expect(seen).toEqual(['/prometheus/api/v1/alerts', 'Bearer verysecret'])
  expect(warnings).toEqual([])
})

it('a Service is asked through the API server', async () => {
  const seen: (string | undefined)[] = []
  const server = await start((request, response) => {
    seen.push(request.url)
    well(request, response)
  })
  const service = { namespace: 'observability', name: 'prometheus', port: 9090 }
  const { metrics } = metricsOf({ service }, { server })
  expect(await metrics.firing()).toMatchObject([{ name: 'A' }])
  expect(seen).toEqual([
    '/api/v1/namespaces/observability/services/prometheus:9090/proxy/api/v1/alerts',
  ])
})

it.each<[string, Answer, RegExp]>([
  ['is silent', () => {}, /cannot be asked: no answer within 1 s, the limit of `timeouts.request`/],
  ['stops in the middle', (_, response) => void response.write('{'), /no answer within 1 s/],
  ['breaks off', ({ socket }) => void socket.destroy(), /cannot be asked: socket hang up/],
  [
    'wants a login',
    (_, response) => void response.writeHead(302, { location: '/login' }).end(),
    /answered 302/,
  ],
  ['does not know the token', (_, response) => void response.writeHead(401).end(), /answered 401/],
])(
  'an address that %s is one warning, in time and without the token',
  async (_, answer, expected) => {
    const { metrics, warnings } = metricsOf({ url: await start(answer), token: 'TOKEN' })
    const from = performance.now()
    expect(await Promise.all([metrics.firing(), metrics.slots()])).toEqual([null, null])
    expect(performance.now() - from).toBeLessThan(2_000)
    expect(warnings).toEqual([expect.stringMatching(expected)])
    expect(warnings.join()).not.toContain('verysecret')
  },
)

it('a token that is not set is not sent', async () => {
  const { metrics, warnings } = metricsOf({ url: await start(well), token: 'OTHER' })
  expect(await metrics.firing()).toBeNull()
  expect(warnings).toEqual([expect.stringMatching(/the variable OTHER is not set$/)])
})

it('Ctrl-C ends the wait', async () => {
  const url = await start(() => {})
  const { metrics } = metricsOf({ url }, { signal: AbortSignal.timeout(50) })
  await expect(metrics.firing()).rejects.toMatchObject({ exitCode: 130 })
})
