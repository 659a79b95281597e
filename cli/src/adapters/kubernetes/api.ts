// Speaks to the Kubernetes API server over HTTPS, with the credentials of a kubeconfig.

import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterChange, failed, interrupted, refused, type ShopctlError } from '../../errors.ts'
import { forward, type PodPort } from './forward.ts'

export interface KubernetesApi {
  /** null when it answers 404. */
  get<T>(path: string): Promise<T | null>
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown): Promise<T>
  /** A list, the metadata of its objects alone. */
  metadata<T>(path: string): Promise<T | null>
  /** JSON merge patch. */
  patch<T>(path: string, body: unknown): Promise<T>
  /** Server-side apply as field manager `shopctl`. With a resourceVersion in it, it may conflict. */
  apply<T>(path: string, object: unknown): Promise<T>
  /** Any request, answered as it comes. `timeoutMs` is for the first byte; null waits for ever. */
  open(options: OpenOptions): Promise<IncomingMessage>
  /** A connection to a port of a pod; whoever opens it destroys it. */
  forward(to: PodPort): Promise<Duplex>
}

export interface OpenOptions {
  method: string
  path: string
  headers?: Record<string, string | string[]>
  body?: NodeJS.ReadableStream | string
  timeoutMs?: number | null
  signal?: AbortSignal
}

export interface KubeconfigChoice {
  /** File, null for the usual places. */
  file: string | null
  /** null for the current context. */
  context: string | null
}

/** Someone else changed the object since it was read. */
export function isConflict(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'conflict'
}

const partial = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'

const defaultTimeoutMs = 4_000

export async function connect(choice: KubeconfigChoice): Promise<KubernetesApi> {
  // Late: it takes a quarter of a second to load.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const kubeconfig = new KubeConfig()
  try {
    if (choice.file) kubeconfig.loadFromFile(choice.file)
    else kubeconfig.loadFromDefault()
  } catch (cause) {
    throw refused({
      code: 'no-kubeconfig',
      message: `The kubeconfig cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      hint: 'Set KUBECONFIG, or `cluster` of the environment in shopctl.yaml.',
      cause,
    })
  }
  if (choice.context) {
    const known = kubeconfig.getContexts().map(({ name }) => name)
    if (!known.includes(choice.context)) {
      throw refused({
        code: 'unknown-context',
        message: `Your kubeconfig has no context "${choice.context}".`,
        hint: known.length > 0 ? `It has: ${known.join(', ')}.` : 'It has none at all.',
      })
    }
    kubeconfig.setCurrentContext(choice.context)
  }
  const cluster = kubeconfig.getCurrentCluster()
  const server = cluster?.server ?? ''
  const credentials: RequestOptions = {}
  await kubeconfig.applyToHTTPSOptions(credentials)
  // Its own agent opens a connection per request; a switch asks every pod many times.
  const { ca, cert, key, servername, rejectUnauthorized } = credentials
  const tls = { ca, cert, key, servername, rejectUnauthorized }
  const agent = cluster?.proxyUrl
    ? credentials.agent
    : new Agent({ keepAlive: true, ...withoutUndefined(tls) })
  return {
    ...createApi(server, { ...credentials, agent }),
    forward: (to) => forward(kubeconfig, to),
  }
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}

function createApi(server: string, credentials: RequestOptions): Omit<KubernetesApi, 'forward'> {
  const base = new URL(server)
  let reached = false
  let changed = false
  const unreachable = (why: string, cause?: unknown): ShopctlError => {
    // Before the first answer nothing can have been changed.
    const make = reached ? failed : refused
    return make({
      code: 'cluster-unreachable',
      message: `The cluster at ${server} cannot be reached: ${why}.`,
      hint: 'See that it runs (`shopctl platform status`), or which context the environment names in shopctl.yaml.',
      cause,
    })
  }
  const open: KubernetesApi['open'] = ({
    method,
    path,
    headers,
    body,
    timeoutMs = defaultTimeoutMs,
    signal,
  }) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(interrupted())
      const request = httpsRequest({
        ...credentials,
        host: base.hostname,
        port: base.port || 443,
        path: `${base.pathname === '/' ? '' : base.pathname}${path}`,
        method,
        headers: { ...credentials.headers, ...headers },
        ...(signal && { signal }),
      })
      const timer =
        timeoutMs === null
          ? undefined
          : setTimeout(
              () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)),
              timeoutMs,
            )
      request.on('response', (response) => {
        clearTimeout(timer)
        reached = true
        resolve(response)
      })
      request.on('error', (error) => {
        clearTimeout(timer)
        reject(signal?.aborted ? interrupted() : unreachable(error.message, error))
      })
      if (typeof body === 'object') body.pipe(request)
      else request.end(body)
    })
  const ask = async <T>(
    method: string,
    path: string,
    body?: unknown,
    type = 'application/json',
    accept = 'application/json',
  ): Promise<T | null> => {
    const content = body === undefined ? null : JSON.stringify(body)
    // Node sends no length with a DELETE by itself, and its body would then be read as the next request.
    const headers = content && {
      'content-type': type,
      'content-length': String(Buffer.byteLength(content)),
    }
    const response = await open({
      method,
      path,
      headers: { accept, ...headers },
      ...(content !== null && { body: content }),
    })
    const answer = await text(response)
    const status = response.statusCode ?? 0
    if (status < 300) {
      // The lock is let go again: it changes nothing.
      changed ||= method !== 'GET' && !path.startsWith('/apis/coordination.k8s.io/')
      return JSON.parse(answer) as T
    }
    if (status === 404 && method === 'GET') return null
    const error = answerOf(status, method, path, answer)
    throw changed ? afterChange(error) : error
  }
  const must = async <T>(
    method: string,
    path: string,
    body: unknown,
    type?: string,
  ): Promise<T> => {
    const answer = await ask<T>(method, path, body, type)
    if (answer === null) throw new Error(`${method} ${path} answered nothing`)
    return answer
  }
  return {
    open,
    get: (path) => ask('GET', path),
    send: must,
    metadata: (path) => ask('GET', path, undefined, undefined, partial),
    patch: (path, body) => must('PATCH', path, body, 'application/merge-patch+json'),
    apply: (path, object) =>
      must(
        'PATCH',
        `${path}?fieldManager=shopctl&force=true`,
        object,
        'application/apply-patch+yaml',
      ),
  }
}

function answerOf(status: number, method: string, path: string, content: string): ShopctlError {
  const message = messageOf(content)
  if (status === 401 || status === 403) {
    return refused({
      code: 'not-allowed',
      message: `The cluster does not let you ${method} ${path.split('?')[0]}: ${message}`,
      hint: 'Use an account that may, or ask for the permission.',
    })
  }
  const missing = status === 404 && /^namespaces "(.+)" not found$/.exec(message)?.[1]
  if (missing) {
    return refused({
      code: 'nothing-deployed',
      message: `Nothing is deployed yet: the cluster has no namespace ${missing}.`,
      hint: 'Run `shopctl deploy` first.',
    })
  }
  return failed({
    code: status === 409 ? 'conflict' : status === 404 ? 'not-found' : 'cluster-error',
    message: `The cluster answered ${status} to ${method} ${path.split('?')[0]}: ${message}`,
    ...(status === 409 && {
      hint: 'Someone else changed it meanwhile: see `shopctl status` and run the command again.',
    }),
  })
}

function messageOf(content: string): string {
  try {
    return (JSON.parse(content) as { message?: string }).message ?? content
  } catch {
    return content.slice(0, 300)
  }
}
