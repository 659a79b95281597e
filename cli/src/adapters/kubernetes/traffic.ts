// Reaches a Service from this machine: a server on loopback forwards requests through the API server's proxy.
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { interrupted, said } from '../../errors.ts'
import type { Traffic } from '../../release/ports/cluster.ts'
import { type Limit, noAnswer } from '../shell.ts'
import type { KubernetesApi } from './api.ts'

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
    async open(service) {
      const server = createServer(async (request, response) => {
        const { method = 'GET' } = request
        const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
        const isRead = (method === 'GET' || method === 'HEAD') && !length && !encoding
        const left = new AbortController()
        response.on('close', () => left.abort())
        try {
          const answer = await api.open({
            method,
            path: `/api/v1/namespaces/${namespace}/services/${service}:http/proxy${request.url ?? '/'}`,
            headers: passedOn(request.headers),
            ...(isRead ? { retry: 'forwarded' as const } : { body: request }),
            timeoutMs: answerMs,
            signal: left.signal,
          })
          response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers))
          await pipeline(answer, response)
        } catch (error) {
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
        async close() {
          server.closeAllConnections()
          await new Promise((resolve) => server.close(resolve))
        },
      }
    },
  }
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
