// What the gitops driver knows of an environment, and what it hands on.
import { describe, expect, it } from 'vitest'
import { recordedOf } from '../../../src/drivers/gitops/driver.ts'
import { stateOf } from '../../../src/drivers/gitops/read.ts'
import { deploymentPath } from '../../fakes/argocd-objects.ts'
import { blue, createScene, green, type Scene } from './scene.ts'
import { treeOf } from './tree.ts'

describe('what is recorded', () => {
  it('are the marks in git, and what helm knows', async () => {
    const scene = createScene()
    const found = await scene.driver().recorded()
    expect(Object.keys(found).sort()).toEqual([
      ...['order', 'order-blue', 'order-green', 'payment', 'payment-blue', 'payment-green'],
      'postgres',
    ])
    expect(found).toMatchObject({
      'order-blue': { finished: true, marks: { revision: blue.revision, checked: 'c0ffee' } },
      'payment-green': {
        ...{ finished: true, marks: { revision: green.revision } },
        digest: `sha256:${green.revision.padEnd(64, '0')}`,
      },
      order: { finished: true, marks: { rendered: '12345678' } },
      postgres: { finished: true },
    })
  })

  it.each([
    ['Failed', false],
    ['Error', false],
    ['Running', true],
    ['Succeeded', true],
  ] as const)('is finished unless Argo CD could not carry it out: %s', (phase, finished) => {
    const scene = createScene()
    const state = stateOf(treeOf(scene.repo.head().files))
    const operation = { phase, message: '', revision: 'a', problems: [] }
    const of = (name: string) => ({
      ...{ ...scene.argo.show(name), operation },
      sync: phase === 'Succeeded' ? ('Synced' as const) : ('OutOfSync' as const),
    })
    const found = recordedOf({ system: 'shop', env: 'local' }, state, [
      of('shop.local.order-green'),
      of('shop.local.services'),
    ])
    expect(found).toMatchObject({
      ...{ 'order-green': { finished }, order: { finished }, payment: { finished } },
      'order-blue': { finished: true },
    })
  })

  it.each<[string, string, (scene: Scene) => unknown]>([
    [
      'an Application is missing',
      'application-missing',
      ({ argo }) => argo.remove('shop.local.payment-blue'),
    ],
    [
      'an Application does not prune',
      'application-differs',
      ({ argo }) =>
        argo.edit('shop.local.order-blue', {
          automatic: { sync: true, selfHeal: true, prune: false },
        }),
    ],
    [
      'a file is no YAML',
      'bad-config-repo',
      ({ repo }) => repo.someone({ 'local/order/blue/values.yaml': 'a: [\n' }),
    ],
  ])('is refused if %s', async (_, code, arrange) => {
    const scene = createScene()
    arrange(scene)
    await expect(scene.driver().recorded()).rejects.toMatchObject({ kind: 'refused', code })
  })
})

describe('the cluster alone is changed', () => {
  it('by another number of pods', async () => {
    const scene = createScene()
    const gone = { service: 'order', color: 'blue', replicas: 5, min: null, declared: 3 } as const
    const results = await scene.driver().scaleSlots([gone, { ...gone, service: 'none' }])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(scene.api.objects.get(deploymentPath('shop', 'order-blue'))).toMatchObject({
      metadata: { annotations: { 'shopctl.dev/replicas': '3' } },
      spec: { replicas: 5 },
    })
    expect(scene.subjects()).toEqual([])
  })

  it('by a restart, which Argo CD leaves alone', async () => {
    const scene = createScene()
    await scene.driver().restartSlot('order', 'blue')
    scene.argo.settle()
    const { spec } = scene.api.objects.get(deploymentPath('shop', 'order-blue')) ?? {}
    expect(spec).toMatchObject({
      template: {
        metadata: { annotations: { 'shopctl.dev/restarted-at': '1970-01-01T00:00:00.000Z' } },
      },
    })
    expect([scene.subjects(), scene.argo.show('shop.local.order-blue').sync]).toEqual([
      [],
      'Synced',
    ])
  })
})
