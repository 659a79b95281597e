import { describe, expect, it } from 'vitest'
import { serveStatefulSets } from './api-server.ts'
import { type KubernetesObject, pick, render } from './helm.ts'

interface Install {
  values?: unknown
  /** What the cluster has already. */
  cluster?: readonly KubernetesObject[]
}

/** Besides the objects, the paths that helm asked the cluster for. */
async function installAsking(chart: 'postgres' | 'rabbitmq', { values, cluster }: Install = {}) {
  const { url: server, requests, close } = await serveStatefulSets(cluster ?? [])
  try {
    const input = { chart, release: chart, files: [`${chart}.yaml`], values, server }
    return { objects: await render(input), requests }
  } finally {
    close()
  }
}

async function install(chart: 'postgres' | 'rabbitmq', more?: Install) {
  return (await installAsking(chart, more)).objects
}

describe.each(['postgres', 'rabbitmq'] as const)('%s', (chart) => {
  it('keeps its data in a volume and gets its passwords from a Secret, by reference', async () => {
    const { objects, requests } = await installAsking(chart)
    expect(objects.filter((object) => object.kind === 'Secret')).toEqual([])
    expect(requests.filter((path) => path.includes('/secrets'))).toEqual([])
    expect(pick(objects, 'StatefulSet', chart).spec).toMatchObject({
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
})

async function template(chart: 'postgres' | 'rabbitmq', values: unknown) {
  return JSON.stringify(
    (pick(await install(chart, { values }), 'StatefulSet', chart).spec as { template: unknown })
      .template,
  )
}

it('postgres restarts for another database, to make it', async () => {
  expect(await template('postgres', {})).toBe(await template('postgres', {}))
  expect(await template('postgres', { databases: ['order'] })).not.toBe(
    await template('postgres', {}),
  )
})

it('postgres lets the role for statistics into one database, which is of no service', async () => {
  const { data } = pick(await install('postgres'), 'ConfigMap', 'postgres') as unknown as {
    data: Record<string, string>
  }
  const rules = (data['pg_hba.conf'] ?? '').split('\n').map((line) => line.split(/\s+/))
  expect(rules.filter(([, , user]) => user === 'monitor')).toEqual([
    ['host', 'postgres', 'monitor', 'all', 'scram-sha-256'],
  ])
})

it('rabbitmq does not restart for another topology', async () => {
  const values = { exchange: 'other.events', services: { billing: ['order.confirmed.v1'] } }
  expect(await template('rabbitmq', values)).toBe(await template('rabbitmq', {}))
})

it('postgres has a database for each plane of each service', async () => {
  const names = ['order', 'inventory', 'payment', 'notification']
  const value = [...names, ...names.map((name) => `${name}_preview`)].join(' ')
  expect(await template('postgres', {})).toContain(JSON.stringify({ name: 'DATABASES', value }))
})

describe('rabbitmq with 3 nodes', () => {
  const three = (cluster: Install['cluster'] = []) =>
    install('rabbitmq', { values: { nodes: 3 }, cluster })
  const standing = (replicas: number, podManagementPolicy: string): KubernetesObject => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'rabbitmq',
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: {
        'meta.helm.sh/release-name': 'rabbitmq',
        'meta.helm.sh/release-namespace': 'shop',
      },
    },
    spec: { replicas, podManagementPolicy },
  })

  it('starts them together, each with the names of all', async () => {
    const rendering = await three()
    expect(pick(rendering, 'StatefulSet', 'rabbitmq').spec).toMatchObject({
      replicas: 3,
      podManagementPolicy: 'Parallel',
    })
    const { data } = pick(rendering, 'ConfigMap', 'rabbitmq') as unknown as {
      data: Record<string, string>
    }
    for (const index of [0, 1, 2]) {
      const node = `rabbit@rabbitmq-${index}.rabbitmq-nodes.shop.svc.cluster.local`
      expect(data['cluster.conf']).toContain(`classic_config.nodes.${index + 1} = ${node}\n`)
    }
    expect(data['cluster.conf']).toContain('cluster_partition_handling = pause_minority\n')
  })

  it('lets one go at a time, and prefers a machine for each', async () => {
    const rendering = await three()
    expect(pick(rendering, 'PodDisruptionBudget', 'rabbitmq').spec).toMatchObject({
      maxUnavailable: 1,
    })
    expect(pick(rendering, 'StatefulSet', 'rabbitmq').spec).toMatchObject({
      template: {
        spec: {
          affinity: {
            podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100 }] },
          },
        },
      },
    })
  })

  it('knows nothing of a cluster when there is one', async () => {
    const rendering = await install('rabbitmq')
    expect(pick(rendering, 'ConfigMap', 'rabbitmq').data).not.toHaveProperty('cluster.conf')
    expect(rendering.map((object) => object.kind)).not.toContain('PodDisruptionBudget')
    expect(await template('rabbitmq', {})).not.toContain('affinity')
  })

  it('grows out of one, unless that starts its nodes one after another', async () => {
    const rendering = await three([standing(1, 'Parallel')])
    expect(pick(rendering, 'StatefulSet', 'rabbitmq').spec).toMatchObject({ replicas: 3 })
    await expect(three([standing(1, 'OrderedReady')])).rejects.toThrow(
      'kubectl delete statefulset rabbitmq --cascade=orphan',
    )
  })

  it('leaves one of an earlier version as it was made', async () => {
    const rendering = await install('rabbitmq', { cluster: [standing(1, 'OrderedReady')] })
    expect(pick(rendering, 'StatefulSet', 'rabbitmq').spec).toMatchObject({
      podManagementPolicy: 'OrderedReady',
    })
  })

  it('does not shrink', async () => {
    await expect(install('rabbitmq', { cluster: [standing(3, 'Parallel')] })).rejects.toThrow(
      'nodes: a cluster cannot shrink by this value',
    )
  })
})
