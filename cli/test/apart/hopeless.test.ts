// What does not come up, as the real controllers, scheduler and kubelet say it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createNamespace } from '../../src/adapters/kubernetes/namespace.ts'
import { createPods } from '../../src/adapters/kubernetes/pods.ts'
import { createJudge } from '../../src/release/deploy/rollout.ts'
import { until } from '../real/shop.ts'
import { chartsIn, clusterEnv, ok } from './charts.ts'

const here = chartsIn('hopeless')
const { kubectl, namespace, tool } = here
const { signal } = new AbortController()
const image = 'registry.k8s.io/pause:3.10'
let kubeconfig: string
let api: KubernetesApi

function apply(...items: object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items }
  return ok(tool('kubectl', ['apply', '--filename=-'], list))
}

/** The Deployment of the blue slot, with this added to its pods and its container. */
function slot(service: string, spec: object, container: object = {}): object {
  const labels = {
    'app.kubernetes.io/name': service,
    'shopctl.dev/color': 'blue',
    'shopctl.dev/revision': 'a',
  }
  const containers = [{ name: service, image, ...container }]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${service}-blue` },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 0, ...spec, containers },
      },
    },
  }
}

/** Denies the pods of the service `consent`, as a webhook would. */
function denial(): object[] {
  const metadata = { name: namespace }
  const labels = { 'kubernetes.io/metadata.name': namespace }
  const pods = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }
  const expression = "object.metadata.labels['app.kubernetes.io/name'] != 'consent'"
  const spec = {
    matchConstraints: { namespaceSelector: { matchLabels: labels }, resourceRules: [pods] },
    validations: [{ expression, message: 'no consent' }],
  }
  const bound = { policyName: namespace, validationActions: ['Deny'] }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  return [
    { apiVersion, kind: 'ValidatingAdmissionPolicy', metadata, spec },
    { apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec: bound },
  ]
}

async function judged(service: string, by = api) {
  const started = performance.now()
  const id = { service, color: 'blue', revision: 'a' } as const
  const judge = createJudge(() => performance.now())
  const options = { timeoutMs: 90_000, signal }
  const verdict = await createPods(by, namespace, {}).awaitRollout(id, judge, options)
  return { verdict, seconds: (performance.now() - started) / 1000 }
}

/** Another user, who may do this in the namespace. */
async function as(name: string, ...rules: string[]): Promise<KubernetesApi> {
  const account = `${namespace}:${name}`
  await ok(kubectl('create', 'serviceaccount', name))
  await ok(kubectl('create', 'role', name, '--verb=get,list,watch', `--resource=${rules}`))
  const args = ['create', 'rolebinding', name, `--role=${name}`, `--serviceaccount=${account}`]
  await ok(kubectl(...args))
  const token = (await ok(kubectl('create', 'token', name))).trim()
  const folder = await mkdtemp(join(tmpdir(), 'user-'))
  const file = join(folder, 'config')
  const { contexts, ...config } = parse(await ok(kubectl('config', 'view', '--raw', '--minify')))
  const context = { ...contexts[0].context, user: name }
  const users = [{ name, user: { token } }]
  const whole = { ...config, users, contexts: [{ name, context }], 'current-context': name }
  await writeFile(file, JSON.stringify(whole))
  const other = connect({ file, context: null })
  await rm(folder, { recursive: true })
  return other
}

beforeAll(async () => {
  await here.create()
  kubeconfig = (await clusterEnv()).KUBECONFIG ?? process.env.KUBECONFIG ?? ''
  api = connect({ file: kubeconfig, context: null })
})
afterAll(async () => {
  const kinds = 'validatingadmissionpolicybinding,validatingadmissionpolicy'
  await ok(kubectl('delete', kinds, namespace, '--ignore-not-found'))
  await here.remove()
})

describe('a slot', { timeout: 120_000 }, () => {
  const volume = { volumes: [{ name: 'v', secret: { secretName: 'none' } }] }
  const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
  const variable = { name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'a' } } }
  const gpu = { 'example.com/gpu': '1' }
  const cases: [string, object, object, RegExp][] = [
    ['cpu', {}, { resources: { requests: { cpu: '64' } } }, /Unschedulable: .*Insufficient cpu/],
    ['node', { nodeSelector: { a: 'b' } }, {}, /Unschedulable: .*node affinity\/selector/],
    ['secret', {}, { env: [variable] }, /CreateContainerConfigError: secret "none" not found/],
    ['volume', volume, mount, /FailedMount: .*secret "none" not found/],
    ['image', {}, { image: '127.0.0.1:5000/none/a:1' }, /ImagePullBackOff: .*not found/],
    [
      'account',
      { serviceAccountName: 'none' },
      {},
      /FailedCreate: .*serviceaccount "none" not found/,
    ],
    [
      'priority',
      { priorityClassName: 'none' },
      {},
      /FailedCreate: .*no PriorityClass with name none/,
    ],
    ['start', {}, { command: ['/none'] }, /exit code 128 \(StartError\): .*"\/none"/],
    ['quota', {}, { resources: { limits: gpu } }, /FailedCreate: .*exceeded quota: q/],
    [
      'limit',
      {},
      { resources: { limits: { 'ephemeral-storage': '2Gi' } } },
      /FailedCreate: .*maximum ephemeral-storage usage per Container is 1Gi/,
    ],
    [
      'consent',
      {},
      {},
      /FailedCreate: .*ValidatingAdmissionPolicy 'hopeless-\w+' .*denied request: no consent/,
    ],
  ]
  beforeAll(async () => {
    const limits = [{ type: 'Container', max: { 'ephemeral-storage': '1Gi' } }]
    const hard = { 'requests.example.com/gpu': '0' }
    await apply(...denial())
    const pod = ['run', 'asks', `--image=${image}`, '--labels=app.kubernetes.io/name=consent']
    await until('pods are denied', async () =>
      (await kubectl(...pod, '--dry-run=server')).stderr.includes('no consent'),
    )
    await apply(
      { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard } },
      { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'l' }, spec: { limits } },
      ...cases.map(([service, spec, container]) => slot(service, spec, container)),
    )
  })

  it.concurrent.each(cases)('without its %s is hopeless at once', async (service, _, __, words) => {
    const { verdict, seconds } = await judged(service)
    expect(verdict).toMatchObject({ kind: 'broken', what: expect.stringMatching(words) })
    expect(seconds).toBeLessThan(45)
  })

  it('gets what comes a moment later', async () => {
    const late = { serviceAccountName: 'late' }
    const settings = [{ secretRef: { name: 'late' } }, { configMapRef: { name: 'late' } }]
    await apply(slot('late', late, { envFrom: settings }))
    const result = judged('late')
    const metadata = { name: 'late' }
    await apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
      { apiVersion: 'v1', kind: 'Secret', metadata },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata },
    )
    expect((await result).verdict).toEqual({ kind: 'ready' })
  })

  it('is judged without the right to read events', async () => {
    await apply(slot('quiet', {}))
    const user = await as('quiet', 'pods', 'deployments.apps', 'jobs.batch')
    expect((await judged('quiet', user)).verdict).toEqual({ kind: 'ready' })
  })
})

it('names the right that is missing, before anything is written', async () => {
  const user = await as('jobless', 'pods', 'deployments.apps')
  await expect(
    createPods(user, namespace, {}).rollout({
      service: 'a',
      color: 'blue',
      revision: '',
    }),
  ).rejects.toMatchObject({
    code: 'not-allowed',
    exitCode: 2,
    message: expect.stringMatching(
      /User "system:serviceaccount:.*:jobless" cannot list resource "jobs"/,
    ),
    hint: expect.stringContaining(`can-i list jobs.batch/a-blue-migrate --namespace ${namespace}`),
  })
})

it('refuses a namespace that is being deleted', async () => {
  const other = `${namespace}-ending`
  await ok(kubectl('create', 'namespace', other))
  const metadata = { name: 'kept', namespace: other, finalizers: ['example.com/kept'] }
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata }
  const maps = `/api/v1/namespaces/${other}/configmaps`
  await api.send('POST', maps, map)
  await ok(kubectl('delete', 'namespace', other, '--wait=false'))
  try {
    const expected = {
      code: 'namespace-ending',
      exitCode: 2,
      message: `The namespace ${other} is being deleted.`,
    }
    await expect(createNamespace(api, other).ensure()).rejects.toMatchObject(expected)
    const added = { ...map, metadata: { name: 'new', namespace: other } }
    await expect(
      connect({ file: kubeconfig, context: null }).send('POST', maps, added),
    ).rejects.toMatchObject(expected)
  } finally {
    await api.patch(`${maps}/kept`, { metadata: { finalizers: null } })
  }
})
