// charts/shop-guard on the real API server: what it refuses, for each of several services.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { chartsIn, everyKind, ok } from './charts.ts'

const here = chartsIn('guard')
const { deploy, field, kubectl, namespace } = here

beforeAll(async () => {
  await here.create()
  await here.guard()
  await ok(deploy({ service: 'order', color: 'blue', release: '1', values: everyKind }))
})

afterAll(here.remove)

function collection(api: string, kind: string) {
  const labels = 'labelSelector=shopctl.dev/color=blue,app.kubernetes.io/name=order'
  return ['delete', '--raw', `/apis/${api}/namespaces/${namespace}/${kind}?${labels}`]
}

it('has no expression that the API server warns of', async () => {
  const policy = `validatingadmissionpolicy/shopctl-guard-${namespace}`
  await vi.waitFor(async () => {
    expect(await field(policy, '.status.observedGeneration')).toBe('1')
  })
  expect(await field(policy, '.status.typeChecking')).toBe('{}')
})

it('before there is a stable Service, nothing is live', async () => {
  await ok(kubectl('delete', 'deployment/order-blue', '--dry-run=server'))
  await ok(kubectl('rollout', 'restart', 'deployment/order-blue'))
})

describe('with order live on blue and payment on green', () => {
  beforeAll(async () => {
    for (const service of ['order', 'payment']) {
      await ok(here.share(service))
      await ok(deploy({ service, color: 'blue', release: '1', values: everyKind }))
      await ok(deploy({ service, color: 'green', release: '2', values: everyKind }))
    }
    const target = ['--name=by-hand', '--max=9']
    await ok(kubectl('autoscale', 'deployment/order-blue', ...target))
    await here.makeLive('order', 'blue', '1')
    await here.makeLive('payment', 'green', '2')
    await here.guarded('deployment/order-blue')
    await here.guarded('deployment/payment-green')
  })

  const pods = 'its pods cannot be changed'
  const restart = 'its pods cannot be restarted all at once. To use a changed Secret or setting, '
  const zero = 'it cannot be scaled to zero'
  it.each([
    ['another image', ['set', 'image', 'deployment/order-blue', 'order=x'], pods],
    ['another setting', ['set', 'env', 'deployment/order-blue', 'A=1'], pods],
    ['a restart', ['rollout', 'restart', 'deployment/order-blue'], restart],
    ['a scale to zero', ['scale', 'deployment/order-blue', '--replicas=0'], zero],
    ['zero replicas', ['patch', 'deployment/order-blue', '-p', '{"spec":{"replicas":0}}'], zero],
    ['its deletion', ['delete', 'deployment/order-blue'], 'it cannot be deleted'],
    ['a deletion among others', collection('apps/v1', 'deployments'), 'it cannot be deleted'],
    [
      'the deletion of its autoscaler',
      ['delete', 'hpa/order-blue'],
      'its HorizontalPodAutoscaler order-blue cannot be deleted',
    ],
    [
      'the deletion of its autoscaler by an older version',
      collection('autoscaling/v1', 'horizontalpodautoscalers'),
      'its HorizontalPodAutoscaler order-blue cannot be deleted',
    ],
    [
      'the deletion of an autoscaler of another name',
      ['delete', 'hpa/by-hand'],
      'its HorizontalPodAutoscaler by-hand cannot be deleted',
    ],
    [
      'the deletion of its budget',
      ['delete', 'pdb/order-blue'],
      'its PodDisruptionBudget order-blue cannot be deleted',
    ],
    [
      'the deletion of its budget among others',
      collection('policy/v1', 'poddisruptionbudgets'),
      'its PodDisruptionBudget order-blue cannot be deleted',
    ],
    [
      'the deletion of its migration Job',
      ['delete', 'job/order-blue-migrate'],
      'its Job order-blue-migrate cannot be deleted',
    ],
    [
      'the deletion of its migration Job among others',
      collection('batch/v1', 'jobs'),
      'its Job order-blue-migrate cannot be deleted',
    ],
  ])('refuses %s and says why', async (_, args, reason) => {
    const { exitCode, stderr } = await kubectl(...args)
    expect(stderr).toContain(`order-blue is the live slot of order, ${reason}`)
    expect(stderr).toMatch(/shopctl (release|switch) --service order/)
    expect(exitCode).not.toBe(0)
  })

  it('refuses a helm upgrade that names it', async () => {
    const before = await field('deployment/order-blue', '.spec.template')
    const slot = { service: 'order', color: 'blue', release: '3', migrate: false }
    const { exitCode, stderr } = await deploy({ ...slot, values: everyKind })
    expect(stderr).toMatch(/order-blue is the live slot of order, /)
    expect(exitCode).not.toBe(0)
    expect(await field('deployment/order-blue', '.spec.template')).toBe(before)
  })

  it.each([
    ['deployment/payment-green', 'payment-green is the live slot of payment, it'],
    ['hpa/payment-green', 'payment-green is the live slot of payment, its Horizontal'],
    ['pdb/payment-green', 'payment-green is the live slot of payment, its PodDisruption'],
    ['job/payment-green-migrate', 'payment-green is the live slot of payment, its Job'],
  ])('refuses the deletion of %s too', async (object, reason) => {
    const { stderr } = await kubectl('delete', object, '--dry-run=server')
    expect(stderr).toContain(reason)
    expect(stderr).toContain('shopctl switch --service payment')
  })

  it.each([
    ['more replicas', ['scale', 'deployment/order-blue', '--replicas=3']],
    ['fewer replicas', ['scale', 'deployment/order-blue', '--replicas=1']],
    [
      'another least of its autoscaler',
      ['patch', 'hpa/order-blue', '-p', '{"spec":{"minReplicas":3}}'],
    ],
    ['an annotation', ['annotate', 'deployment/order-blue', 'note=kept']],
    ['the very same again', ['set', 'env', 'deployment/order-blue', 'SLOT_COLOR=blue']],
    ['another budget', ['patch', 'pdb/order-blue', '-p', '{"spec":{"maxUnavailable":2}}']],
  ])('accepts %s', async (_, args) => {
    await ok(kubectl(...args))
  })

  it.each([
    ['a change', ['set', 'image', 'deployment/order-green', 'order=x']],
    ['a restart', ['rollout', 'restart', 'deployment/order-green']],
    ['a scale to zero', ['scale', 'deployment/order-green', '--replicas=0']],
    ['the deletion of the Deployment', ['delete', 'deployment/order-green']],
    ['the deletion of the autoscaler', ['delete', 'hpa/order-green']],
    ['the deletion of the budget', ['delete', 'pdb/order-green']],
    ['the deletion of the Job', ['delete', 'job/order-green-migrate']],
    ['the deletion of the other color of another service', ['delete', 'deployment/payment-blue']],
  ])('accepts of the standby %s', async (_, args) => {
    await ok(kubectl(...args))
  })

  it('follows the Service to the other slot and back', async () => {
    await ok(deploy({ service: 'order', color: 'green', release: '8' }))
    await here.makeLive('order', 'green', '8')
    await here.guarded('deployment/order-green')
    await ok(deploy({ service: 'order', color: 'blue', release: '9', values: everyKind }))
    await here.makeLive('order', 'blue', '9')
    await here.guarded('deployment/order-blue')
  })

  it('lets the namespace be deleted, and goes with it', async () => {
    await ok(kubectl('delete', 'namespace', namespace, '--timeout=60s'))
    const policies = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'].join()
    await vi.waitFor(
      async () => expect(await ok(kubectl('get', policies, '-o=name'))).not.toContain(namespace),
      { timeout: 20_000, interval: 500 },
    )
  })
})
