// Reaches a Service from this machine: a server on loopback forwards requests through the API server's proxy.
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { V1Pod, V1PodList, V1Service } from '@kubernetes/client-node'
import { interrupted, said } from '../../errors.ts'
import type { Traffic, Way } from '../../release/ports/cluster.ts'
import { limited } from '../limited.ts'
import { type Limit, noAnswer } from '../shell.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { isFromCluster } from './ask-pod.ts'
import { named, podPath, serviceName } from './objects.ts'

/** These belong to one connection. All other headers are forwarded. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
])

function passedOn(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hopByHop.has(name) ? [] : [[name, value]],
    ),
  )
}

/** `limit` is for an answer. */
export function createTraffic(api: KubernetesApi, namespace: string, limit: Limit): Traffic {
  const answerMs = limit.seconds * 1000
  const previewPort = async (service: string, pod: string): Promise<number | null> => {
    const core = `/api/v1/namespaces/${namespace}`
    const [found, its] = await Promise.all([
      api.get<V1Service>(`${core}/services/${serviceName(service, 'preview')}`),
      podNamed(pod),
    ])
    return portIn(found, its)
  }
  /** By a list: nobody needs the right to get one pod. */
  const podNamed = async (pod: string): Promise<V1Pod | null> => {
    const list = await api.get<V1PodList>(`/api/v1/namespaces/${namespace}/pods?${named(pod)}`)
    return list?.items[0] ?? null
  }
  const openWay = async (pathOf: (path: string) => string): Promise<Way> => {
    let denied = false
    const server = createServer(async (request, response) => {
      const { method = 'GET' } = request
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
      const isRead = (method === 'GET' || method === 'HEAD') && !length && !encoding
      const left = new AbortController()
      response.on('close', () => left.abort())
      try {
        const answer = await api.open({
          method,
          path: pathOf(request.url ?? '/'),
          headers: passedOn(request.headers),
          ...(isRead ? { retry: 'forwarded' as const } : { body: request }),
          timeoutMs: answerMs,
          signal: left.signal,
        })
        const { statusCode = 502 } = answer
        response.writeHead(statusCode, passedOn(answer.headers))
        if (statusCode !== 401 && statusCode !== 403) return await pipeline(answer, response)
        // Of the API server, or of the pod.
        const body = await limited(answer)
        denied ||= isFromCluster(String(body))
        response.end(body)
      } catch (error) {
        denied ||= isDenied(error)
        if (response.headersSent) {
          response.destroy()
          return
        }
        response.writeHead(502, { 'content-type': 'text/plain' })
        response.end(said(error))
      }
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}`,
      isDenied: () => denied,
      async close() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  }
  return {
    async status(url, signal) {
      try {
        const limits = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
        return await statusOf(url, limits)
      } catch (error) {
        if (signal.aborted) throw interrupted()
        return said(error).startsWith('The operation was aborted') ? noAnswer(limit) : said(error)
      }
    },
    open: (service) =>
      openWay((path) => `/api/v1/namespaces/${namespace}/services/${service}:http/proxy${path}`),
    async openPod(service, pod) {
      const port = await previewPort(service, pod)
      return port === null ? null : openWay((path) => podPath(namespace, pod, port, path))
    },
  }
}

/** The number of the port with the name `http`, as the preview Service resolves it in this pod. */
function portIn(service: V1Service | null, pod: V1Pod | null): number | null {
  const target = service?.spec?.ports?.find(({ name }) => name === 'http')?.targetPort
  if (typeof target === 'number') return target
  const named = pod?.spec?.containers
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === target)
  return named?.containerPort ?? null
}

/** With an agent of its own: the usual one may go through a proxy, which cannot reach loopback. */
function statusOf(url: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent(), signal }, (response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    }).on('error', reject)
  })
}
