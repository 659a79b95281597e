import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type KubernetesObject, names, pick, render } from './helm.ts'

const postgres = {
  host: 'postgres:5432',
  database: 'postgres',
  user: 'monitor',
  secret: 'postgres',
  key: 'monitor',
  sslmode: 'disable',
}
const environments = [
  { name: 'local', namespace: 'shop', postgres },
  { name: 'test', namespace: 'shop-test' },
]
const everything = { environments, receiver: true, logs: { store: true } }

function install(values: object = {}): Promise<KubernetesObject[]> {
  return render({ chart: 'observability', release: 'observability', values })
}

interface PodSpec {
  serviceAccountName?: string
  automountServiceAccountToken?: boolean
  hostNetwork?: boolean
  hostPID?: boolean
  securityContext: Record<string, unknown>
  nodeSelector?: object
  containers: {
    image: string
    args?: string[]
    env?: { name: string; value?: string }[]
    ports?: { name: string; containerPort: number }[]
    securityContext: Record<string, unknown>
    volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[]
    resources: { requests: object; limits: { memory: string } }
  }[]
  volumes?: { name: string; hostPath?: object; secret?: object; configMap?: object }[]
}

function podOf(object: KubernetesObject): PodSpec | null {
  const spec = object.spec as { template?: { spec: PodSpec } } | undefined
  return spec?.template?.spec ?? null
}

async function podsOf(values: object): Promise<[name: string, pod: PodSpec][]> {
  const objects = await install(values)
  return objects.flatMap((object) => {
    const pod = podOf(object)
    return pod ? [[object.metadata.name, pod] as [string, PodSpec]] : []
  })
}

/** Without what belongs to logs, dashboards and rules. */
function workloads(objects: readonly KubernetesObject[]): string[] {
  return names(objects).filter((name) =>
    /^(StatefulSet|DaemonSet|Deployment|PodMonitor)/.test(name),
  )
}

describe('the chart', () => {
  it.each([
    [
      'has a Prometheus, its exporters and an Alertmanager',
      {},
      [
        'DaemonSet/node-exporter',
        'Deployment/kube-state-metrics',
        'StatefulSet/alertmanager',
        'StatefulSet/prometheus',
      ],
    ],
    [
      'reads the database of each environment that names one',
      { environments },
      [
        'DaemonSet/node-exporter',
        'Deployment/kube-state-metrics',
        'Deployment/postgres-exporter',
        'StatefulSet/alertmanager',
        'StatefulSet/prometheus',
      ],
    ],
    [
      'has no second Prometheus where an operator has one',
      { environments, operator: true, receiver: true },
      [
        'Deployment/postgres-exporter',
        'PodMonitor/log-collector',
        'PodMonitor/postgres',
        'PodMonitor/rabbitmq',
        'PodMonitor/shop',
      ],
    ],
  ])('%s', async (_, values, expected) => {
    expect(workloads(await install(values))).toEqual(expected)
  })

  it('runs postgres-exporter where its Secret is, with the password in a file', async () => {
    const exporter = pick(await install({ environments }), 'Deployment', 'postgres-exporter')
    expect(exporter.metadata).toMatchObject({ namespace: 'shop' })
    const pod = podOf(exporter)
    expect(pod?.volumes).toEqual([
      {
        name: 'password',
        secret: {
          secretName: 'postgres',
          defaultMode: 0o440,
          items: [{ key: 'monitor', path: 'monitor' }],
        },
      },
    ])
    expect(pod?.containers[0]?.env).toEqual(
      expect.arrayContaining([
        { name: 'DATA_SOURCE_URI', value: 'postgres:5432/postgres?sslmode=disable' },
        { name: 'DATA_SOURCE_USER', value: 'monitor' },
        { name: 'DATA_SOURCE_PASS_FILE', value: '/run/secrets/postgres/monitor' },
      ]),
    )
  })

  it.each([
    ['nobody', {}, undefined],
    ['a Secret of the user', { slack: { secret: 'webhooks' } }, 'webhooks'],
    ['its own stand-in', { slack: { secret: 'webhooks' }, receiver: true }, 'slack-receiver'],
  ])('sends alerts to %s', async (_, values, secretName) => {
    const pod = podOf(pick(await install(values), 'StatefulSet', 'alertmanager'))
    const secret = pod?.volumes?.find(({ name }) => name === 'slack')?.secret
    expect(secret).toEqual(secretName && { secretName, defaultMode: 0o440 })
  })

  it.each([
    ['512Mi', '460MiB'],
    ['2Gi', '1843MiB'],
  ])('leaves a tenth of %s to what Go does not count', async (memory, expected) => {
    const objects = await install({ resources: { prometheus: { limits: { memory } } } })
    const env = podOf(pick(objects, 'StatefulSet', 'prometheus'))?.containers[0]?.env
    expect(env).toContainEqual({ name: 'GOMEMLIMIT', value: expected })
  })

  it('restarts Prometheus for other targets and other rules, and for nothing else', async () => {
    const template = async (values: object) =>
      JSON.stringify(pick(await install(values), 'StatefulSet', 'prometheus').spec)
    const before = await template({})
    expect(await template({ slack: { repeat: '5h' } })).toBe(before)
    expect(await template({ environments })).not.toBe(before)
    expect(await template({ alerts: { disk: 0.2 } })).not.toBe(before)
  })
})

// They read files of the node.
const ofTheNode = ['node-exporter', 'log-collector']

describe('pods', () => {
  it('fit the restricted Pod Security Standard', async () => {
    const pods = (await podsOf(everything)).filter(([name]) => !ofTheNode.includes(name))
    expect(pods.map(([name]) => name)).toContain('prometheus')
    for (const [name, pod] of pods) {
      expect(pod.securityContext, name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      expect(pod.volumes?.filter((volume) => volume.hostPath) ?? [], name).toEqual([])
    }
  })

  it('cannot gain rights, nor write but to their volumes', async () => {
    for (const [name, pod] of await podsOf(everything)) {
      expect([pod.hostNetwork, pod.hostPID], name).toEqual([undefined, undefined])
      for (const { securityContext } of pod.containers)
        expect(securityContext, name).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
    }
  })

  it('of node-exporter read the node, as nobody, and write nothing', async () => {
    const pod = podOf(pick(await install(), 'DaemonSet', 'node-exporter'))
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65534 })
    expect(pod?.containers[0]?.volumeMounts?.map(({ readOnly }) => readOnly)).toEqual([
      true,
      true,
      true,
    ])
  })

  it('of each node leave out nodes that do not run Linux', async () => {
    const objects = await install(everything)
    for (const name of ofTheNode)
      expect(podOf(pick(objects, 'DaemonSet', name))?.nodeSelector, name).toEqual({
        'kubernetes.io/os': 'linux',
      })
  })

  // Two at once would each have a part of the messages.
  it('of the stand-in for Slack are one at a time, and ready when they answer', async () => {
    const { spec } = pick(await install(everything), 'Deployment', 'slack-receiver')
    expect(spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'Recreate' },
      template: {
        spec: {
          containers: [{ readinessProbe: { httpGet: { path: '/healthz', port: 'http' } } }],
        },
      },
    })
  })

  it('have a token only where they ask the API server', async () => {
    const pods = await podsOf({ environments, receiver: true })
    const withToken = pods.filter(([, pod]) => pod.automountServiceAccountToken !== false)
    expect(withToken.map(([name]) => name).sort()).toEqual(['kube-state-metrics', 'prometheus'])
  })
})

interface Rule {
  apiGroups?: string[]
  resources?: string[]
  nonResourceURLs?: string[]
  verbs: string[]
}

it('gives rights to read only, and none to Secrets or ConfigMaps', async () => {
  const roles = (await install(everything)).filter(({ kind }) => /Role$/.test(kind))
  const rules = roles.flatMap((role) => role.rules as Rule[])
  expect(new Set(rules.flatMap(({ verbs }) => verbs))).toEqual(new Set(['get', 'list', 'watch']))
  const resources = rules.flatMap((rule) => rule.resources ?? [])
  expect(resources).toContain('nodes/metrics')
  for (const forbidden of ['secrets', 'configmaps', 'nodes/proxy', '*'])
    expect(resources).not.toContain(forbidden)
})

it('asks only for the namespace of its own Role outside of its release', async () => {
  const objects = await install({ environments })
  const elsewhere = objects.filter(
    ({ metadata }) => (metadata as { namespace?: string }).namespace === 'default',
  )
  expect(elsewhere.map(({ kind }) => kind)).toEqual(['Role', 'RoleBinding'])
})

interface Endpoint {
  port: string
  relabelings: { targetLabel?: string; replacement?: string }[]
}

it('names the jobs of an operator as those of its own Prometheus', async () => {
  const monitors = (await install({ operator: true })).filter(({ kind }) => kind === 'PodMonitor')
  const jobs = monitors
    .flatMap(({ spec }) => (spec as { podMetricsEndpoints: Endpoint[] }).podMetricsEndpoints)
    .map((endpoint) => endpoint.relabelings.find((each) => each.targetLabel === 'job')?.replacement)
  const config = pick(await install(), 'ConfigMap', 'prometheus').data as Record<string, string>
  const { scrape_configs: own } = parse(config['prometheus.yml'] ?? '') as {
    scrape_configs: { job_name: string }[]
  }
  expect(jobs.sort()).toEqual(['log-collector', 'postgres', 'rabbitmq', 'rabbitmq-queues', 'shop'])
  expect(own.map(({ job_name }) => job_name)).toEqual(expect.arrayContaining(jobs))
})

describe('it refuses, and says where,', () => {
  it.each([
    ['an unknown key', { scraape: '5s' }, "additional properties 'scraape' not allowed"],
    ['too few values in a minute', { scrape: '31s' }, "at '/scrape': '31s' does not match"],
    ['a number of seconds', { scrape: 5 }, "at '/scrape': got number, want string"],
    [
      'an unknown image',
      { images: { grafana: 'x' } },
      "at '/images': additional properties 'grafana' not allowed",
    ],
    [
      'an environment without a namespace',
      { environments: [{ name: 'local' }] },
      "at '/environments/0': missing property 'namespace'",
    ],
    [
      'half a database',
      { environments: [{ name: 'local', namespace: 'shop', postgres: { host: 'postgres' } }] },
      "at '/environments/0/postgres': missing properties 'database'",
    ],
    [
      'a limit that Go cannot keep',
      { resources: { prometheus: { limits: { memory: '500M' } } } },
      "at '/resources/prometheus/limits/memory': '500M' does not match",
    ],
    [
      'a namespace in two environments',
      { environments: [environments[1], { name: 'other', namespace: 'shop-test' }] },
      'environments: the namespace `shop-test` is in two entries. Remove one of them.',
    ],
    [
      'an environment with two namespaces',
      { operator: true, environments: [environments[1], { name: 'test', namespace: 'other' }] },
      'environments: the name `test` is in two entries. Remove one of them.',
    ],
    ['an unknown alert', { alerts: { cpus: 1 } }, "additional properties 'cpus' not allowed"],
    [
      'a promise in percent',
      { slos: { accepted: { objective: 99.9 } } },
      "at '/slos/accepted/objective': exclusiveMaximum",
    ],
    ['an URL of a file', { runbooks: 'file:///etc' }, "at '/runbooks': 'file:///etc' does not"],
  ])('%s', async (_, values, message) => {
    await expect(install(values)).rejects.toThrow(message)
  })
})
