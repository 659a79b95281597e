// Asks a port of a pod through the API server's proxy.
import type { IncomingMessage } from 'node:http'
import { interrupted } from '../../errors.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { podPath } from './objects.ts'

export interface PodRequest {
  namespace: string
  pod: string
  port: number
  method?: string
  /** Begins with a slash. */
  path: string
  /** For the whole answer. */
  timeoutMs: number
  signal?: AbortSignal
}

const maxBytes = 16 * 1024 * 1024

/** null: the pod does not answer. Throws when the cluster does not let us ask. */
export async function askPod(
  api: KubernetesApi,
  { namespace, pod, port, method = 'GET', path, timeoutMs, signal }: PodRequest,
): Promise<{ status: number; body: string } | null> {
  const target = podPath(namespace, pod, port, path)
  const late = AbortSignal.timeout(timeoutMs)
  const limits = signal ? AbortSignal.any([signal, late]) : late
  try {
    const response = await api.open({ method, path: target, timeoutMs, signal: limits })
    const body = await limitedText(response)
    const status = response.statusCode ?? 0
    if (status < 400 || !isFromCluster(body)) return { status, body }
    throw api.errorOf(status, method, target, body)
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (isDenied(error)) throw error
    return null
  }
}

async function limitedText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks).toString()
}

/** Whether this error comes from the API server, which could not or may not reach the pod. */
export function isFromCluster(body: string): boolean {
  try {
    return (JSON.parse(body) as { kind?: string } | null)?.kind === 'Status'
  } catch {
    return false
  }
}
