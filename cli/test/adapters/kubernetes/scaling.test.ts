// The number of pods of a slot, with an autoscaler and without.
import { beforeEach, describe, expect, it } from 'vitest'
import { createScaling } from '../../../src/adapters/kubernetes/scaling.ts'
import { refused } from '../../../src/errors.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const deployment = '/apis/apps/v1/namespaces/shop/deployments/order-green'
const autoscaler = '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web'
const slot = { service: 'order', color: 'green' } as const
let api: FakeApi

beforeEach(() => {
  api = createFakeApi(Date.now)
  api.put(deployment, { metadata: { name: 'order-green' }, spec: { replicas: 2 } })
})

function putAutoscaler(minReplicas = 2, annotations?: object) {
  const scaleTargetRef = { kind: 'Deployment', name: 'order-green' }
  const metadata = { name: 'web', ...(annotations && { annotations }) }
  api.put(autoscaler, { metadata, spec: { scaleTargetRef, minReplicas, maxReplicas: 3 } })
}

function scaling() {
  return createScaling(api, 'shop')
}

describe('after a write', () => {
  it.each([
    [4, 4],
    [2, 2],
    [1, 2],
  ])('a slot has at least %i pods: %i', async (atLeast, replicas) => {
    await scaling().afterWrite({ ...slot, atLeast, declared: 2 })
    expect(api.objects.get(deployment)).toMatchObject({
      metadata: { annotations: { 'shopctl.dev/replicas': '2' } },
      spec: { replicas },
    })
  })

  it('a slot forgets a number that its values no longer say', async () => {
    await scaling().afterWrite({ ...slot, atLeast: 0, declared: 2 })
    await scaling().afterWrite({ ...slot, atLeast: 0, declared: null })
    expect(api.objects.get(deployment)?.metadata?.annotations).toEqual({})
  })

  it('pods that could not be created are tried again at once, each time', async () => {
    const retried = () =>
      api.objects.get(deployment)?.metadata?.annotations?.['shopctl.dev/retried']
    const write = () => scaling().afterWrite({ ...slot, atLeast: 0, declared: 2 })
    await write()
    expect(retried()).toBeUndefined()
    const conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }]
    api.put(deployment, { ...api.objects.get(deployment), status: { conditions } })
    await write()
    const first = retried()
    expect(first).toBeDefined()
    await write()
    expect(retried()).not.toBe(first)
  })

  it('the least of the autoscaler is raised, its maximum as well, and what the chart said is noted', async () => {
    putAutoscaler(2, { 'shopctl.dev/min-replicas': '9' })
    await scaling().afterWrite({ ...slot, atLeast: 4, declared: 2 })
    expect(api.objects.get(autoscaler)).toMatchObject({
      metadata: { annotations: { 'shopctl.dev/min-replicas': '2' } },
      spec: { minReplicas: 4, maxReplicas: 4 },
    })
    expect(api.objects.get(deployment)?.spec).toEqual({ replicas: 4 })
  })

  it('an autoscaler with a higher least keeps it', async () => {
    putAutoscaler(3)
    await scaling().afterWrite({ ...slot, atLeast: 2, declared: 2 })
    expect(api.objects.get(autoscaler)?.spec).toMatchObject({ minReplicas: 3, maxReplicas: 3 })
  })
})

describe('a scale', () => {
  const nothing = { ...slot, replicas: null, min: null, declared: null }

  it('changes the pods of a Deployment without an autoscaler', async () => {
    await scaling().scale({ ...nothing, replicas: 5, min: 5 })
    expect(api.objects.get(deployment)).toMatchObject({ spec: { replicas: 5 } })
  })

  it('leaves the pods to the autoscaler', async () => {
    putAutoscaler()
    await scaling().scale({ ...nothing, min: 3 })
    expect(api.objects.get(autoscaler)?.spec).toMatchObject({ minReplicas: 3, maxReplicas: 3 })
    expect(api.changes).toHaveLength(1)
  })

  it('notes the least that an autoscaler had which no chart made', async () => {
    putAutoscaler(1)
    for (const min of [3, 4]) await scaling().scale({ ...nothing, min })
    const annotations = { 'shopctl.dev/min-replicas': '1' }
    expect(api.objects.get(autoscaler)).toMatchObject({
      metadata: { annotations },
      spec: { minReplicas: 4 },
    })
  })

  it('notes what the values say now', async () => {
    putAutoscaler()
    await scaling().scale({ ...nothing, min: 3, declared: 3 })
    const annotations = { 'shopctl.dev/min-replicas': '3' }
    expect(api.objects.get(autoscaler)?.metadata?.annotations).toEqual(annotations)
    expect(api.objects.get(deployment)).toMatchObject({
      metadata: { annotations: { 'shopctl.dev/replicas': '3' } },
      spec: { replicas: 2 },
    })
  })

  it('is possible for an account that may not list autoscalers', async () => {
    const denied: FakeApi = {
      ...api,
      async get(path) {
        if (!path.includes('autoscalers')) return api.get(path)
        throw refused({ code: 'not-allowed', message: 'forbidden', hint: '' })
      },
    }
    await createScaling(denied, 'shop').scale({ ...nothing, replicas: 5, min: 5 })
    expect(api.objects.get(deployment)?.spec).toEqual({ replicas: 5 })
  })
})
