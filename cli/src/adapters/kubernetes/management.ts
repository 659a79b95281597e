// Asks pods on their management port, through the API server's proxy.
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ServiceConfig } from '../../config/schema.ts'
import { failed, interrupted, refused } from '../../errors.ts'
import type { Management } from '../../release/ports/cluster.ts'
import type { KubernetesApi } from './api.ts'
import { podPath } from './objects.ts'

/** Sums over whole tables take their time. */
const answerMs = 10_000

export function createManagement(
  api: KubernetesApi,
  namespace: string,
  services: Readonly<Record<string, ServiceConfig>>,
): Management {
  const open = (
    method: string,
    service: string,
    pod: string,
    path: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> => {
    const port = services[service]?.management?.port ?? 0
    const target = podPath(namespace, pod, port, path)
    return api.open({ method, path: target, timeoutMs: answerMs, signal })
  }
  return {
    path: (service, what) => services[service]?.management?.[what] ?? null,
    async ask(service, pod, method, path, signal) {
      try {
        const response = await open(method, service, pod, path, signal)
        const body = await text(response)
        const status = response.statusCode ?? 0
        if (status < 400 || !isClusters(body)) return { status, body }
      } catch (error) {
        if (signal.aborted) throw interrupted()
        // Whether the cluster or the pod was silent cannot be told apart here.
        if (!isSilence(error)) throw error
        return null
      }
      return null
    },
    async *lines(service, pod, path, signal) {
      const response = await open('GET', service, pod, path, signal)
      const status = response.statusCode ?? 0
      if (status !== 200) {
        const said = (await text(response)).slice(0, 300)
        throw unread(pod, path, `${status} ${said}`)
      }
      response.setEncoding('utf8')
      response.setTimeout(answerMs, () => response.destroy(new Error('it stopped half-way')))
      let rest = ''
      try {
        for await (const chunk of response) {
          const found = `${rest}${chunk}`.split('\n')
          rest = found.pop() ?? ''
          for (const line of found) if (line.trim() !== '') yield line
        }
      } catch (cause) {
        if (signal.aborted) throw interrupted()
        throw unread(pod, path, cause instanceof Error ? cause.message : String(cause))
      }
      if (rest.trim() !== '') yield rest
    },
  }
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && (!('code' in error) || error.code !== 'not-allowed')
}

/** Whether the API server answers in place of the pod, which it could not reach. */
function isClusters(body: string): boolean {
  let status: { kind?: string; code?: number; message?: string } | null
  try {
    status = JSON.parse(body)
  } catch {
    return false
  }
  if (status?.kind !== 'Status') return false
  if (status.code !== 401 && status.code !== 403) return true
  throw refused({
    code: 'not-allowed',
    message: `The cluster does not let you ask pods: ${status.message}`,
    hint: 'Use an account that may get and create pods/proxy, or ask for the permission.',
  })
}

function unread(pod: string, path: string, why: string): Error {
  return failed({
    code: 'not-answered',
    message: `${pod} did not answer GET ${path.split('?')[0]} to its end: ${why}`,
    hint: 'See its logs, or run the command again.',
  })
}
