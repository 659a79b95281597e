// An API server in memory: objects by path with optimistic locking, lists, watches, and its own clock.
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import {
  errorOf,
  type KubernetesApi,
  type MetadataList,
} from '../../src/adapters/kubernetes/api.ts'
import { failed } from '../../src/errors.ts'
import { isMap } from '../../src/release/canonical.ts'

interface Stored {
  metadata?: {
    name?: string
    uid?: string
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}

export interface FakeApi extends KubernetesApi {
  objects: Map<string, Stored>
  /** Methods and paths of all changes. */
  changes: string[]
  /** Methods and paths of all calls of `open`. */
  requests: string[]
  /** Writes an object as a controller would. Watches see it. */
  put(path: string, object: object): void
  remove(path: string): void
  faults: {
    /** The number of writes whose answers are lost. */
    loseAnswers: number
    /** Unreachable. */
    away: boolean
  }
}

function conflict(path: string): Error {
  return failed({ code: 'conflict', message: `${path}: conflict` })
}
function unreachable(): Error {
  return failed({ code: 'cluster-unreachable', message: 'no answer' })
}

function divided(path: string): { base: string; selects(object: Stored): boolean } {
  const [base = '', query] = path.split('?')
  const parameters = new URLSearchParams(query)
  const terms = (parameters.get('labelSelector') ?? '').split(',').filter(Boolean)
  const [, name] = (parameters.get('fieldSelector') ?? '').split('metadata.name=')
  const fits = (labels: Record<string, string>, term: string): boolean => {
    const [key = '', value] = term.split(/!?=/)
    if (value === undefined) return key in labels
    return term.includes('!=') ? labels[key] !== value : labels[key] === value
  }
  return {
    base,
    selects: ({ metadata }) =>
      (name === undefined || metadata?.name === name) &&
      terms.every((term) => fits(metadata?.labels ?? {}, term)),
  }
}

/** `/api/v1/namespaces/shop/pods`, `/apis/apps/v1/namespaces/shop/deployments`. */
function isCollection(base: string): boolean {
  return base.split('/').length === (base.startsWith('/api/') ? 6 : 7)
}

/** RFC 7386. */
function merged(base: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch
  const result: Record<string, unknown> = isMap(base) ? { ...base } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = merged(result[key], value)
  }
  return result
}

/** `time` is the server's clock, in milliseconds. */
export function createFakeApi(time: () => number): FakeApi {
  let version = 0
  const objects = new Map<string, Stored>()
  const changes: string[] = []
  const requests: string[] = []
  const watches = new Set<{ path: string; stream: PassThrough }>()
  const faults = { loseAnswers: 0, away: false }
  const reach = (): void => {
    if (faults.away) throw unreachable()
  }
  const tell = (type: string, path: string, object: Stored): void => {
    for (const watch of watches) {
      const { base, selects } = divided(watch.path)
      const isIn = path.slice(0, path.lastIndexOf('/')) === base
      if (isIn && selects(object)) watch.stream.write(`${JSON.stringify({ type, object })}\n`)
    }
  }
  const store = (path: string, object: Stored): Stored => {
    version += 1
    const stored = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    }
    const type = objects.has(path) ? 'MODIFIED' : 'ADDED'
    objects.set(path, structuredClone(stored))
    tell(type, path, stored)
    return stored
  }
  const remove = (path: string): void => {
    const found = objects.get(path)
    objects.delete(path)
    if (found) tell('DELETED', path, found)
  }
  const write = (method: string, path: string, body: Stored & { preconditions?: object }) => {
    const target = method === 'POST' ? `${path}/${body.metadata?.name}` : path
    const found = objects.get(target)
    if (method === 'DELETE' && !found)
      throw failed({ code: 'not-found', message: `${target}: not found` })
    const expected =
      method === 'DELETE'
        ? (body.preconditions as Stored['metadata'])?.resourceVersion
        : body.metadata?.resourceVersion
    const isFree = method === 'DELETE' && expected === undefined
    const fits =
      method === 'POST' ? !found : isFree || found?.metadata?.resourceVersion === expected
    if (!fits) throw conflict(target)
    changes.push(`${method} ${target}`)
    if (method !== 'DELETE') return store(target, body)
    remove(target)
    return {}
  }
  const answered = <T>(answer: unknown): T => {
    if (faults.loseAnswers === 0) return answer as T
    faults.loseAnswers -= 1
    throw unreachable()
  }
  const get = async <T>(path: string): Promise<T | null> => {
    reach()
    const { base, selects } = divided(path)
    if (!isCollection(base)) return (structuredClone(objects.get(base)) ?? null) as T | null
    const items = [...objects].filter(
      ([key, object]) => key.slice(0, key.lastIndexOf('/')) === base && selects(object),
    )
    return { items: structuredClone(items.map(([, object]) => object)) } as T
  }
  const watch = ({ path, signal }: Parameters<KubernetesApi['open']>[0]): PassThrough => {
    const entry = { path, stream: new PassThrough() }
    watches.add(entry)
    signal?.addEventListener('abort', () => {
      watches.delete(entry)
      entry.stream.destroy()
    })
    return entry.stream
  }
  return {
    objects,
    changes,
    requests,
    faults,
    put: (path, object) => void store(path, object as Stored),
    remove,
    get,
    errorOf,
    async metadata(path) {
      const found = await get<MetadataList>(path)
      // As the real one answers.
      return found?.items?.length === 0 ? { items: null } : found
    },
    async send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown) {
      reach()
      return answered<T>(write(method, path, body as Stored))
    },
    async patch<T>(path: string, body: unknown) {
      reach()
      const found = objects.get(path)
      if (!found) throw failed({ code: 'not-found', message: `${path}: not found` })
      // A resourceVersion in the patch is a condition, as in the real one: `write` compares it.
      return answered<T>(write('PUT', path, merged(found, body) as Stored))
    },
    async apply<T>(path: string, object: unknown) {
      reach()
      const found = objects.get(path)
      const expected = (object as Stored).metadata?.resourceVersion
      if (expected !== undefined && found?.metadata?.resourceVersion !== expected)
        throw conflict(path)
      changes.push(`APPLY ${path}`)
      return answered<T>(store(path, merged(found, object) as Stored))
    },
    async forward() {
      throw new Error('no pods here')
    },
    async ask({ method, path }) {
      reach()
      requests.push(`${method} ${path}`)
      const found = await get(path)
      const headers = { date: new Date(time()).toUTCString() }
      const body = JSON.stringify(found ?? { kind: 'Status', code: 404 })
      return { status: found ? 200 : 404, headers, body }
    },
    async open(options) {
      reach()
      const headers = { date: new Date(time()).toUTCString() }
      requests.push(`${options.method} ${options.path}`)
      if (options.path.includes('watch=1')) {
        const stream = watch(options)
        const setTimeout = () => {}
        return Object.assign(stream, {
          headers,
          statusCode: 200,
          setTimeout,
        }) as unknown as IncomingMessage
      }
      const found = await get(options.path)
      const stream = new PassThrough().end(JSON.stringify(found ?? { kind: 'Status', code: 404 }))
      const statusCode = found ? 200 : 404
      return Object.assign(stream, { headers, statusCode }) as unknown as IncomingMessage
    },
  }
}
