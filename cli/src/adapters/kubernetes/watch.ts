// Waits for objects: lists and watches them, and judges them at every change.
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../../errors.ts'
import type { WaitOptions } from '../../release/ports/cluster.ts'
import { isDenied, type KubernetesApi } from './api.ts'

export interface KubernetesObject {
  metadata?: { name?: string; resourceVersion?: string }
}

interface List {
  metadata?: { resourceVersion?: string }
  items: KubernetesObject[]
}

const retryMs = 200
/** The API server ends every watch after this time and a new one starts, so a hanging watch does not last. */
const watchSeconds = 60

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
        timeoutMs: null,
        signal,
        retry: 'read',
      })
      const status = response.statusCode ?? 0
      if (status !== 200) throw api.errorOf(status, 'GET', path, await text(response))
      for await (const line of createInterface({
        input: response,
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        const { type, object } = JSON.parse(line) as { type: string; object: KubernetesObject }
        if (type === 'ERROR') break
        if (type === 'BOOKMARK') continue
        const name = object.metadata?.name ?? ''
        if (type === 'DELETED') objects.delete(name)
        else objects.set(name, object)
        seen(objects)
      }
    } catch (error) {
      if (signal.aborted) return
      if (isDenied(error)) throw error
      // The API server may be unreachable for a moment. The caller has a time limit.
      await sleep(retryMs)
    }
  }
}

/** Calls `judge` with the objects of all `paths` at every change, until it answers. null when the time is up. */
export async function awaitObjects<T>(
  api: KubernetesApi,
  paths: readonly string[],
  judge: (collections: KubernetesObject[][]) => T | null,
  { timeoutMs, signal }: WaitOptions,
): Promise<T | null> {
  if (signal.aborted) throw interrupted()
  const done = new AbortController()
  const collections: (Map<string, KubernetesObject> | null)[] = paths.map(() => null)
  const verdict = new Promise<T | null>((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), Math.max(0, timeoutMs))
    const stop = (): void => reject(interrupted())
    signal.addEventListener('abort', stop, { once: true })
    done.signal.addEventListener('abort', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    })
    paths.forEach((path, index) => {
      const seen = (objects: Map<string, KubernetesObject>): void => {
        collections[index] = objects
        const known = collections.flatMap((each) => (each ? [[...each.values()]] : []))
        if (known.length < paths.length) return
        try {
          const answer = judge(known)
          if (answer !== null) resolve(answer)
        } catch (error) {
          reject(error)
        }
      }
      follow(api, path, seen, done.signal).catch(reject)
    })
  })
  try {
    return await verdict
  } finally {
    done.abort()
  }
}
