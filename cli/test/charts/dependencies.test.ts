import { describe, expect, it } from 'vitest'
import { pick, type RenderInput, render } from './helm.ts'

const install = (chart: 'postgres' | 'rabbitmq', more: Partial<RenderInput> = {}) =>
  render({ chart, release: chart, files: [`${chart}.yaml`], ...more })

const topology = async (more: Partial<RenderInput> = {}) => {
  const { data } = pick(await install('rabbitmq', more), 'ConfigMap', 'rabbitmq')
  return JSON.parse((data as Record<string, string>)['topology.json'] ?? '')
}

describe.each(['postgres', 'rabbitmq'] as const)('%s', (chart) => {
  it('keeps its data in a volume and gets its passwords from a Secret, by reference', async () => {
    const rendering = await install(chart)
    expect(rendering.objects.filter((object) => object.kind === 'Secret')).toEqual([])
    expect(rendering.requests.filter((path) => path.includes('/secrets'))).toEqual([])
    expect(pick(rendering, 'StatefulSet', chart).spec).toMatchObject({
      replicas: 1,
      template: {
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 999, fsGroup: 999 },
          volumes: expect.arrayContaining([
            { name: 'passwords', secret: { secretName: chart, defaultMode: 0o440 } },
          ]),
        },
      },
      volumeClaimTemplates: [{ metadata: { name: 'data' } }],
    })
  })

  it('shows the passwords to the container that prepares, not to the one that serves', async () => {
    const { template } = pick(await install(chart), 'StatefulSet', chart).spec as {
      template: {
        spec: Record<'initContainers' | 'containers', { volumeMounts: { name: string }[] }[]>
      }
    }
    const mounts = (containers: { volumeMounts: { name: string }[] }[]) =>
      containers.flatMap((container) => container.volumeMounts.map((mount) => mount.name))
    expect(mounts(template.spec.initContainers)).toContain('passwords')
    expect(mounts(template.spec.containers)).not.toContain('passwords')
  })

  it('restarts for a changed declaration', async () => {
    const annotation = async (values: unknown) => {
      const { template } = pick(await install(chart, { values }), 'StatefulSet', chart).spec as {
        template: unknown
      }
      return JSON.stringify(template)
    }
    const changed = { postgres: { databases: ['order'] }, rabbitmq: { exchange: 'other.events' } }
    expect(await annotation({})).toBe(await annotation({}))
    expect(await annotation(changed[chart])).not.toBe(await annotation({}))
  })
})

describe('the topology of RabbitMQ', () => {
  it('is one durable topic exchange and a quorum queue for each service', async () => {
    const { exchanges, queues } = await topology()
    expect(exchanges).toEqual([
      expect.objectContaining({ name: 'shop.events', type: 'topic', durable: true }),
    ])
    expect(queues).toEqual(
      ['inventory', 'notification', 'order', 'payment'].map((name) =>
        expect.objectContaining({ name, durable: true, arguments: { 'x-queue-type': 'quorum' } }),
      ),
    )
  })

  it.each([
    ['inventory', ['order.placed.v1', 'order.cancelled.v1']],
    ['payment', ['stock.reserved.v1', 'order.cancelled.v1']],
    [
      'order',
      ['stock.reserved.v1', 'stock.rejected.v1', 'payment.captured.v1', 'payment.declined.v1'],
    ],
    ['notification', ['order.confirmed.v1', 'order.cancelled.v1', 'order.rejected.v1']],
  ])('routes to %s what it consumes', async (queue, keys) => {
    const { bindings } = (await topology()) as {
      bindings: { source: string; destination: string; routing_key: string }[]
    }
    const own = bindings.filter((binding) => binding.destination === queue)
    expect(own.map((binding) => binding.routing_key)).toEqual(keys)
    expect(new Set(own.map((binding) => binding.source))).toEqual(new Set(['shop.events']))
  })

  it('lets a service publish to the exchange, read its own queue and declare nothing', async () => {
    const { permissions } = await topology()
    expect(permissions).toContainEqual({
      vhost: '/',
      user: 'payment',
      configure: '^$',
      write: '^shop\\.events$',
      read: '^payment$',
    })
    expect(permissions).toHaveLength(5)
  })
})
