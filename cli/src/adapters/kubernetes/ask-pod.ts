// Asks a port of a pod through the API server's proxy.
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../../errors.ts'
import type { PodAnswer } from '../../release/ports/cluster.ts'
import { isLate, lateError } from '../repeat.ts'
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
  /** For the first byte, and once more for the rest. The pauses that a busy API server asks for do not count. */
  timeoutMs: number
  signal?: AbortSignal
  /** Sends a read again when the cluster could not reach the pod. */
  retry?: boolean
}

const tries = 3
const pauseMs = 200
const maxBytes = 16 * 1024 * 1024

/** null: the pod does not answer. Throws when the cluster does not let us ask. */
export async function askPod(
  api: KubernetesApi,
  { retry = false, ...request }: PodRequest,
): Promise<PodAnswer | null> {
  for (let tried = 1; ; tried += 1) {
    const answer = await askOnce(api, request)
    if (!(answer instanceof Error)) return answer
    if (!retry || tried === tries || isSilence(answer)) return null
    await sleep(pauseMs)
  }
}

async function askOnce(
  api: KubernetesApi,
  {
    namespace,
    pod,
    port,
    method = 'GET',
    path,
    headers = {},
    timeoutMs,
    signal,
  }: Omit<PodRequest, 'retry'>,
): Promise<PodAnswer | Error> {
  const target = podPath(namespace, pod, port, path)
  try {
    const response = await api.open({
      method,
      path: target,
      headers,
      timeoutMs,
      ...(signal && { signal }),
      ...(method === 'GET' && { retry: 'forwarded' }),
    })
    const body = await limitedText(response, timeoutMs)
    const status = response.statusCode ?? 0
    if (status < 400 || !isFromCluster(body)) return { status, body }
    throw api.errorOf(status, method, target, body)
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (isDenied(error)) throw error
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Asking again would wait as long again. */
function isSilence(error: Error): boolean {
  return isLate(error) || (error.cause instanceof Error && isLate(error.cause))
}

async function limitedText(response: IncomingMessage, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => response.destroy(lateError(timeoutMs)), timeoutMs)
  try {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
      chunks.push(Buffer.from(chunk))
    }
    return Buffer.concat(chunks).toString()
  } finally {
    clearTimeout(timer)
  }
}

/** Whether this error comes from the API server, which could not or may not reach the pod. */
export function isFromCluster(body: string): boolean {
  try {
    return (JSON.parse(body) as { kind?: string } | null)?.kind === 'Status'
  } catch {
    return false
  }
}
