// Copies of Secrets and ConfigMaps: immutable, and deleted only when nothing names them.
import { describe, expect, it } from 'vitest'
import { createContents } from '../../../src/adapters/kubernetes/contents.ts'
import type { Copy } from '../../../src/release/ports/cluster.ts'
import { createFakeApi } from '../../fakes/kubernetes-api.ts'

const core = '/api/v1/namespaces/shop'
const name = 'order-blue-0123456789abcdef'
const copy: Copy = {
  ...{ kind: 'Secret', name, of: 'order', service: 'order', color: 'blue' },
  content: { data: { url: 'YQ==' } },
}

function empty() {
  const api = createFakeApi(Date.now)
  return { api, contents: createContents(api, 'shop') }
}

describe('reading', () => {
  it('keeps every byte, and has null where there is nothing', async () => {
    const { api, contents } = empty()
    api.put(`${core}/secrets/keystore`, { data: { jks: '/u3+7Q==' }, type: 'Opaque' })
    api.put(`${core}/configmaps/ca`, { data: { a: 'x' }, binaryData: { b: '/u3+7Q==' } })
    expect(await contents.read({ kind: 'Secret', name: 'keystore' })).toEqual({
      data: { jks: '/u3+7Q==' },
    })
    expect(await contents.read({ kind: 'ConfigMap', name: 'ca' })).toEqual({
      data: { a: 'x' },
      binaryData: { b: '/u3+7Q==' },
    })
    expect(await contents.read({ kind: 'ConfigMap', name: 'keystore' })).toBeNull()
  })
})

it('copies once, so that nobody can change it', async () => {
  const { api, contents } = empty()
  await contents.copy(copy)
  await contents.copy({ ...copy, content: { data: {} } })
  expect(api.objects.get(`${core}/secrets/${name}`)).toMatchObject({
    kind: 'Secret',
    immutable: true,
    data: { url: 'YQ==' },
    metadata: {
      labels: {
        'app.kubernetes.io/managed-by': 'shopctl',
        'app.kubernetes.io/name': 'order',
        'shopctl.dev/color': 'blue',
      },
      annotations: { 'shopctl.dev/copy-of': 'order' },
    },
  })
})

describe('sweeping', () => {
  const reference = { secretKeyRef: { name, key: 'url' } }
  const pod = { containers: [{ env: [{ valueFrom: reference }] }] }
  const users: [string, string, object][] = [
    ['a pod', `${core}/pods/a`, pod],
    ['a Deployment', '/apis/apps/v1/namespaces/shop/deployments/a', { template: { spec: pod } }],
    ['a ReplicaSet', '/apis/apps/v1/namespaces/shop/replicasets/a', { template: { spec: pod } }],
    ['a StatefulSet', '/apis/apps/v1/namespaces/shop/statefulsets/a', { template: { spec: pod } }],
    ['a DaemonSet', '/apis/apps/v1/namespaces/shop/daemonsets/a', { template: { spec: pod } }],
    ['a Job', '/apis/batch/v1/namespaces/shop/jobs/a', { template: { spec: pod } }],
    [
      'a CronJob',
      '/apis/batch/v1/namespaces/shop/cronjobs/a',
      { jobTemplate: { spec: { template: { spec: pod } } } },
    ],
    [
      'a projected volume',
      `${core}/pods/a`,
      { volumes: [{ projected: { sources: [{ secret: { name } }] } }] },
    ],
  ]
  it.each(users)('keeps what %s uses', async (_, path, spec) => {
    const { api, contents } = empty()
    await contents.copy(copy)
    api.put(path, { metadata: { name: 'a' }, spec })
    expect(await contents.sweep()).toEqual([
      { kind: 'Secret', name, service: 'order', color: 'blue' },
    ])
    api.put(path, { metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' }, spec })
    expect(await contents.sweep()).toEqual([])
    expect(api.objects.has(`${core}/secrets/${name}`)).toBe(false)
  })

  it('deletes copies of ConfigMaps too, and no object that is not a copy', async () => {
    const { api, contents } = empty()
    const labels = { 'app.kubernetes.io/managed-by': 'shopctl' }
    api.put(`${core}/secrets/order`, { metadata: { name: 'order', labels } })
    api.put(`${core}/configmaps/order`, { metadata: { name: 'order', labels } })
    await contents.copy({ ...copy, kind: 'ConfigMap' })
    await contents.sweep()
    expect([...api.objects.keys()]).toEqual([`${core}/secrets/order`, `${core}/configmaps/order`])
  })

  it('asks for nothing more when there is no copy', async () => {
    const { contents } = empty()
    expect(await contents.sweep()).toEqual([])
  })
})
