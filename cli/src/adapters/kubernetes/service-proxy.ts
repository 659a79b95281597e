// Asks a Service of the cluster through the API server's proxy: it needs no port of its own.
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { failed, interrupted, ShopctlError, said } from '../../errors.ts'
import type { KubernetesApi } from './api.ts'
import { isFromCluster, limitedText } from './ask-pod.ts'

export interface ServicePort {
  namespace: string
  name: string
  port: number
}

export interface ServiceAnswer {
  status: number
  text: string
}

interface AskOptions {
  signal?: AbortSignal
  /** For the whole answer; of a stream, for its first byte. */
  timeoutMs: number
}

/** The API server answers only when the Service does. Its own limit must not hide that it was the Service. */
const graceMs = 1_000

/**
 * Sends a GET; `path` begins with a slash and includes the query. null: there is no such Service. Throws if the Service
 * cannot be reached, or this user may not ask it.
 */
export async function askService(
  api: KubernetesApi,
  service: ServicePort,
  path: string,
  { signal, timeoutMs }: AskOptions,
): Promise<ServiceAnswer | null> {
  const late = AbortSignal.timeout(timeoutMs)
  const limits = signal ? AbortSignal.any([signal, late]) : late
  try {
    const options = { signal: limits, timeoutMs: timeoutMs + graceMs }
    const answer = await openService(api, service, path, options)
    return answer && { status: answer.status, text: await limitedText(answer.body) }
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (late.aborted) throw unanswered(service, `no answer within ${timeoutMs / 1000} s`)
    throw error instanceof ShopctlError ? error : unanswered(service, said(error))
  }
}

/** The same, for an answer without end. The caller reads the body, which ends with an error when `signal` aborts. */
export async function openService(
  api: KubernetesApi,
  { namespace, name, port }: ServicePort,
  path: string,
  { signal, timeoutMs }: AskOptions,
): Promise<{ status: number; body: IncomingMessage | Readable } | null> {
  const target = `/api/v1/namespaces/${namespace}/services/${name}:${port}/proxy${path}`
  const response = await api.open({
    method: 'GET',
    path: target,
    timeoutMs,
    retry: 'forwarded',
    ...(signal && { signal }),
  })
  const status = response.statusCode ?? 0
  if (status < 400) return { status, body: response }
  const text = await limitedText(response)
  if (!isFromCluster(text)) return { status, body: Readable.from([Buffer.from(text)]) }
  if (status === 404) return null
  throw api.errorOf(status, 'GET', target, text)
}

function unanswered({ namespace, name, port }: ServicePort, why: string): ShopctlError {
  return failed({
    code: 'service-unanswered',
    message: `The Service ${namespace}/${name}:${port} did not answer: ${why}.`,
    hint: `Run \`kubectl -n ${namespace} get pods,endpoints\` to see what it runs on.`,
  })
}
