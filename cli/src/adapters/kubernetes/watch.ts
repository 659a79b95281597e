// Waits for objects: lists and watches them, and judges them at every change.
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../../errors.ts'
import type { WaitOptions } from '../../release/ports/cluster.ts'
import { isDenied, type KubernetesApi } from './api.ts'

export interface KubernetesObject {
  metadata?: { name?: string; resourceVersion?: string }
}

/** Of a collection, with its selectors as query. */
export type Path = string | { path: string; optional: boolean }

interface List {
  metadata?: { resourceVersion?: string }
  items: KubernetesObject[]
}

const retryMs = 200
/** The API server ends every watch after this time, and a new one starts. */
const watchSeconds = 20
/** A watch that should have ended: nobody answers at the other side. */
const silenceMs = (watchSeconds + 5) * 1000
/** Time changes what a judge says. */
const tickMs = 1_000

/** `path` is a collection with its selectors as query. At every change, `seen` gets all its objects. Throws when denied. */
async function follow(
  api: KubernetesApi,
  path: string,
  seen: (objects: Map<string, KubernetesObject>) => void,
  signal: AbortSignal,
): Promise<void> {
  const joined = path.includes('?') ? '&' : '?'
  while (!signal.aborted) {
    try {
      const list = await api.get<List>(path)
      const objects = new Map((list?.items ?? []).map((item) => [item.metadata?.name ?? '', item]))
      seen(objects)
      const from = list?.metadata?.resourceVersion ?? ''
      const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${watchSeconds}&resourceVersion=${from}`
      const response = await api.open({
        method: 'GET',
        path: `${path}${joined}${query}`,
        signal,
      })
      if (!(await read(api, path, response, objects, seen))) await sleep(retryMs)
    } catch (error) {
      if (signal.aborted) return
      if (isDenied(error)) throw error
      // The API server may be unreachable for a moment. The caller has a time limit.
      await sleep(retryMs)
    }
  }
}

/** Applies the events of a watch to `objects`. Returns whether it ended in order. */
async function read(
  api: KubernetesApi,
  path: string,
  response: IncomingMessage,
  objects: Map<string, KubernetesObject>,
  seen: (objects: Map<string, KubernetesObject>) => void,
): Promise<boolean> {
  response.setTimeout(silenceMs, () => response.destroy(new Error('the watch is silent')))
  try {
    const status = response.statusCode ?? 0
    if (status !== 200) throw api.errorOf(status, 'GET', path, await text(response))
    const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
    for await (const line of lines) {
      const { type, object } = JSON.parse(line) as { type: string; object: KubernetesObject }
      // 410: the version of the list is too old.
      if (type === 'ERROR') return false
      if (type === 'BOOKMARK') continue
      const name = object.metadata?.name ?? ''
      if (type === 'DELETED') objects.delete(name)
      else objects.set(name, object)
      seen(objects)
    }
    return true
  } finally {
    response.destroy()
  }
}

/**
 * Calls `judge` with the objects of all `paths` at every change and every second, until it answers. null when the time is
 * up. What is optional counts as empty until it is read, and when the user may not read it.
 */
export async function awaitObjects<T>(
  api: KubernetesApi,
  paths: readonly Path[],
  judge: (collections: KubernetesObject[][]) => T | null,
  { timeoutMs, signal }: WaitOptions,
): Promise<T | null> {
  if (signal.aborted) throw interrupted()
  const done = new AbortController()
  const collections: (Map<string, KubernetesObject> | null)[] = paths.map((each) =>
    typeof each === 'string' ? null : new Map(),
  )
  const verdict = new Promise<T | null>((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), Math.max(0, timeoutMs))
    const stop = (): void => reject(interrupted())
    signal.addEventListener('abort', stop, { once: true })
    done.signal.addEventListener('abort', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    })
    const look = (): void => {
      const known = collections.flatMap((each) => (each ? [[...each.values()]] : []))
      if (known.length < paths.length || done.signal.aborted) return
      try {
        const answer = judge(known)
        if (answer !== null) resolve(answer)
      } catch (error) {
        reject(error)
      }
    }
    const tick = setInterval(look, tickMs)
    done.signal.addEventListener('abort', () => clearInterval(tick))
    paths.forEach((each, index) => {
      const seen = (objects: Map<string, KubernetesObject>): void => {
        collections[index] = objects
        look()
      }
      const { path, optional } = typeof each === 'string' ? { path: each, optional: false } : each
      follow(api, path, seen, done.signal).catch((error) => {
        if (!optional || !isDenied(error)) reject(error)
      })
    })
  })
  try {
    return await verdict
  } finally {
    done.abort()
  }
}
