import { describe, expect, it } from 'vitest'
import { createSlotObjects } from '../../../src/adapters/kubernetes/slots.ts'
import { createFakeApi } from '../../fakes/kubernetes-api.ts'

const core = '/api/v1/namespaces/shop'
const path = '/apis/apps/v1/namespaces/shop/deployments/order-green'
const budget = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/order-green'
const green = { color: 'green', revision: 'b' } as const
const now = new Date('2026-01-01T12:00:00Z')

function empty() {
  const api = createFakeApi(Date.now)
  return { api, slots: createSlotObjects(api, 'shop', () => now) }
}

function withGreen(metadata: object = {}) {
  const { api, slots } = empty()
  const labels = { 'shopctl.dev/color': 'green', 'shopctl.dev/revision': 'b' }
  api.put(path, {
    metadata: { name: 'order-green', uid: 'u', ...metadata },
    spec: { replicas: 2, template: { metadata: { labels } } },
  })
  return { api, slots }
}

describe('deleting what is left of a slot', () => {
  it('removes the revision that was meant', async () => {
    const { api, slots } = withGreen()
    await slots.deleteRest('order', green)
    expect(api.changes).toEqual([`DELETE ${path}`])
  })

  it('leaves another one alone that was deployed meanwhile', async () => {
    const { api, slots } = withGreen()
    const other = { color: 'green', revision: 'a' } as const
    for (const attempt of [slots.deleteRest('order', other), slots.checkRevision('order', other)]) {
      await expect(attempt).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('order green'),
      })
    }
    expect(api.changes).toEqual([])
  })

  it('has nothing to do when it is gone, or going', async () => {
    const { api, slots } = withGreen({ deletionTimestamp: now.toISOString() })
    const blue = { color: 'blue', revision: 'a' } as const
    await slots.checkRevision('order', blue)
    await slots.deleteRest('order', blue)
    await slots.deleteRest('order', green)
    expect(api.changes).toEqual([])
  })
})

describe('pointing a Service', () => {
  function withService() {
    const { api, slots } = empty()
    api.put(`${core}/services/order`, {
      metadata: { name: 'order', annotations: { 'shopctl.dev/release': 'r-1' } },
      spec: { ports: [{ port: 80 }] },
    })
    const move = { service: 'order', which: 'stable', resourceVersion: '1', release: null } as const
    return { api, slots, move, service: () => api.objects.get(`${core}/services/order`) }
  }

  it('writes the selector and the release, and says the new version', async () => {
    const { slots, move, service } = withService()
    expect(await slots.point({ ...move, to: green, release: 'r-2' })).toBe('2')
    expect(service()).toMatchObject({
      metadata: { annotations: { 'shopctl.dev/release': 'r-2' } },
      spec: {
        selector: {
          'app.kubernetes.io/name': 'order',
          'shopctl.dev/color': 'green',
          'shopctl.dev/revision': 'b',
        },
        ports: [{ port: 80 }],
      },
    })
  })

  it('to nowhere selects a color that no pod has, and keeps the release', async () => {
    const { slots, move, service } = withService()
    await slots.point({ ...move, to: null })
    expect(service()).toMatchObject({
      metadata: { annotations: { 'shopctl.dev/release': 'r-1' } },
      spec: {
        selector: {
          'app.kubernetes.io/name': 'order',
          'shopctl.dev/color': 'none',
          'shopctl.dev/revision': 'none',
        },
      },
    })
  })

  it('is a conflict when it was changed since', async () => {
    const { api, slots, move } = withService()
    await slots.point({ ...move, to: green })
    await expect(slots.point({ ...move, to: null })).rejects.toMatchObject({ code: 'conflict' })
    expect(api.changes).toHaveLength(1)
  })

  it('takes the preview Service by its name', async () => {
    const { api, slots, move } = withService()
    api.put(`${core}/services/order-preview`, { metadata: { name: 'order-preview' } })
    await slots.point({ ...move, which: 'preview', to: green, resourceVersion: '2' })
    expect(api.changes).toEqual([`APPLY ${core}/services/order-preview`])
  })
})

describe('the migration Job of an earlier deploy', () => {
  const job = '/apis/batch/v1/namespaces/shop/jobs/order-green-migrate'
  it('is deleted with its pods', async () => {
    const { api, slots } = empty()
    api.put(job, { metadata: { name: 'order-green-migrate' } })
    await slots.deleteJob('order', 'green')
    expect(api.changes).toEqual([`DELETE ${job}`])
  })

  it('need not be there', async () => {
    const { api, slots } = empty()
    await slots.deleteJob('order', 'green')
    expect(api.changes).toEqual([])
  })
})

describe('a slot belongs elsewhere', () => {
  const release = (name: string) => ({ annotations: { 'meta.helm.sh/release-name': name } })
  it.each<[string, object, boolean]>([
    ['not when nothing is there', {}, false],
    ['not when it is of its own release', { [path]: release('order-green') }, false],
    ['when it is of the release of the whole service', { [path]: release('order') }, true],
    ['when it is of no release', { [path]: {} }, true],
    ['when only its budget is left', { [budget]: release('order') }, true],
    ['when its budget is', { [path]: release('order-green'), [budget]: {} }, true],
  ])('%s', async (_, objects, expected) => {
    const { api, slots } = empty()
    for (const [where, metadata] of Object.entries(objects)) api.put(where, { metadata })
    expect(await slots.belongsElsewhere('order', 'green')).toBe(expected)
  })
})

it('a restart replaces the pods, new ones first, and keeps the slot', async () => {
  const { api, slots } = withGreen()
  await slots.restart('order', 'green')
  expect(api.objects.get(path)).toMatchObject({
    spec: {
      replicas: 2,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { 'shopctl.dev/color': 'green', 'shopctl.dev/revision': 'b' },
          annotations: { 'shopctl.dev/restarted-at': '2026-01-01T12:00:00.000Z' },
        },
      },
    },
  })
})
