// Pods as they run and end.
import { beforeEach, describe, expect, it } from 'vitest'
import { createPods } from '../../../src/adapters/kubernetes/pods.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const pods = '/api/v1/namespaces/shop/pods'
const { signal } = new AbortController()
const id = { service: 'order', color: 'blue', revision: 'a' } as const
const waiting = { timeoutMs: 2_000, signal }
let api: FakeApi

beforeEach(() => {
  api = createFakeApi(Date.now)
})

const labels = {
  'app.kubernetes.io/name': 'order',
  'shopctl.dev/color': 'blue',
  'shopctl.dev/revision': 'a',
}

function put(name: string, states: (number | 'runs')[], more: object = {}) {
  const containerStatuses = states.map((state) => ({
    state: state === 'runs' ? { running: {} } : { terminated: { exitCode: state } },
  }))
  api.put(`${pods}/${name}`, { metadata: { name, labels, ...more }, status: { containerStatuses } })
}

function end(names: string[], timeoutMs = waiting.timeoutMs) {
  return createPods(api, 'shop', {}).awaitEnd(id, names, { timeoutMs, signal })
}

describe('the end of pods', () => {
  it('is known at once when they no longer exist, but without an exit code', async () => {
    expect(await end(['a-0', 'a-1'])).toEqual([
      { pod: 'a-0', exitCode: null },
      { pod: 'a-1', exitCode: null },
    ])
  })

  it('is awaited, with the last exit code that was seen', async () => {
    put('a-0', ['runs'])
    put('a-1', ['runs'])
    const ended = end(['a-0', 'a-1'])
    await new Promise((resolve) => setTimeout(resolve, 20))
    put('a-0', [0])
    put('a-1', [137])
    api.remove(`${pods}/a-0`)
    api.remove(`${pods}/a-1`)
    expect(await ended).toEqual([
      { pod: 'a-0', exitCode: 0 },
      { pod: 'a-1', exitCode: 137 },
    ])
  })

  it('is that of the first container that ended badly, once all have ended', async () => {
    put('a-0', [0, 'runs'])
    const ended = end(['a-0'])
    await new Promise((resolve) => setTimeout(resolve, 20))
    put('a-0', [0, 143])
    api.remove(`${pods}/a-0`)
    expect(await ended).toEqual([{ pod: 'a-0', exitCode: 143 }])
  })

  it('of a pod that was deleted while a container ran is unknown', async () => {
    put('a-0', [0, 'runs'])
    const ended = end(['a-0'])
    await new Promise((resolve) => setTimeout(resolve, 20))
    api.remove(`${pods}/a-0`)
    expect(await ended).toEqual([{ pod: 'a-0', exitCode: null }])
  })

  it('has a time limit, after which a running pod has no exit code', async () => {
    put('a-1', ['runs'])
    expect(await end(['a-1'], 50)).toEqual([{ pod: 'a-1', exitCode: null }])
  })

  it('is that of a pod that was evicted, although it is never deleted', async () => {
    const metadata = { name: 'a-0', labels }
    const containerStatuses = [{ state: { terminated: { exitCode: 137 } } }]
    api.put(`${pods}/a-0`, { metadata, status: { phase: 'Failed', containerStatuses } })
    expect(await end(['a-0'], 60_000)).toEqual([{ pod: 'a-0', exitCode: 137 }])
  })

  it('does not wait for the pods that replaced them', async () => {
    put('new-0', ['runs'])
    expect(await end(['a-0'])).toEqual([{ pod: 'a-0', exitCode: null }])
  })
})

/** A pod as a ReplicaSet makes it, or as something else does. */
const byReplicaSet = { ownerReferences: [{ kind: 'ReplicaSet', controller: true }] }

describe('the pods of a slot', () => {
  const putPod = (name: string, status: object = {}, more: object = {}): void =>
    api.put(`${pods}/${name}`, {
      metadata: { name, labels, ...byReplicaSet, ...more },
      status: { phase: 'Running', ...status },
    })
  const deleted = { deletionTimestamp: '2026-01-01T12:00:00Z' }
  const list = () => createPods(api, 'shop', {}).list('order', id)
  const selected = () => createPods(api, 'shop', {}).selected('order', id)

  beforeEach(() => putPod('a-0'))

  const others: [string, object, object?][] = [
    ['was ended by its deadline', { phase: 'Failed', reason: 'DeadlineExceeded' }],
    ['was evicted', { phase: 'Failed', reason: 'Evicted' }],
    ['has run to its end', { phase: 'Succeeded' }],
    ['is being deleted', {}, deleted],
    ['was on a node that is gone', { phase: 'Unknown', reason: 'NodeLost' }],
    ['does not run yet', { phase: 'Pending' }],
    ['is of another revision', {}, { labels: { ...labels, 'shopctl.dev/revision': 'b' } }],
    ['is of the other color', {}, { labels: { ...labels, 'shopctl.dev/color': 'green' } }],
    ['is a copy made by kubectl debug', {}, { ownerReferences: undefined }],
    ['is of a Job', {}, { ownerReferences: [{ kind: 'Job', controller: true }] }],
  ]
  it.each(others)('do not include one that %s', async (_, status, more) => {
    putPod('x-0', status, more)
    expect(await list()).toEqual(['a-0'])
  })

  it('include one that is not ready', async () => {
    putPod('x-0', { conditions: [{ type: 'Ready', status: 'False' }] })
    expect(await list()).toEqual(['a-0', 'x-0'])
  })

  it('are not all that its Service may route to', async () => {
    putPod('copy', {}, { ownerReferences: undefined })
    putPod('ended', { phase: 'Failed' })
    expect(await selected()).toEqual(['a-0', 'copy'])
  })

  it.each(others.slice(0, 4))(
    'in a rollout do not include one that %s',
    async (_, status, more) => {
      putPod('x-0', status, more)
      const names = await createPods(api, 'shop', {}).awaitRollout(
        id,
        ({ pods }) => pods.map(({ name }) => name),
        waiting,
      )
      expect(names).toEqual(['a-0'])
    },
  )
})

it.each([
  ['True', null],
  ['False', '2026-01-01T12:00:00Z'],
])(
  'a Deployment whose condition Available is %s is unavailable since %s',
  async (status, since) => {
    const condition = { type: 'Available', status, lastTransitionTime: '2026-01-01T12:00:00Z' }
    api.put('/apis/apps/v1/namespaces/shop/deployments/order-blue', {
      metadata: { name: 'order-blue' },
      status: { conditions: [condition] },
    })
    const { unavailableSince } = await createPods(api, 'shop', {}).rollout({
      ...{ service: 'order', color: 'blue', revision: 'a' },
    })
    expect(unavailableSince).toBe(since)
  },
)

describe('the report of a pod', () => {
  const management = { port: 9090, role: '/role' }
  const fields = { role: 'live', consuming: true, consumers: 1, inFlight: 0 }
  const login = { state: 'refused', problem: 'database: password authentication failed' }

  function reporting(path: string, report: object) {
    api.put(`${pods}/a-0:9090/proxy${path}`, report)
    const service = aFullConfig().services.order
    if (!service) throw new Error('no service')
    return createPods(api, 'shop', { order: { ...service, management } })
  }

  it('has its logins, with those of the preview plane', async () => {
    const preview = { ...fields, login: { state: 'ok', problem: null, at: 'now' } }
    const { report } = reporting('/role', { ...fields, login, preview })
    expect(await report('order', 'a-0')).toMatchObject({
      role: 'live',
      login,
      preview: { login: { state: 'ok', problem: null } },
    })
  })

  it.each([
    ['none', {}],
    ['null', { login: null }],
    ['an unknown state', { login: { state: 'fine', problem: null } }],
    ['no object', { login: 'ok' }],
  ])('has no login where the pod reports %s', async (_, more) => {
    const { report } = reporting('/role', { ...fields, ...more })
    expect(await report('order', 'a-0')).toMatchObject({ role: 'live', login: null })
  })

  const handled = {
    ...{ epoch: 7, messages: 2 },
    ...{ firstAt: '2026-01-31T12:00:00.123Z', lastAt: '2026-01-31T12:00:01.456Z' },
  }
  it.each([
    ['all', { handled }, handled],
    ['none', {}, undefined],
    ['null', { handled: null }, undefined],
    ['a time that is none', { handled: { ...handled, lastAt: 'now' } }, undefined],
    ['no number', { handled: { ...handled, messages: '2' } }, undefined],
  ])('has what it has handled where the pod reports %s', async (_, more, expected) => {
    const { report } = reporting('/role', { ...fields, ...more })
    expect((await report('order', 'a-0'))?.handled).toEqual(expected)
  })

  it.each([
    ['5', { connections: 5 }, 5],
    ['none', { connections: 0 }, 0],
    ['nothing of them', {}, null],
    ['a text', { connections: 'many' }, null],
  ])('has open connections where the pod reports %s', async (_, more, connections) => {
    const preview = { ...fields, connections: 1 }
    const { report } = reporting('/role', { ...fields, ...more, preview })
    expect(await report('order', 'a-0')).toMatchObject({ connections, preview: { connections: 1 } })
  })

  it('tries new logins only on request', async () => {
    const { report } = reporting('/role', { ...fields, login })
    await report('order', 'a-0')
    await report('order', 'a-0', { login: 'now' })
    const path = `GET ${pods}/a-0:9090/proxy/role`
    expect(api.requests).toEqual([path, `${path}?login=now`])
  })
})

describe('what this user may not read', () => {
  const denying = (denied: string) => {
    const may = api.get
    api.get = async (path) => {
      if (path.split('?')[0]?.endsWith(denied)) throw api.errorOf(403, 'GET', path, '{}')
      return may(path)
    }
    return createPods(api, 'shop', {})
  }

  it('is said of the events, and the pods are shown', async () => {
    api.put(`${pods}/a-0`, { metadata: { name: 'a-0', labels, ...byReplicaSet } })
    const rollout = await denying('/events').rollout(id)
    expect(rollout.pods).toHaveLength(1)
    expect(rollout.unread).toMatch(/does not let you GET .*events/)
    expect(await createPods(api, 'shop', {}).dependency('rabbitmq')).toHaveProperty('unread')
  })

  it.each(['/pods', '/jobs'])('refuses the rollout where it is %s', async (denied) => {
    await expect(denying(denied).rollout(id)).rejects.toMatchObject({ code: 'not-allowed' })
  })

  it('refuses the log of a container, and one that it does not have is empty', async () => {
    const { logs } = createPods(api, 'shop', {})
    expect(await logs('a-0', 'order', { lines: 1, previous: false })).toBe('')
    const gone = 'unable to retrieve container logs for containerd://10943fcbb619090e5d4e'
    api.ask = async () => ({ status: 200, headers: {}, body: gone })
    expect(await logs('a-0', 'order', { lines: 1, previous: false })).toBe('')
    api.ask = async () => ({ status: 403, headers: {}, body: '{"message":"no"}' })
    const asked = logs('a-0', 'order', { lines: 1, previous: false })
    await expect(asked).rejects.toMatchObject({ code: 'not-allowed' })
  })
})

it('the pods of a dependency are those of its StatefulSet', async () => {
  const set = '/apis/apps/v1/namespaces/shop/statefulsets/rabbitmq'
  api.put(set, { metadata: { name: 'rabbitmq', uid: 'set' }, spec: { replicas: 2 } })
  const ownerReferences = [{ kind: 'StatefulSet', uid: 'set' }]
  api.put(`${pods}/rabbitmq-0`, { metadata: { name: 'rabbitmq-0', ownerReferences } })
  api.put(`${pods}/a-0`, { metadata: { name: 'a-0', labels, ...byReplicaSet } })
  const about = { kind: 'StatefulSet', name: 'rabbitmq', uid: 'set' }
  api.put('/api/v1/namespaces/shop/events/e', {
    ...{ involvedObject: about, type: 'Warning', reason: 'FailedCreate', message: 'quota' },
  })
  const found = await createPods(api, 'shop', {}).dependency('rabbitmq')
  expect(found.pods.map(({ name, ready }) => [name, ready])).toEqual([['rabbitmq-0', false]])
  expect(found.complaints).toEqual([{ reason: 'FailedCreate', message: 'quota' }])
  expect(found).not.toHaveProperty('unread')
})
