// What a real API server answers about a Service that cannot be asked. None of them has a pod.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { askService } from '../../src/adapters/kubernetes/service-proxy.ts'
import { createMetrics } from '../../src/context/metrics.ts'
import { type EksTestCluster, startEksCluster } from './eks-cluster.ts'

const namespace = 'observability'
const core = `/api/v1/namespaces/${namespace}`

let cluster: EksTestCluster
/** May do nothing. */
let stranger: KubernetesApi

beforeAll(async () => {
  cluster = await startEksCluster('shop')
  const { admin, server, ca } = cluster
  await admin.send('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
  const metadata = { name: 'empty' }
  const spec = { ports: [{ port: 9090 }] }
  await admin.send('POST', `${core}/services`, { metadata, spec })
  // No controller runs here that would make them.
  await admin.send('POST', `${core}/endpoints`, { metadata, subsets: [] })
  await admin.send('POST', `${core}/serviceaccounts`, { metadata: { name: 'stranger' } })
  const { status } = await admin.send<{ status: { token: string } }>(
    'POST',
    `${core}/serviceaccounts/stranger/token`,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  )
  stranger = connect({
    context: null,
    cluster: { server, 'certificate-authority-data': ca },
    user: { token: status.token },
  })
}, 300_000)

afterAll(() => cluster?.stop())

function metricsOf(api: KubernetesApi, name: string, inNamespace = namespace) {
  const warnings: string[] = []
  const service = { namespace: inNamespace, name, port: 9090 }
  const metrics = createMetrics(
    { service },
    {
      ...{ api, env: 'local', token: undefined, signal: new AbortController().signal },
      ...{ limit: { seconds: 1, setting: '' }, warn: (line: string) => void warnings.push(line) },
    },
  )
  return { metrics, warnings, service }
}

it.each<[string, string?]>([['none'], ['prometheus', 'nowhere']])(
  'no Service %s is no Prometheus, and nothing is said',
  async (name, inNamespace) => {
    const { metrics, warnings, service } = metricsOf(cluster.admin, name, inNamespace)
    expect(await askService(cluster.admin, service, '/', { timeoutMs: 4_000 })).toBeNull()
    expect([await metrics.firing(), await metrics.slots()]).toEqual([null, null])
    expect(warnings).toEqual([])
  },
)

it('a Service without pods is one warning', async () => {
  const { metrics, warnings } = metricsOf(cluster.admin, 'empty')
  expect(await Promise.all([metrics.firing(), metrics.slots()])).toEqual([null, null])
  expect(warnings).toEqual([expect.stringMatching(/no endpoints available for service "empty/)])
})

it('a right that is missing is named, as an administrator gives it', async () => {
  const { metrics, warnings, service } = metricsOf(stranger, 'empty')
  expect(await metrics.firing()).toBeNull()
  expect(warnings).toEqual([
    expect.stringMatching(/cannot get resource "services\/proxy" in API group "" in the namespace/),
  ])
  await expect(askService(stranger, service, '/', { timeoutMs: 4_000 })).rejects.toMatchObject({
    code: 'not-allowed',
    hint: expect.stringContaining(
      'get services/empty:9090 --subresource=proxy --namespace observability',
    ),
  })
  const metadata = { name: 'shopctl-metrics' }
  const rule = { apiGroups: [''], resources: ['services/proxy'], verbs: ['get'] }
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
  await cluster.admin.send('POST', `${rbac}/roles`, {
    ...{ metadata, rules: [{ ...rule, resourceNames: ['empty:9090'] }] },
  })
  await cluster.admin.send('POST', `${rbac}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'stranger', namespace }],
  })
  await expect
    .poll(() => askService(stranger, service, '/', { timeoutMs: 4_000 }).catch(({ code }) => code))
    .toBe('cluster-error')
})
