import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digest, names, pick, render, renderSlot, slotValues } from './helm.ts'

const services = ['order', 'inventory', 'payment', 'notification'] as const
const environments = ['local', 'test'] as const
const overlaid = ['order', 'notification']
const labels = {
  'app.kubernetes.io/name': 'order',
  'app.kubernetes.io/part-of': 'shop',
  'app.kubernetes.io/managed-by': 'Helm',
  'shopctl.dev/color': 'green',
  'shopctl.dev/revision': '5f2a9c01aa',
}
const selector = { 'app.kubernetes.io/name': 'order', 'shopctl.dev/color': 'green' }

/** A variable that the container gets from the service's Secret. */
function secret(service: string, name: string, key: string) {
  return {
    name,
    valueFrom: { secretKeyRef: { name: service, key } },
  }
}

describe('a deploy', () => {
  const cases = services.flatMap((service) =>
    environments.flatMap((environment) =>
      ['blue', 'green'].map((color) => ({ service, environment, color })),
    ),
  )
  it.each(cases)(
    'of $service to $color in $environment renders that slot and nothing else',
    async ({ service, color, environment }) => {
      const overlay = overlaid.includes(service) ? [`${environment}/${service}.yaml`] : []
      const objects = await renderSlot(service, color, { files: [`${service}.yaml`, ...overlay] })
      expect(names(objects)).toEqual([
        `Deployment/${service}-${color}`,
        `Job/${service}-${color}-migrate`,
        `PodDisruptionBudget/${service}-${color}`,
      ])
    },
  )

  it('labels the slot so that a Service can name color and revision', async () => {
    const slot = pick(await renderSlot('order', 'green'), 'Deployment', 'order-green')
    expect(slot.metadata.labels).toEqual(labels)
    expect(slot.metadata.annotations).toEqual({
      'shopctl.dev/version': '1a2b3c4d5e6f',
      'shopctl.dev/migrations': '9d8c7b6a5f',
    })
    expect(slot.spec).toMatchObject({
      replicas: 2,
      selector: { matchLabels: selector },
      template: { metadata: { labels } },
    })
  })

  it('labels all that belongs to the slot, and names the system as the values do', async () => {
    const values = {
      ...slotValues('order', 'green', { system: 'bank' }),
      autoscaling: { maxReplicas: 4, targetCPUUtilizationPercentage: 80 },
    }
    const objects = await renderSlot('order', 'green', { values })
    expect(objects).toHaveLength(4)
    for (const object of objects) {
      expect(object.metadata.labels).toMatchObject({
        ...labels,
        'app.kubernetes.io/part-of': 'bank',
      })
    }
  })

  it('gives the pods no annotations and no label that changes while the revision stays', async () => {
    const slot = pick(await renderSlot('order', 'green'), 'Deployment', 'order-green')
    const { template } = slot.spec as { template: { metadata: object } }
    expect(template.metadata).toEqual({ labels })
  })

  it('tells the pod who it is, and takes settings from values and secrets by reference', async () => {
    const files = ['notification.yaml', 'local/notification.yaml']
    const objects = await renderSlot('notification', 'blue', { files })
    expect(pick(objects, 'Deployment', 'notification-blue').spec).toMatchObject({
      template: {
        spec: {
          containers: [
            {
              env: [
                { name: 'SERVICE_NAME', value: 'notification' },
                { name: 'SLOT_COLOR', value: 'blue' },
                { name: 'SLOT_REVISION', value: '5f2a9c01aa' },
                { name: 'SLOT_VERSION', value: '1a2b3c4d5e6f' },
                { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                {
                  name: 'POD_NAMESPACE',
                  valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } },
                },
                { name: 'STABLE_SERVICE', value: 'notification' },
                { name: 'PREVIEW_SERVICE', value: 'notification-preview' },
                { name: 'PORT', value: '8080' },
                { name: 'PREVIEW_PORT', value: '8081' },
                { name: 'MANAGEMENT_PORT', value: '9090' },
                secret('notification', 'AMQP_URL', 'amqp-url'),
                secret('notification', 'DATABASE_URL', 'database-url'),
                secret('notification', 'PREVIEW_AMQP_URL', 'preview-amqp-url'),
                secret('notification', 'PREVIEW_DATABASE_URL', 'preview-database-url'),
                { name: 'SMTP_URL', value: 'smtp://10.245.0.1:1025' },
              ],
            },
          ],
        },
      },
    })
  })

  it('takes the copy of the Secret that shopctl made for the slot, for the migrations too', async () => {
    const secrets = { order: 'order-green-0123456789abcdef', other: 'x' }
    const values = slotValues('order', 'green', { secrets, configMaps: {} })
    const text = JSON.stringify(await renderSlot('order', 'green', { values }))
    expect(text.match(/"secretKeyRef":{"name":"[^"]*"/g)).toEqual(
      Array(6).fill('"secretKeyRef":{"name":"order-green-0123456789abcdef"'),
    )
    const named = { ...values, secretName: 'other' }
    const other = JSON.stringify(await renderSlot('order', 'green', { values: named }))
    expect(other.match(/"secretKeyRef":{"name":"x"/g)).toHaveLength(6)
  })

  it('has ports of their own for both planes, so that a request says by its way which it is for', async () => {
    const slot = pick(await renderSlot('order', 'green'), 'Deployment', 'order-green')
    const ports = [
      { name: 'http', containerPort: 8080 },
      { name: 'preview', containerPort: 8081 },
      { name: 'management', containerPort: 9090 },
    ]
    expect(slot.spec).toMatchObject({ template: { spec: { containers: [{ ports }] } } })
  })

  it.each([
    ['Deployment', 'order-green'],
    ['Job', 'order-green-migrate'],
  ])('runs the %s without any privilege', async (kind, name) => {
    expect(pick(await renderSlot('order', 'green'), kind, name).spec).toMatchObject({
      template: {
        spec: {
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              image: `127.0.0.1:5000/shop/order@${digest}`,
              imagePullPolicy: 'IfNotPresent',
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    })
  })

  it('lets as many pods of the slot be evicted at a time as the values say', async () => {
    const values = { ...slotValues('order', 'green'), podDisruptionBudget: { maxUnavailable: 3 } }
    const objects = await renderSlot('order', 'green', { values })
    expect(pick(objects, 'PodDisruptionBudget', 'order-green').spec).toEqual({
      maxUnavailable: 3,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selector },
    })
  })

  it('is refused under another release name, which the guard would not know', async () => {
    const values = slotValues('order', 'green')
    await expect(render({ chart: 'shop-slot', release: 'order', values })).rejects.toThrow(
      'the release of this slot is named order-green, not order',
    )
  })
})

describe('the replicas', () => {
  function replicas(values: object) {
    return renderSlot('order', 'green', { values: { ...slotValues('order', 'green'), ...values } })
  }

  it('that shopctl sets are more than what the file says', async () => {
    const slot = pick(await replicas({ replicas: 7 }), 'Deployment', 'order-green')
    expect(slot.spec).toMatchObject({ replicas: 7 })
  })

  it('are the least of the autoscaler where there is one, and what the slot begins with', async () => {
    const autoscaling = { maxReplicas: 6, targetCPUUtilizationPercentage: 80 }
    const objects = await replicas({ replicas: 3, autoscaling })
    expect(pick(objects, 'Deployment', 'order-green').spec).toMatchObject({ replicas: 3 })
    expect(pick(objects, 'HorizontalPodAutoscaler', 'order-green').spec).toEqual({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'order-green' },
      minReplicas: 3,
      maxReplicas: 6,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    })
  })

  it('are never above the maximum of the autoscaler', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        async (least, most) => {
          const autoscaling = { maxReplicas: most, targetCPUUtilizationPercentage: 50 }
          const objects = await replicas({ replicas: least, autoscaling })
          expect(pick(objects, 'HorizontalPodAutoscaler', 'order-green').spec).toMatchObject({
            minReplicas: least,
            maxReplicas: Math.max(least, most),
          })
        },
      ),
      { numRuns: 8 },
    )
  })
})

describe('the migration Job', () => {
  it('gets the databases of both planes and no more', async () => {
    const job = pick(await renderSlot('order', 'green'), 'Job', 'order-green-migrate')
    expect(job.spec).toMatchObject({
      backoffLimit: 2,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          containers: [
            {
              command: ['node', 'migrate.js'],
              env: [
                secret('order', 'DATABASE_URL', 'database-url'),
                secret('order', 'PREVIEW_DATABASE_URL', 'preview-database-url'),
              ],
            },
          ],
        },
      },
    })
  })

  it('is left out when there is nothing to apply', async () => {
    const values = slotValues('order', 'green', { migrate: false })
    const objects = await renderSlot('order', 'green', { values })
    expect(names(objects)).toEqual(['Deployment/order-green', 'PodDisruptionBudget/order-green'])
    expect(pick(objects, 'Deployment', 'order-green').metadata.annotations).toHaveProperty(
      'shopctl.dev/migrations',
      '9d8c7b6a5f',
    )
  })

  it('is left out for an image without migrations, and nothing says that it has some', async () => {
    const values = slotValues('order', 'green', { migrations: undefined, migrate: undefined })
    const objects = await renderSlot('order', 'green', { values })
    expect(names(objects)).toEqual(['Deployment/order-green', 'PodDisruptionBudget/order-green'])
    expect(pick(objects, 'Deployment', 'order-green').metadata.annotations).toEqual({
      'shopctl.dev/version': '1a2b3c4d5e6f',
    })
  })

  it('is made anew by Argo CD on each sync', async () => {
    const job = pick(await renderSlot('order', 'green'), 'Job', 'order-green-migrate')
    expect(job.metadata.annotations).toEqual({
      'argocd.argoproj.io/hook': 'Sync',
      'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation',
      'argocd.argoproj.io/sync-wave': '-1',
    })
  })

  it('has pods that neither the Deployment nor a Service selects', async () => {
    const job = pick(await renderSlot('order', 'green'), 'Job', 'order-green-migrate')
    const { template } = job.spec as { template: { metadata: object } }
    expect(template.metadata).toEqual({
      labels: {
        'app.kubernetes.io/name': 'order',
        'app.kubernetes.io/part-of': 'shop',
        'app.kubernetes.io/managed-by': 'Helm',
        'app.kubernetes.io/component': 'migration',
      },
    })
  })
})
