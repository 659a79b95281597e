// The Kubernetes API: objects by path, and what its answers mean.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { V1ListMeta, V1ObjectMeta } from '@kubernetes/client-node'
import { afterChange, failed, refused, ShopctlError } from '../../errors.ts'
import { forward, type PodPort } from './forward.ts'
import { type KubeconfigChoice, readTarget, type Target } from './kubeconfig.ts'
import {
  type Answer,
  createTransport,
  type OpenOptions,
  type Transport,
  type TransportOptions,
} from './transport.ts'

export interface KubernetesApi {
  /** null: 404. */
  get<T>(path: string): Promise<T | null>
  /** Only the metadata of a list: names, labels, annotations. null: 404. */
  metadata(path: string): Promise<MetadataList | null>
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown): Promise<T>
  /** Server-side apply as field manager `shopctl`. With a resourceVersion in it, it may conflict. */
  apply<T>(path: string, object: unknown): Promise<T>
  /** JSON merge patch (RFC 7386). With a resourceVersion in it, it may conflict. */
  patch<T>(path: string, body: unknown): Promise<T>
  /** Sends any request and returns any answer, whose body the caller reads. `timeoutMs` is for the first byte. */
  open(options: OpenOptions): Promise<IncomingMessage>
  /** Sends any request and returns any whole answer. */
  ask(options: OpenOptions): Promise<Answer>
  /** What an answer with an error status means. */
  errorOf(status: number, method: string, path: string, body: string): ShopctlError
  /** A connection to a port of a pod. The caller destroys it. */
  forward(to: PodPort): Promise<Duplex>
}

/** Kubernetes' PartialObjectMetadataList. */
export interface MetadataList {
  metadata?: V1ListMeta
  /** null: the list is empty. */
  items: { metadata: V1ObjectMeta }[] | null
}

/** Another client changed the object since it was read. */
export function isConflict(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'conflict'
}

const denials = new Set([
  'not-allowed',
  'no-credentials',
  'no-aws-credentials',
  'aws-credentials',
  'aws-expired',
  'aws-denied',
  'aws-clock',
])

/** Whether the cluster refuses this user, or AWS does, so that asking again cannot help. */
export function isDenied(error: unknown): boolean {
  return error instanceof ShopctlError && denials.has(error.code)
}

export function connect(
  cluster: KubeconfigChoice | Target,
  options: TransportOptions = {},
): KubernetesApi {
  const target = 'cluster' in cluster ? cluster : readTarget(cluster)
  return createApi(createTransport(target, options))
}

interface Request {
  method: string
  path: string
  body?: unknown
  type?: string
  accept?: string
}

const json = 'application/json'
const metadataOnly = `${json};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,${json}`

function createApi(transport: Transport): KubernetesApi {
  let changed = false
  const marked = <E>(error: E): E => (changed ? (afterChange(error) as E) : error)
  const ask = async <T>({
    method,
    path,
    body,
    type = json,
    accept = json,
  }: Request): Promise<T | null> => {
    const content = body === undefined ? null : JSON.stringify(body)
    // Node sends no length with a DELETE, and the server would read the body as the next request.
    const headers = content && {
      'content-type': type,
      'content-length': String(Buffer.byteLength(content)),
    }
    const { status, body: answer } = await transport
      .ask({
        method,
        path,
        headers: { accept, ...headers },
        ...(content !== null && { body: content }),
        retry: method === 'GET' ? 'read' : 'write',
      })
      .catch((error) => {
        throw marked(error)
      })
    if (status < 300) {
      // The lock is no change: it is released again.
      changed ||= method !== 'GET' && !path.startsWith('/apis/coordination.k8s.io/')
      return parsed<T>(answer, method, path)
    }
    if (status === 404 && method === 'GET') return null
    throw marked(errorOf(status, method, path, answer))
  }
  const write = async <T>(request: Request): Promise<T> => {
    const answer = await ask<T>(request)
    if (answer === null) throw new Error(`${request.method} ${request.path} answered nothing`)
    return answer
  }
  const patch = <T>(path: string, query: string, type: string, body: unknown): Promise<T> =>
    write({
      method: 'PATCH',
      path: `${path}${path.includes('?') ? '&' : '?'}${query}`,
      type,
      body,
    })
  return {
    open: transport.open,
    ask: transport.ask,
    errorOf: (...answer) => marked(errorOf(...answer)),
    forward: (to) => forward(transport, to),
    get: (path) => ask({ method: 'GET', path }),
    metadata: (path) => ask({ method: 'GET', path, accept: metadataOnly }),
    send: (method, path, body) => write({ method, path, body }),
    apply: (path, object) =>
      patch(path, 'fieldManager=shopctl&force=true', 'application/apply-patch+yaml', object),
    patch: (path, body) =>
      patch(path, 'fieldManager=shopctl', 'application/merge-patch+json', body),
  }
}

function parsed<T>(answer: string, method: string, path: string): T {
  try {
    return JSON.parse(answer) as T
  } catch (cause) {
    throw failed({
      code: 'cluster-error',
      message: `The cluster answered ${method} ${path.split('?')[0]} with something else than JSON: ${answer.slice(0, 100)}`,
      hint: 'Check that `server` in the kubeconfig is an API server, and which proxy is between.',
      cause,
    })
  }
}

const codes: Readonly<Record<number, string>> = { 404: 'not-found', 409: 'conflict' }

/** For a test's API server, too. */
export function errorOf(
  status: number,
  method: string,
  path: string,
  content: string,
): ShopctlError {
  const message = messageOf(content)
  if (status === 401) {
    return refused({
      code: 'no-credentials',
      message: `The cluster does not accept your credentials: ${message}`,
      hint: 'Log in again; `kubectl auth whoami` shows who you are.',
    })
  }
  if (status === 403) return forbidden(method, path, message)
  const missing = status === 404 && /^namespaces "(.+)" not found$/.exec(message)?.[1]
  if (missing) {
    return refused({
      code: 'nothing-deployed',
      message: `Nothing is deployed yet: the cluster has no namespace ${missing}.`,
      hint: 'Run `shopctl deploy` first.',
    })
  }
  return failed({
    code: codes[status] ?? 'cluster-error',
    message: `The cluster answered ${status} to ${method} ${path.split('?')[0]}: ${message}`,
    ...(status === 409 && {
      hint: 'Another client changed it meanwhile. Run `shopctl status`, then run the command again.',
    }),
  })
}

/** The API server answers 403 for a right that is missing, and for what an admission plugin denies: a quota, a policy. */
function forbidden(method: string, path: string, message: string): ShopctlError {
  const ending = /create new content in namespace (\S+) because it is being terminated/.exec(
    message,
  )
  if (ending) return endingNamespace(ending[1] ?? '')
  const denied = /forbidden: /.test(message) && !/ cannot \w+ /.test(message)
  if (denied || /denied (the )?request/.test(message)) {
    return refused({
      code: 'denied',
      message: `The cluster does not accept ${method} ${path.split('?')[0]}: ${message}`,
      hint: 'Fix the cause, then run the command again.',
    })
  }
  const right = rightIn(message)
  return refused({
    code: 'not-allowed',
    message: `The cluster does not let you ${method} ${path.split('?')[0]}: ${message}`,
    hint: right
      ? `Use an account with this right, or ask for it: \`kubectl auth can-i ${right}\`.`
      : 'Use an account with this permission, or ask for it.',
  })
}

/** `get pods/web-1 --subresource=log --namespace shop`, for `kubectl auth can-i`. null: the message names none. */
function rightIn(message: string): string | null {
  const [, verb, resource = '', group, , namespace] =
    / cannot (\w+) resource "([^"]+)"(?: in API group "([^"]*)")?( in the namespace "([^"]+)")?/.exec(
      message,
    ) ?? []
  if (!verb) return null
  const [kind, subresource] = resource.split('/')
  const [, name] = /"([^"]+)" is forbidden: /.exec(message) ?? []
  const type = group ? `${kind}.${group}` : kind
  const object = name ? `${type}/${name}` : type
  return [
    `${verb} ${object}`,
    ...(subresource ? [`--subresource=${subresource}`] : []),
    ...(namespace ? [`--namespace ${namespace}`] : []),
  ].join(' ')
}

export function endingNamespace(name: string): ShopctlError {
  return refused({
    code: 'namespace-ending',
    message: `The namespace ${name} is being deleted.`,
    hint: `Wait for its end with \`kubectl wait --for=delete namespace/${name}\`, then run the command again.`,
  })
}

function messageOf(content: string): string {
  try {
    return (JSON.parse(content) as { message?: string }).message ?? content
  } catch {
    return content.slice(0, 300)
  }
}
