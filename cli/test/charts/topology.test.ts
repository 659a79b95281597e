import { describe, expect, it } from 'vitest'
import { pick, type RenderInput, render } from './helm.ts'

function install(values: RenderInput['values'] = {}) {
  return render({ chart: 'rabbitmq', release: 'rabbitmq', files: ['rabbitmq.yaml'], values })
}

type Entry = Record<string, unknown>

async function topology(): Promise<Record<string, Entry[]>> {
  const { data } = pick(await install(), 'ConfigMap', 'rabbitmq-topology')
  return JSON.parse((data as Record<string, string>)['topology.json'] ?? '')
}

const services = ['inventory', 'notification', 'order', 'payment']

describe.each([
  ['live', '/', ''],
  ['preview', 'preview', '_preview'],
])('the topology of the %s plane', (_, vhost, suffix) => {
  const of = async (kind: string): Promise<Entry[]> =>
    ((await topology())[kind] ?? []).filter((entry) => entry.vhost === vhost)

  it('is a virtual host with an exchange for events and one for what is rejected', async () => {
    expect((await topology()).vhosts).toContainEqual({ name: vhost })
    expect(await of('exchanges')).toEqual(
      ['shop.events', 'shop.dead'].map((name) =>
        expect.objectContaining({ name, type: 'topic', durable: true }),
      ),
    )
  })

  it('has two quorum queues for each service, all else being policies', async () => {
    const names = services.flatMap((service) => [service, `${service}.dead`])
    expect(await of('queues')).toEqual(
      names.map((name) =>
        expect.objectContaining({ name, durable: true, arguments: { 'x-queue-type': 'quorum' } }),
      ),
    )
  })

  it.each([
    [
      'inventory',
      ['order.placed.v1', 'order.placed.v2', 'order.confirmed.v1', 'order.cancelled.v1'],
    ],
    [
      'payment',
      [
        'payment.requested.v1',
        'stock.reserved.v1',
        'stock.reserved.v2',
        'order.cancelled.v1',
        'order.rejected.v1',
      ],
    ],
    [
      'order',
      [
        'stock.reserved.v1',
        'stock.reserved.v2',
        'stock.rejected.v1',
        'payment.captured.v1',
        'payment.declined.v1',
        'reservation.expired.v1',
      ],
    ],
    ['notification', ['order.confirmed.v1', 'order.cancelled.v1', 'order.rejected.v1']],
  ])('routes to %s what it consumes and its own retries', async (queue, types) => {
    const bindings = (await of('bindings')).filter(({ destination }) => destination === queue)
    expect(bindings.map((binding) => binding.routing_key)).toEqual([...types, `retry.${queue}`])
    expect(new Set(bindings.map((binding) => binding.source))).toEqual(new Set(['shop.events']))
  })

  it.each(services)('keeps what %s rejects', async (service) => {
    expect(await of('policies')).toContainEqual({
      vhost,
      name: service,
      pattern: `^${service}$`,
      'apply-to': 'quorum_queues',
      priority: 0,
      definition: {
        'delivery-limit': -1,
        'dead-letter-exchange': 'shop.dead',
        'dead-letter-routing-key': service,
        'dead-letter-strategy': 'at-least-once',
        overflow: 'reject-publish',
      },
    })
    const dead = (await of('bindings')).filter((each) => each.destination === `${service}.dead`)
    expect(dead).toEqual([
      expect.objectContaining({ source: 'shop.dead', routing_key: service, arguments: {} }),
    ])
  })

  it('gives nothing up after many deliveries', async () => {
    const limits = (await of('policies')).map(({ definition }) => definition as Entry)
    expect(limits.map((definition) => definition['delivery-limit'])).toEqual([-1, -1, -1, -1, -1])
  })

  it('lets a service publish, read its own two queues and declare nothing, and only here', async () => {
    const all = (await topology()).permissions ?? []
    for (const service of services) {
      expect(all.filter(({ user }) => user === `${service}${suffix}`)).toEqual([
        {
          vhost,
          user: `${service}${suffix}`,
          configure: '^$',
          write: '^shop\\.events$',
          read: `^(${service}|${service}\\.dead)$`,
        },
      ])
    }
    expect(await of('permissions')).toHaveLength(services.length + 1)
  })
})

describe('the topology', () => {
  it('lets each user publish its own events and retries, and bind nothing', async () => {
    const { topic_permissions: keys } = await topology()
    expect(keys).toHaveLength(2 * services.length)
    expect(keys?.filter(({ user }) => String(user).startsWith('payment'))).toEqual(
      [
        { vhost: '/', user: 'payment' },
        { vhost: 'preview', user: 'payment_preview' },
      ].map((entry) => ({
        ...entry,
        exchange: 'shop.events',
        write: '^(retry\\.payment|payment\\.captured\\.v1|payment\\.declined\\.v1)$',
        read: '^$',
      })),
    )
  })

  it('names users, and never their passwords', async () => {
    const { users } = await topology()
    expect(users?.map(({ name }) => name)).toEqual([
      'admin',
      ...services,
      ...services.map((service) => `${service}_preview`),
    ])
    for (const user of users ?? []) expect(Object.keys(user)).toEqual(['name', 'tags'])
  })

  it('is declared by a Job after every install and upgrade, with passwords from a mounted Secret', async () => {
    const job = pick(await install({ nodes: 3 }), 'Job', 'rabbitmq-topology')
    expect(job.metadata.annotations).toMatchObject({
      'helm.sh/hook': 'post-install,post-upgrade',
      'helm.sh/hook-delete-policy': 'before-hook-creation',
    })
    expect(job.spec).toMatchObject({
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true },
          containers: [
            {
              command: ['node', '/etc/topology/declare.mts'],
              env: [{ name: 'NODES', value: '3' }],
              securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
            },
          ],
          volumes: expect.arrayContaining([
            { name: 'passwords', secret: { secretName: 'rabbitmq', defaultMode: 0o440 } },
          ]),
        },
      },
    })
  })
})
