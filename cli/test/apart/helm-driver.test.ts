// The helm driver with the real helm and API server, in a namespace of its own: what a killed helm leaves, what an
// earlier layout left, and whose objects it takes over.
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/adapters/kubernetes/api.ts'
import { createScaling } from '../../src/adapters/kubernetes/scaling.ts'
import { createSlotObjects } from '../../src/adapters/kubernetes/slots.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { createCharts, createHelmDriver } from '../../src/drivers/helm/driver.ts'
import { createHelm, type Helm } from '../../src/drivers/helm/helm.ts'
import { createReleases } from '../../src/drivers/helm/releases.ts'
import type { Driver, SlotWrite } from '../../src/release/ports/driver.ts'
import { root } from '../real/shop.ts'
import { chartsIn, clusterEnv, everyKind, ok, slotValues } from './charts.ts'

const here = chartsIn('driver')
const { field, kubectl, namespace, tool } = here
const { signal } = new AbortController()
const limit = { seconds: 180, setting: 'this test' }
let driver: Driver
let helm: Helm

beforeAll(async () => {
  await here.create()
  const env = await clusterEnv()
  const api = await connect({ file: env.KUBECONFIG ?? null, context: null })
  const options = { program: 'helm', env, context: null, namespace, root, limit }
  helm = createHelm(createShell(), options)
  driver = createHelmDriver({
    helm,
    releases: createReleases(api, namespace),
    objects: createSlotObjects(api, namespace, () => new Date()),
    scaling: createScaling(api, namespace),
    progress: { step: (_, run) => run(() => {}), note() {}, warn() {} },
  })
})
afterEach(async () => {
  const kinds = 'deployments,poddisruptionbudgets,horizontalpodautoscalers,jobs,secrets'
  await ok(kubectl('delete', kinds, '--all', '--now'))
})
afterAll(here.remove)

function aWrite(release: string): SlotWrite {
  const slot = { service: 'order', color: 'green' as const, release, values: everyKind }
  return {
    ...{ service: 'order', color: 'green', name: 'order-green', shared: null },
    ...{ chart: join(root, 'charts/shop-slot'), valuesFiles: [] },
    ...{ values: slotValues(slot), marks: { checked: `c${release}` }, atLeast: 0, declared: 2 },
  }
}

async function write(release: string): Promise<void> {
  const [result] = await driver.writeSlots([aWrite(release)], signal)
  if (result?.status !== 'fulfilled') throw result?.reason
}

/** As a helm leaves a release that was killed: in the label of its Secret, and within. */
async function setStatus(revision: number, status: string): Promise<void> {
  const secret = `secret/sh.helm.release.v1.order-green.v${revision}`
  const decoded = (text: string) => Buffer.from(text, 'base64')
  const packed = decoded(await field(secret, '.data.release')).toString()
  const content = gunzipSync(decoded(packed)).toString()
  const changed = content.replace(/"status":"[a-z-]+"/, `"status":"${status}"`)
  expect(changed).toContain(`"status":"${status}"`)
  const release = Buffer.from(gzipSync(changed).toString('base64')).toString('base64')
  const patch = { metadata: { labels: { status } }, data: { release } }
  await ok(kubectl('patch', secret, '--type=merge', '--patch', JSON.stringify(patch)))
}

function left(): Promise<string> {
  const kinds = 'deployments,poddisruptionbudgets,horizontalpodautoscalers,jobs,secrets'
  return ok(kubectl('get', kinds, '--output=name'))
}

const states: [string, number][] = [
  ['pending-install', 1],
  ['failed', 1],
  ['uninstalling', 1],
  ['pending-upgrade', 2],
  ['pending-rollback', 2],
  ['failed', 2],
  ['uninstalling', 2],
]

describe.each(states)('a release that is %s at revision %i', (status, revision) => {
  async function leaveHalfWay(): Promise<void> {
    for (let release = 1; release <= revision; release += 1) await write(String(release))
    await setStatus(revision, status)
    expect(await driver.recorded()).toMatchObject({ 'order-green': { finished: false } })
  }

  it('is written as if nothing had been', async () => {
    await leaveHalfWay()
    await write('7')
    expect(await driver.recorded()).toEqual({
      'order-green': { finished: true, marks: { checked: 'c7' } },
    })
    const image = await field('deployment/order-green', '.spec.template.spec.containers[0].image')
    expect(image).toContain('sha256:777')
  })

  it('is removed with all of its objects', async () => {
    await leaveHalfWay()
    const slot = { color: 'green', revision: String(revision).repeat(10) } as const
    const [result] = await driver.removeSlots([{ service: 'order', slot }], signal)
    expect(result).toMatchObject({ status: 'fulfilled' })
    expect(await left()).toBe('')
  })
})

it('takes a slot of an earlier layout over as it is: no pod is restarted', async () => {
  await write('1')
  const objects = ['deployment/order-green', 'poddisruptionbudget/order-green']
  const annotations = ['meta.helm.sh/release-name=order', 'helm.sh/resource-policy=keep']
  for (const object of objects) await ok(kubectl('annotate', '--overwrite', object, ...annotations))
  await ok(kubectl('delete', 'secrets', '--selector=owner=helm'))
  const pods = '.metadata.uid}{.spec.template'
  const before = await field('deployment/order-green', pods)
  await write('1')
  expect(await field('deployment/order-green', pods)).toBe(before)
  for (const object of objects)
    expect(await field(object, '.metadata.annotations.meta\\.helm\\.sh/release-name')).toBe(
      'order-green',
    )
})

it('takes over nothing else: an object of another release stops the deploy', async () => {
  const metadata = {
    name: 'order-green',
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: {
      'meta.helm.sh/release-name': 'other',
      'meta.helm.sh/release-namespace': namespace,
    },
  }
  const spec = {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other' },
    maxReplicas: 2,
  }
  const scaler = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, spec }
  await ok(tool('kubectl', ['create', '--filename=-'], scaler))
  await expect(write('1')).rejects.toMatchObject({
    code: 'helm-failed',
    message: expect.stringContaining('order-green'),
  })
  expect(await field('hpa/order-green', '.spec.scaleTargetRef.name')).toBe('other')
  expect(await left()).not.toContain('deployment')
})

it('renders what it applies, and none of the notes', async () => {
  const { marks: _, ...release } = aWrite('1')
  const objects = await createCharts(helm, { namespace, root: '/' }).render(release)
  expect(objects.map(({ kind, metadata: { name } }) => `${kind} ${name}`).sort()).toEqual([
    'Deployment order-green',
    'HorizontalPodAutoscaler order-green',
    'Job order-green-migrate',
    'PodDisruptionBudget order-green',
  ])
})
