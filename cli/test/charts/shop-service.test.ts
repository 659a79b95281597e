import { describe, expect, it } from 'vitest'
import { edgeOf, names, pick, renderService, serviceValues } from './helm.ts'

const labels = {
  'app.kubernetes.io/name': 'order',
  'app.kubernetes.io/part-of': 'shop',
  'app.kubernetes.io/managed-by': 'Helm',
}

it.each(['order', 'inventory', 'payment', 'notification'])(
  'what both slots of %s share are its Services and the rights of its pods',
  async (service) => {
    expect(names(await renderService(service))).toEqual([
      `Role/${service}`,
      `RoleBinding/${service}`,
      `Service/${service}`,
      `Service/${service}-preview`,
      `ServiceAccount/${service}`,
      `ServiceAccount/${service}-operator`,
    ])
  },
)

describe('the Services', () => {
  it.each([
    ['order', 'http'],
    ['order-preview', 'preview'],
  ])('%s has no selector, so that helm never moves it', async (name, targetPort) => {
    const service = pick(await renderService('order'), 'Service', name)
    expect(service.spec).toEqual({
      type: 'ClusterIP',
      ports: [{ name: 'http', port: 80, targetPort }],
    })
  })

  it.each([
    ['order', 'stable'],
    ['order-preview', 'preview'],
  ])('%s says that it is the %s pointer', async (name, pointer) => {
    const service = pick(await renderService('order'), 'Service', name)
    expect(service.metadata.labels).toEqual({ ...labels, 'shopctl.dev/pointer': pointer })
  })

  it('lead to ports by name or by number', async () => {
    const values = serviceValues('order', { ports: { stable: 3000, preview: 'web' } })
    const objects = await renderService('order', values)
    expect(pick(objects, 'Service', 'order').spec).toMatchObject({ ports: [{ targetPort: 3000 }] })
    expect(pick(objects, 'Service', 'order-preview').spec).toMatchObject({
      ports: [{ targetPort: 'web' }],
    })
  })

  it.each([
    ['local', 'order', 'http', 30080],
    ['local', 'order-preview', 'preview', 30081],
    ['test', 'order', 'http', 31080],
    ['test', 'order-preview', 'preview', 31081],
  ])(
    'in %s %s is at the edge: its port %s on %i',
    async (environment, name, targetPort, nodePort) => {
      const values = { ...serviceValues('order'), ...edgeOf(`${environment}/order.yaml`) }
      const objects = await renderService('order', values)
      expect(pick(objects, 'Service', name).spec).toEqual({
        type: 'NodePort',
        ports: [{ name: 'http', port: 80, targetPort, nodePort }],
      })
    },
  )

  it('are all that a pod may read', async () => {
    const role = pick(await renderService('order'), 'Role', 'order')
    expect(role.rules).toEqual([
      {
        apiGroups: [''],
        resources: ['services'],
        resourceNames: ['order', 'order-preview'],
        verbs: ['get', 'list', 'watch'],
      },
    ])
  })
})

it('the operator has no rights, and no pod gets its token', async () => {
  const objects = await renderService('order')
  const operator = pick(objects, 'ServiceAccount', 'order-operator')
  expect(operator.automountServiceAccountToken).toBe(false)
  const { subjects } = pick(objects, 'RoleBinding', 'order')
  expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'order', namespace: 'shop' }])
})

describe('a service of another system', () => {
  // Plain YAML reads the first three as false, true and nothing.
  it.each(['no', 'y', 'null', 'ledger'])('may be named %s', async (service) => {
    const objects = await renderService(service, serviceValues(service, { system: 'on' }))
    expect(pick(objects, 'Role', service).metadata.labels).toEqual({
      ...labels,
      'app.kubernetes.io/name': service,
      'app.kubernetes.io/part-of': 'on',
    })
  })

  it('may have values of its own, which only its slots get', async () => {
    const own = { ...serviceValues('ledger'), image: { tag: 'x' }, replicas: 'many' }
    await expect(renderService('ledger', own)).rejects.toThrow(
      /additional properties ('replicas', 'image'|'image', 'replicas') not allowed/,
    )
  })
})
