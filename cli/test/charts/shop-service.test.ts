import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deploy, digest, generated, type KubernetesObject, pick, type Rendering } from './helm.ts'

const services = ['order', 'inventory', 'payment', 'notification'] as const
const environments = ['local', 'test'] as const
const overlaid = ['order', 'notification']

function names(rendering: Rendering) {
  return rendering.objects.map((o) => `${o.kind}/${o.metadata.name}`).sort()
}

function deployments(rendering: Rendering) {
  return rendering.objects.filter((o) => o.kind === 'Deployment')
}

/** A variable that the container gets from the service's Secret. */
function secret(service: string, name: string, key: string) {
  return {
    name,
    valueFrom: { secretKeyRef: { name: service, key } },
  }
}

/** How helm marks what belongs to a release; it takes over nothing else. */
const owned = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': 'order', 'meta.helm.sh/release-namespace': 'shop' },
}

/** A Deployment as the API server hands it out, with what it and its controllers add. */
function live(name: string, spec: Record<string, unknown>): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      labels: { ...owned.labels, 'shopctl.dev/revision': '0000000000' },
      annotations: { ...owned.annotations, 'shopctl.dev/version': 'old' },
    },
    spec,
    status: { readyReplicas: 2 },
  }
}

describe('a deploy', () => {
  const cases = services.flatMap((service) =>
    environments.flatMap((environment) =>
      ['blue', 'green'].map((color) => ({ service, environment, color })),
    ),
  )
  it.each(cases)(
    'of $service to $color in $environment renders one slot and what all slots share',
    async (c) => {
      const overlay = overlaid.includes(c.service) ? [`${c.environment}/${c.service}.yaml`] : []
      const rendering = await deploy(c.service, c.color, {
        files: [`${c.service}.yaml`, ...overlay],
      })
      expect(names(rendering)).toEqual([
        `Deployment/${c.service}-${c.color}`,
        `Job/${c.service}-migrate-9d8c7b6a5f`,
        `PodDisruptionBudget/${c.service}-blue`,
        `PodDisruptionBudget/${c.service}-green`,
        `Role/${c.service}`,
        `RoleBinding/${c.service}`,
        `Service/${c.service}`,
        `Service/${c.service}-preview`,
        `ServiceAccount/${c.service}`,
        `ValidatingAdmissionPolicy/shop-${c.service}-live-slot`,
        `ValidatingAdmissionPolicyBinding/shop-${c.service}-live-slot`,
      ])
    },
  )

  it('labels the slot so that a Service can name colour and revision', async () => {
    const slot = pick(await deploy('order', 'green'), 'Deployment', 'order-green')
    const labels = {
      'app.kubernetes.io/name': 'order',
      'app.kubernetes.io/part-of': 'shop',
      'app.kubernetes.io/managed-by': 'Helm',
      'shopctl.dev/color': 'green',
      'shopctl.dev/revision': '5f2a9c01aa',
    }
    expect(slot.metadata.labels).toEqual(labels)
    expect(slot.metadata.annotations).toEqual({
      'shopctl.dev/version': '1a2b3c4d5e6f',
      'shopctl.dev/digest': digest,
    })
    expect(slot.spec).toMatchObject({
      replicas: 2,
      selector: {
        matchLabels: { 'app.kubernetes.io/name': 'order', 'shopctl.dev/color': 'green' },
      },
      template: { metadata: { labels } },
    })
  })

  it('tells the pod who it is, and takes settings from values and secrets by reference', async () => {
    const files = ['notification.yaml', 'local/notification.yaml']
    const rendering = await deploy('notification', 'blue', { files })
    expect(pick(rendering, 'Deployment', 'notification-blue').spec).toMatchObject({
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

  it('reads no Secret and renders none', async () => {
    const rendering = await deploy('order', 'green')
    expect(names(rendering).filter((name) => name.startsWith('Secret/'))).toEqual([])
    expect(rendering.requests.filter((path) => path.includes('/secrets'))).toEqual([])
  })

  it.each([
    ['Deployment', 'order-green'],
    ['Job', 'order-migrate-9d8c7b6a5f'],
  ])('runs the %s without any privilege', async (kind, name) => {
    expect(pick(await deploy('order', 'green'), kind, name).spec).toMatchObject({
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
})

describe('the Services', () => {
  it.each([
    ['order', 'http'],
    ['order-preview', 'preview'],
  ])('%s has no selector, so that helm never moves it', async (name, targetPort) => {
    const service = pick(await deploy('order', 'green'), 'Service', name)
    expect(service.spec).toEqual({
      type: 'ClusterIP',
      ports: [{ name: 'http', port: 80, targetPort }],
    })
  })

  it('reach ports of their own, so that a request says by its way which plane it is for', async () => {
    const slot = pick(await deploy('order', 'green'), 'Deployment', 'order-green')
    const ports = [
      { name: 'http', containerPort: 8080 },
      { name: 'preview', containerPort: 8081 },
      { name: 'management', containerPort: 9090 },
    ]
    expect(slot.spec).toMatchObject({ template: { spec: { containers: [{ ports }] } } })
  })

  it.each([
    ['local', 'order', 'http', 30080],
    ['local', 'order-preview', 'preview', 30081],
    ['test', 'order', 'http', 31080],
    ['test', 'order-preview', 'preview', 31081],
  ])(
    'in %s %s is at the edge: its port %s on %i',
    async (environment, name, targetPort, nodePort) => {
      const files = ['order.yaml', `${environment}/order.yaml`]
      const rendering = await deploy('order', 'green', { files })
      expect(pick(rendering, 'Service', name).spec).toEqual({
        type: 'NodePort',
        ports: [{ name: 'http', port: 80, targetPort, nodePort }],
      })
    },
  )

  it('are all that a pod may read', async () => {
    const role = pick(await deploy('order', 'green'), 'Role', 'order')
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

describe('the other slot', () => {
  it('is rendered as it stands, less the mark of its controller', async () => {
    const standing = live('order-blue', {
      replicas: 5,
      template: { metadata: { labels: { a: '1' } } },
    })
    const annotations = { ...standing.metadata.annotations }
    const withMark = { ...annotations, 'deployment.kubernetes.io/revision': '7' }
    const cluster = [{ ...standing, metadata: { ...standing.metadata, annotations: withMark } }]
    const { status: _, ...expected } = standing
    expect(pick(await deploy('order', 'green', { cluster }), 'Deployment', 'order-blue')).toEqual(
      expected,
    )
  })

  it('never comes from values, whatever they and the cluster hold', async () => {
    const color = fc.constantFrom('blue', 'green')
    const values = fc.record({
      replicas: fc.integer({ min: 1, max: 9 }),
      config: fc.dictionary(fc.stringMatching(/^[A-Z]{4,9}_[A-Z]$/), fc.string(), { maxKeys: 3 }),
      terminationGracePeriodSeconds: fc.integer({ min: 1, max: 300 }),
    })
    const standing = fc.option(
      fc.record({
        replicas: fc.integer({ min: 0, max: 9 }),
        minReadySeconds: fc.integer({ min: 0, max: 1_000_000_000 }),
        template: fc.record({ image: fc.string(), env: fc.array(fc.string(), { maxLength: 3 }) }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(color, values, standing, async (color, values, spec) => {
        const other = color === 'blue' ? 'green' : 'blue'
        const rendering = await deploy('order', color, {
          values: { ...values, ...generated('order', color) },
          cluster: spec ? [live(`order-${other}`, spec)] : [],
        })
        const written = pick(rendering, 'Deployment', `order-${color}`)
        expect(written.spec).toMatchObject({ replicas: values.replicas })
        const rest = deployments(rendering).filter((deployment) => deployment !== written)
        expect(rest.map((deployment) => [deployment.metadata.name, deployment.spec])).toEqual(
          spec ? [[`order-${other}`, spec]] : [],
        )
      }),
      // A plain `.` is text to one YAML reader and a number to another.
      {
        numRuns: 25,
        examples: [
          [
            'blue',
            { replicas: 1, config: {}, terminationGracePeriodSeconds: 1 },
            { replicas: 0, minReadySeconds: 0, template: { image: '.', env: [] } },
          ],
        ],
      },
    )
  })
})

describe('the migration Job', () => {
  it('stays as it is once it exists, whatever image comes along', async () => {
    const generatedLabels = { 'batch.kubernetes.io/job-name': 'x', 'controller-uid': 'y' }
    const template = {
      metadata: { labels: { 'app.kubernetes.io/name': 'order' } },
      spec: { containers: [{ name: 'migrate', image: 'the-first-one' }] },
    }
    const existing: KubernetesObject = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'order-migrate-9d8c7b6a5f', ...owned },
      spec: {
        backoffLimit: 6,
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'y' } },
        template: {
          ...template,
          metadata: { labels: { ...template.metadata.labels, ...generatedLabels } },
        },
      },
    }
    const rendering = await deploy('order', 'green', { cluster: [existing] })
    const job = pick(rendering, 'Job', 'order-migrate-9d8c7b6a5f')
    expect(job.spec).toEqual({ backoffLimit: 6, template })
  })

  it('gets the databases of both planes and no more', async () => {
    const job = pick(await deploy('order', 'green'), 'Job', 'order-migrate-9d8c7b6a5f')
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
                { name: 'SERVICE_NAME', value: 'order' },
                secret('order', 'DATABASE_URL', 'database-url'),
                secret('order', 'PREVIEW_DATABASE_URL', 'preview-database-url'),
              ],
            },
          ],
        },
      },
    })
  })
})
