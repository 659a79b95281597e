// Ctrl-C ends every wait.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { errorOf, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createNamespace } from '../../../src/adapters/kubernetes/namespace.ts'
import { createPods } from '../../../src/adapters/kubernetes/pods.ts'
import type { Answer } from '../../../src/adapters/kubernetes/transport.ts'

/** Every list is empty, and no watch is answered. */
const api: KubernetesApi = {
  get: async <T>() => ({ items: [] }) as T,
  send: async <T>() => ({}) as T,
  apply: async <T>() => ({}) as T,
  metadata: async () => null,
  patch: async <T>() => ({}) as T,
  open: () => new Promise<IncomingMessage>(() => {}),
  ask: () => new Promise<Answer>(() => {}),
  errorOf,
  forward: () => new Promise<Duplex>(() => {}),
}
const slot = { service: 'order', color: 'green', revision: 'b' } as const
const timeoutMs = 60_000

it.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
  [
    'for a dependency',
    (signal) => createNamespace(api, 'shop').awaitStatefulSet('rabbitmq', { timeoutMs, signal }),
  ],
  [
    'for a slot and its migrations',
    (signal) => createPods(api, 'shop', {}).awaitRollout(slot, () => null, { timeoutMs, signal }),
  ],
  [
    'for endpoints',
    (signal) =>
      createPods(api, 'shop', {}).awaitEndpoints('order', 'stable', () => null, {
        timeoutMs,
        signal,
      }),
  ],
])('Ctrl-C ends the wait %s', async (_, wait) => {
  const stop = new AbortController()
  const waiting = wait(stop.signal)
  setTimeout(() => stop.abort(), 20)
  await expect(waiting).rejects.toMatchObject({ exitCode: 130 })
})
