// Asks a Service of the cluster through the API server's proxy: it needs no port of its own.
import { failed, interrupted, ShopctlError, said } from '../../errors.ts'
import { limited } from '../limited.ts'
import type { KubernetesApi } from './api.ts'
import { isFromCluster } from './ask-pod.ts'

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
  /** For the whole answer. */
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
    return await askOnce(api, service, path, options)
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (late.aborted) throw unanswered(service, `no answer within ${timeoutMs / 1000} s`)
    throw error instanceof ShopctlError ? error : unanswered(service, said(error))
  }
}

async function askOnce(
  api: KubernetesApi,
  { namespace, name, port }: ServicePort,
  path: string,
  limits: { signal: AbortSignal; timeoutMs: number },
): Promise<ServiceAnswer | null> {
  const target = `/api/v1/namespaces/${namespace}/services/${name}:${port}/proxy${path}`
  const response = await api.open({ method: 'GET', path: target, retry: 'forwarded', ...limits })
  const text = (await limited(response)).toString()
  const status = response.statusCode ?? 0
  if (status < 400 || !isFromCluster(text)) return { status, text }
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
