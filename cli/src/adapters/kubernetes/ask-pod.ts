// Asks a port of a pod through the API server's proxy.
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../../errors.ts'
import type { PodAnswer } from '../../release/ports/cluster.ts'
import { parseJson } from '../json.ts'
import { limited } from '../limited.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { podPath } from './objects.ts'

export interface PodRequest {
  namespace: string
  pod: string
  port: number
  method?: string
  /** Begins with a slash. */
  path: string
  headers?: Record<string, string>
  /** For the whole answer. A busy API server may ask for a pause besides. */
  timeoutMs: number
  signal?: AbortSignal
  /** Sends a read again when the cluster could not reach the pod. */
  retry?: boolean
}

const tries = 3
const pauseMs = 200
/** For all pauses that the API server asks for. A switch waits for the pods. */
const busyMs = 2_000

/** null: the pod does not answer. Throws when the cluster does not let us ask. */
export async function askPod(
  api: KubernetesApi,
  { timeoutMs, signal, retry = false, ...request }: PodRequest,
): Promise<PodAnswer | null> {
  const late = AbortSignal.timeout(timeoutMs + busyMs)
  const limits = signal ? AbortSignal.any([signal, late]) : late
  for (let tried = 1; ; tried += 1) {
    const answer = await askOnce(api, { ...request, timeoutMs }, limits, signal)
    if (answer || !retry || tried === tries || limits.aborted) return answer
    await sleep(pauseMs)
  }
}

async function askOnce(
  api: KubernetesApi,
  { namespace, pod, port, method = 'GET', path, headers = {}, timeoutMs }: PodRequest,
  limits: AbortSignal,
  signal: AbortSignal | undefined,
): Promise<PodAnswer | null> {
  const target = podPath(namespace, pod, port, path)
  try {
    const response = await api.open({
      method,
      path: target,
      headers,
      timeoutMs,
      signal: limits,
      ...(method === 'GET' && { retry: 'forwarded' }),
    })
    const body = (await limited(response)).toString()
    const status = response.statusCode ?? 0
    if (status < 400 || !isFromCluster(body)) return { status, body }
    throw api.errorOf(status, method, target, body)
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (isDenied(error)) throw error
    return null
  }
}

/** Whether this error comes from the API server, which could not or may not reach the pod. */
export function isFromCluster(body: string): boolean {
  return (parseJson(body) as { kind?: string } | null)?.kind === 'Status'
}
