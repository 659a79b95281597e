// A question to a pod, over an API server that is busy, silent or breaks off.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { connect } from '../../../src/adapters/kubernetes/api.ts'
import { askPod, type PodRequest } from '../../../src/adapters/kubernetes/ask-pod.ts'
import {
  type Behaviour,
  createServers,
  type Servers,
  writeKubeconfig,
} from '../../fakes/api-server.ts'

let servers: Servers

beforeAll(() => {
  servers = createServers()
})
afterEach(() => servers.stopAll())
afterAll(() => servers.remove())

const pod = { namespace: 'shop', pod: 'order-1', port: 9090, path: '/role' }

/** How many requests were sent, and the status of the answer. null: the pod does not answer. */
async function outcome(
  statuses: Behaviour[],
  request: Partial<PodRequest> = {},
): Promise<[number, number | null]> {
  const { port, requests } = await servers.serve(null, { statuses, retryAfter: '1' })
  const cluster = { server: `http://127.0.0.1:${port}` }
  const api = connect({ file: writeKubeconfig(servers.folder, cluster), context: null })
  const answer = await askPod(api, { ...pod, timeoutMs: 300, ...request })
  return [requests.length, answer?.status ?? null]
}

it.each<[string, Behaviour[], Partial<PodRequest>, [number, number | null]]>([
  ['waits as long as a busy API server asks, beyond its limit', [429], {}, [2, 200]],
  ['waits for 2 s at most', [429, 429, 429], {}, [3, null]],
  ['asks again after a reset', ['reset'], {}, [2, 200]],
  ['passes on an error of the pod', [500], {}, [1, 500]],
  ['takes silence as no answer', ['hang'], {}, [1, null]],
  ['takes silence in the middle as no answer', ['stall'], {}, [1, null]],
  ['takes an answer that breaks off as none', ['half'], {}, [1, null]],
  [
    'asks again after an answer that breaks off, where that is wanted',
    ['half'],
    { retry: true },
    [2, 200],
  ],
  ['writes once', ['reset'], { method: 'POST' }, [1, null]],
])('%s', async (_, statuses, request, expected) => {
  expect(await outcome(statuses, request)).toEqual(expected)
})

it('ends a pause at Ctrl-C', async () => {
  const signal = AbortSignal.timeout(100)
  await expect(outcome([429], { signal })).rejects.toMatchObject({ exitCode: 130 })
})
