// Which Deployments and Services of a namespace are slots and pointers, and which are not.
import { beforeEach, expect, it } from 'vitest'
import { createObserver } from '../../../src/adapters/kubernetes/observer.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const core = '/api/v1/namespaces/shop'
const deployments = '/apis/apps/v1/namespaces/shop/deployments'
const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles'
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
let api: FakeApi

beforeEach(() => {
  api = createFakeApi(Date.now)
})

function observer() {
  return createObserver(api, 'shop', ['order', 'payment'])
}

function marks(service: string, color: string, revision = 'a') {
  return {
    'app.kubernetes.io/name': service,
    'shopctl.dev/color': color,
    'shopctl.dev/revision': revision,
  }
}

function putDeployment(
  name: string,
  labels: object,
  more: { annotations?: object; spec?: object } = {},
) {
  const { annotations, spec } = more
  const containers = [{ name: 'app', image: `registry/order@${digest}` }]
  api.put(`${deployments}/${name}`, {
    metadata: { name, generation: 1, ...(annotations && { annotations }) },
    spec: { replicas: 2, template: { metadata: { labels }, spec: { containers, ...spec } } },
    status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 },
  })
}

function putService(name: string, selector?: object) {
  api.put(`${core}/services/${name}`, { metadata: { name }, spec: selector ? { selector } : {} })
}

const nothing = { slots: { blue: null, green: null }, stable: null, preview: null }

it('nothing is there at first', async () => {
  expect(await observer().services()).toEqual({
    services: { order: nothing, payment: nothing },
    others: [],
    unlisted: [],
  })
  expect(await observer().pointer('order', 'stable')).toBeNull()
  expect(await observer().podTemplate('order', 'blue')).toBeNull()
  expect(await observer().accessRules('order')).toBeNull()
})

it('a slot of any chart has its digest for a version, and belongs to whom Helm says', async () => {
  putDeployment('order-blue', marks('order', 'blue'))
  putDeployment('order-green', marks('order', 'green', 'b'), {
    annotations: {
      'shopctl.dev/version': 'v2',
      'shopctl.dev/migrations': 'm',
      'meta.helm.sh/release-name': 'order',
      'helm.sh/resource-policy': 'keep',
    },
  })
  const { services } = await observer().services()
  const template: unknown = expect.stringMatching(/^[0-9a-f]{16}$/)
  expect(services.order?.slots).toEqual({
    blue: {
      ...{ color: 'blue', revision: 'a', digest, version: '0123456789ab', migrations: null },
      ...{ replicas: 2, ready: 2, helmRelease: null, kept: false, template },
      ...{ declared: null, autoscaler: null, settings: {} },
    },
    green: {
      ...{ color: 'green', revision: 'b', digest, version: 'v2', migrations: 'm' },
      ...{ replicas: 2, ready: 2, helmRelease: 'order', kept: true, template },
      ...{ declared: null, autoscaler: null, settings: {} },
    },
  })
  expect(services.payment).toEqual(nothing)
})

it('a slot has the autoscaler of its Deployment, whatever its name', async () => {
  putDeployment('order-blue', marks('order', 'blue'), {
    annotations: { 'shopctl.dev/replicas': '2' },
  })
  putDeployment('order-green', marks('order', 'green', 'b'))
  const autoscalers = '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers'
  const target = (kind: string, name: string) => ({ scaleTargetRef: { kind, name } })
  const annotations = { 'shopctl.dev/min-replicas': '3' }
  api.put(`${autoscalers}/by-hand`, {
    metadata: { name: 'by-hand', annotations },
    spec: { ...target('Deployment', 'order-blue'), minReplicas: 4, maxReplicas: 9 },
  })
  api.put(`${autoscalers}/order-green`, {
    metadata: { name: 'order-green' },
    spec: { ...target('StatefulSet', 'order-green'), maxReplicas: 9 },
  })
  const { services } = await observer().services()
  expect(services.order?.slots).toMatchObject({
    blue: { declared: 2, autoscaler: { min: 4, declaredMin: 3 } },
    green: { declared: null, autoscaler: null },
  })
})

it.each<[string, string, object]>([
  ['of another name', 'order-worker', marks('order', 'blue')],
  ['named as the other color', 'order-green', marks('order', 'blue')],
  ['of a service that is not ours', 'ledger-blue', marks('ledger', 'blue')],
  ['whose pods are of another service', 'order-blue', marks('payment', 'blue')],
  ['without a color', 'order-blue', { 'app.kubernetes.io/name': 'order' }],
  ['without labels', 'order-blue', {}],
])('a Deployment %s is no slot', async (_, name, labels) => {
  putDeployment(name, labels)
  const { services } = await observer().services()
  expect(services).toEqual({ order: nothing, payment: nothing })
})

it('a service whose name begins as that of another has slots of its own', async () => {
  api.put(`${deployments}/order-api-blue`, {
    metadata: { name: 'order-api-blue' },
    spec: {
      template: { metadata: { labels: marks('order-api', 'blue') }, spec: { containers: [] } },
    },
  })
  const { services } = await createObserver(api, 'shop', ['order', 'order-api']).services()
  expect(services['order-api']?.slots.blue).toMatchObject({ color: 'blue', digest: '' })
  expect(services.order).toEqual(nothing)
})

it('the pointers are the Services of the two names; all else are others', async () => {
  putService('order', marks('order', 'blue'))
  putService('order-preview')
  putService('payment', { 'app.kubernetes.io/name': 'payment' })
  putService('postgres', { app: 'postgres' })
  putService('outside')
  const { services, others } = await observer().services()
  expect(services.order).toMatchObject({
    stable: { target: { color: 'blue', revision: 'a' }, resourceVersion: '1', release: null },
    preview: { target: null },
  })
  expect(services.payment).toMatchObject({ stable: { target: null }, preview: null })
  expect(others).toEqual([
    { name: 'postgres', selector: { app: 'postgres' } },
    { name: 'outside', selector: {} },
  ])
  expect(await observer().pointer('order', 'stable')).toEqual(services.order?.stable)
})

it('a template says ports and account, a Role what the pods may do', async () => {
  const spec = {
    serviceAccountName: 'order',
    containers: [
      { name: 'app', ports: [{ name: 'http', containerPort: 8080 }] },
      { name: 'proxy', ports: [{ containerPort: 9901 }] },
      { name: 'silent' },
    ],
  }
  putDeployment('order-green', marks('order', 'green'), { spec })
  const rules = [{ apiGroups: [''], resources: ['services'], verbs: ['get'] }]
  api.put(`${roles}/order`, { metadata: { name: 'order' }, rules })
  expect(await observer().podTemplate('order', 'green')).toEqual({
    ports: [
      { name: 'http', number: 8080 },
      { name: null, number: 9901 },
    ],
    serviceAccount: 'order',
    labels: marks('order', 'green'),
  })
  expect(await observer().accessRules('order')).toEqual(rules)
})

it('slots of services that are not listed are named, and other Deployments are not', async () => {
  putDeployment('order-blue', marks('order', 'blue'))
  putDeployment('billing-green', marks('billing', 'green'), {
    annotations: { 'shopctl.dev/version': '6c9086eb' },
  })
  putDeployment('billing-copy', marks('billing', 'blue'))
  putDeployment('grafana', { 'app.kubernetes.io/name': 'grafana' })
  expect((await observer().services()).unlisted).toEqual([
    { service: 'billing', color: 'green', version: '6c9086eb' },
  ])
})
