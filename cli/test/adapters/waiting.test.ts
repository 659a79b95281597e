// Ctrl-C ends every wait; and what Helm's records say of its releases.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import type { KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createFoundations, unfinished } from '../../src/adapters/kubernetes/foundations.ts'
import { createWorkloads } from '../../src/adapters/kubernetes/workloads.ts'

/** Answers every list and every object with these, and lets every watch wait. */
function apiWith(objects: { items: object[] } & object): KubernetesApi {
  return {
    get: async <T>() => objects as T,
    send: async <T>() => ({}) as T,
    apply: async <T>() => ({}) as T,
    metadata: async () => null,
    patch: async <T>() => ({}) as T,
    open: () => new Promise<IncomingMessage>(() => {}),
    forward: () => new Promise<Duplex>(() => {}),
  }
}

const failedJob = { status: { conditions: [{ type: 'Failed', status: 'True' }] } }

it.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
  [
    'for a dependency',
    (signal) =>
      createFoundations(apiWith({ items: [] }), 'shop').awaitStatefulSet('rabbitmq', {
        timeoutMs: 60_000,
        signal,
      }),
  ],
  [
    'for a failed migration to be gone',
    (signal) =>
      createWorkloads(apiWith({ ...failedJob, items: [failedJob] }), 'shop').clearFailedJob(
        'order-migrate-1',
        signal,
      ),
  ],
])('Ctrl-C ends the wait %s', async (_, wait) => {
  const stop = new AbortController()
  const waiting = wait(stop.signal)
  setTimeout(() => stop.abort(), 20)
  await expect(waiting).rejects.toMatchObject({ exitCode: 130 })
})

function revision(name: string, version: number, status: string) {
  return {
    metadata: { labels: { owner: 'helm', name, version: String(version), status } },
  }
}

it.each<[string, object[], string[]]>([
  ['of one that was deployed is finished', [revision('order', 1, 'deployed')], []],
  ['that was killed is not', [revision('order', 1, 'pending-install')], ['order']],
  [
    'that failed is not, though one before it is deployed',
    [revision('order', 9, 'deployed'), revision('order', 10, 'failed')],
    ['order'],
  ],
  [
    'that failed is past after a good one',
    [revision('order', 2, 'failed'), revision('order', 3, 'deployed')],
    [],
  ],
  [
    'is told apart by its name',
    [revision('order', 1, 'pending-upgrade'), revision('payment', 7, 'deployed')],
    ['order'],
  ],
])('a Helm release %s', (_, secrets, expected) => {
  expect(unfinished(secrets)).toEqual(expected)
})
