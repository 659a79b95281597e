// An API server in memory: objects by path under optimistic locking, with a clock of its own.
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { failed } from '../../src/errors.ts'

interface Stored {
  metadata?: { name?: string; uid?: string; resourceVersion?: string }
}

export interface FakeApi extends KubernetesApi {
  objects: Map<string, Stored>
  /** Methods and paths of what was changed. */
  changes: string[]
  faults: {
    /** So many writes are carried out, and their answers never arrive. */
    loseAnswers: number
    /** Nothing gets through. */
    away: boolean
  }
}

function conflict(path: string): Error {
  return failed({ code: 'conflict', message: `${path}: conflict` })
}
function unreachable(): Error {
  return failed({ code: 'cluster-unreachable', message: 'no answer' })
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const merged = { ...(typeof target === 'object' && !Array.isArray(target) ? target : {}) }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key as never]
    else Object.assign(merged, { [key]: mergePatch(merged[key as never], value) })
  }
  return merged
}

/** `time` is the server's clock, in milliseconds. */
export function createFakeApi(time: () => number): FakeApi {
  let version = 0
  const objects = new Map<string, Stored>()
  const changes: string[] = []
  const faults = { loseAnswers: 0, away: false }
  const reach = (): void => {
    if (faults.away) throw unreachable()
  }
  const write = (method: string, path: string, body: Stored & { preconditions?: object }) => {
    const target = method === 'POST' ? `${path}/${body.metadata?.name}` : path
    const found = objects.get(target)
    const expected =
      method === 'DELETE'
        ? (body.preconditions as Stored['metadata'])?.resourceVersion
        : body.metadata?.resourceVersion
    const fits = method === 'POST' ? !found : found?.metadata?.resourceVersion === expected
    if (!fits) throw conflict(target)
    changes.push(`${method} ${target}`)
    if (method === 'DELETE') {
      objects.delete(target)
      return {}
    }
    version += 1
    const metadata = { ...body.metadata, resourceVersion: String(version) }
    objects.set(target, structuredClone({ ...body, metadata }))
    return { ...body, metadata }
  }
  return {
    objects,
    changes,
    faults,
    async get<T>(path: string) {
      reach()
      return (structuredClone(objects.get(path)) ?? null) as T | null
    },
    async send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown) {
      reach()
      const answer = write(method, path, body as Stored)
      if (faults.loseAnswers > 0) {
        faults.loseAnswers -= 1
        throw unreachable()
      }
      return answer as T
    },
    async metadata(path: string) {
      reach()
      const prefix = `${path.split('?')[0]}/`
      const items = [...objects]
        .filter(([key]) => key.startsWith(prefix) && !key.slice(prefix.length).includes('/'))
        .map(([, { metadata = {} }]) => ({ metadata: structuredClone(metadata) }))
      return { items }
    },
    async patch<T>(path: string, body: unknown) {
      reach()
      const found = objects.get(path)
      if (!found) throw failed({ code: 'not-found', message: `${path}: not found` })
      // A resourceVersion in the patch is a condition, as in the real one: `write` compares it.
      return write('PUT', path, mergePatch(found, body) as Stored) as T
    },
    async apply() {
      throw new Error('no server-side apply here')
    },
    async forward() {
      throw new Error('no pods here')
    },
    async open() {
      reach()
      const headers = { date: new Date(time()).toUTCString() }
      return Object.assign(new PassThrough(), {
        headers,
        statusCode: 200,
      }) as unknown as IncomingMessage
    },
  }
}
