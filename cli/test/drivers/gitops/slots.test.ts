// What the gitops driver does to slots: one commit for all of them, which Argo CD syncs.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changesOf } from '../../../src/drivers/gitops/changes.ts'
import { failed, refused } from '../../../src/errors.ts'
import { colors } from '../../../src/release/slot.ts'
import { autoscalerPath, deploymentPath } from '../../fakes/argocd-objects.ts'
import { applied, type Files } from '../../fakes/config-repo.ts'
import { aWrite, blue, createScene, green, names, outcomes, type Scene, standing } from './scene.ts'
import { treeOf } from './tree.ts'

const { signal } = new AbortController()
const next = 'cccccccccc'
const both = names.map((service) => aWrite(service, 'green', next))
const deployed = 'deploy: order green v-cccccccccc, payment green v-cccccccccc'

/** The config repo after `gitops init`. */
function begun(): Files {
  const none: Files = new Map()
  const slots = names.flatMap((service) => colors.map((color) => ({ service, color })))
  return applied(none, changesOf(treeOf(none), { begun: { slots, argocd: 'kind: AppProject\n' } }))
}

describe('a deploy', () => {
  it('of several slots is one commit, and they are the ones to test', async () => {
    const scene = createScene()
    expect(outcomes(await scene.driver().writeSlots(both, signal))).toEqual([undefined, undefined])
    expect(scene.subjects()).toEqual([deployed])
    expect(names.map((name) => standing(scene, `${name}-green`))).toEqual([
      `${next} 1`,
      `${next} 1`,
    ])
    expect(await scene.pointer('order', 'preview')).toEqual({ color: 'green', revision: next })
    expect(await scene.pointer('order')).toEqual(blue)
  })

  it('of a new environment makes Services that select no pod, and the slots', async () => {
    const scene = createScene({ files: begun() })
    const chart = { chart: 'shop-service', valuesFiles: [], marks: { rendered: '1' } }
    const writes = names.map((service) => {
      const shopctl = { system: 'shop', service, ports: { stable: 'http', preview: 8081 } }
      return aWrite(service, 'blue', 'aaaaaaaaaa', {
        shared: { ...chart, name: service, values: { shopctl } },
      })
    })
    await scene.driver().writeSlots(writes, signal)
    const selected = names.flatMap((name) => [`${name} stable none`, `${name} preview blue`])
    expect(scene.inCluster()).toEqual(selected)
    expect(standing(scene, 'order-blue')).toBe('aaaaaaaaaa 1')
    expect(Object.keys(await scene.driver().recorded()).sort()).toEqual([
      'order',
      'order-blue',
      'payment',
      'payment-blue',
      'postgres',
    ])
  })

  it('of an earlier release has its chart and values from outside of the work tree', async () => {
    const scene = createScene()
    scene.texts['/elsewhere/order-0.yaml'] = 'config:\n  LEVEL: debug\n'
    const chart = join(import.meta.dirname, '../../../../charts/shop-slot')
    const write = { ...aWrite('order', 'green', next), chart }
    const valuesFiles = ['/elsewhere/order-0.yaml']
    await scene.driver().writeSlots([{ ...write, valuesFiles }], signal)
    expect(standing(scene, 'order-green')).toBe(`${next} 1`)
    expect(scene.repo.head().files.get('local/order/green/values.yaml')).toContain('LEVEL: debug')
  })

  it('of what stands already makes no commit', async () => {
    const scene = createScene()
    await scene.driver().writeSlots(both, signal)
    expect(outcomes(await scene.driver().writeSlots(both, signal))).toEqual([undefined, undefined])
    expect(scene.subjects()).toEqual([deployed])
  })

  type Refusal = [title: string, code: string, arrange: (scene: Scene) => unknown, over?: object]
  it.each<Refusal>([
    [
      'if the push is rejected',
      'push-rejected',
      ({ repo }) =>
        Object.assign(repo.faults, { push: refused({ code: 'push-rejected', message: '' }) }),
    ],
    [
      'if the config repo is away',
      'config-repo-unreachable',
      ({ repo }) =>
        Object.assign(repo.faults, {
          fetch: failed({ code: 'config-repo-unreachable', message: '' }),
        }),
    ],
    ['if its chart cannot be read', 'bad-chart', () => {}, { chart: 'no-such-chart' }],
    [
      'if somebody changes the slot meanwhile',
      'conflict',
      ({ repo }) => repo.beforePush.push(() => repo.someone({ 'local/order/green/note.txt': 'x' })),
    ],
  ])('touches nothing %s', async (_, code, arrange, over) => {
    const scene = createScene()
    arrange(scene)
    const results = await scene.driver().writeSlots(
      both.map((each) => ({ ...each, ...over })),
      signal,
    )
    expect(outcomes(results)).toEqual([code, code])
    expect(scene.subjects().filter((subject) => subject !== 'By hand')).toEqual([])
    expect(standing(scene, 'payment-green')).toBe(`${green.revision} 2`)
  })

  it('goes on after a push to another slot', async () => {
    const scene = createScene()
    scene.repo.beforePush.push(() => scene.repo.someone({ 'local/order/blue/note.txt': 'x' }))
    expect(outcomes(await scene.driver().writeSlots(both, signal))).toEqual([undefined, undefined])
    expect(scene.subjects()).toEqual(['By hand', deployed])
  })

  it('of one slot fails with the words of Argo CD, and the other slot is written', async () => {
    const scene = createScene()
    scene.argo.faults.failing['shop.local.order-green'] = 'Deployment order-green: exceeded quota'
    const [order, payment] = await scene.driver().writeSlots(both, signal)
    expect(order).toMatchObject({
      reason: { code: 'sync-failed', message: expect.stringContaining('exceeded quota') },
    })
    expect(payment?.status).toBe('fulfilled')
    expect(standing(scene, 'payment-green')).toBe(`${next} 1`)
  })

  it('is tried again by the next one, although there is nothing to commit', async () => {
    const scene = createScene()
    scene.argo.faults.failing['shop.local.order-green'] = 'Deployment order-green: exceeded quota'
    await scene.driver().writeSlots(both, signal)
    expect((await scene.driver().recorded())['order-green']).toMatchObject({ finished: false })
    scene.argo.faults.failing = {}
    expect(outcomes(await scene.driver().writeSlots(both, signal))).toEqual([undefined, undefined])
    expect(scene.subjects()).toEqual([deployed])
    expect(standing(scene, 'order-green')).toBe(`${next} 1`)
    expect((await scene.driver().recorded())['order-green']).toMatchObject({
      finished: true,
      marks: { revision: next },
    })
  })

  it('of what stands already is carried out again, since its database may have lost the migrations', async () => {
    const scene = createScene()
    await scene.driver().writeSlots(both, signal)
    const syncs: string[] = []
    const watched = scene.driver((name, run) => {
      if (name === 'argo.sync') syncs.push(name)
      return run()
    })
    const other = aWrite('order', 'green', 'dddddddddd')
    await watched.writeSlots([other, ...both.slice(1)], signal)
    expect(syncs).toHaveLength(1)
  })

  it('of what stands already fails when its sync does, though the cluster is as git says', async () => {
    const scene = createScene()
    await scene.driver().writeSlots(both, signal)
    scene.argo.faults.failing['shop.local.order-green'] = 'Job order-green-test: exceeded quota'
    const [order, payment] = await scene.driver().writeSlots(both, signal)
    expect(order).toMatchObject({
      reason: { code: 'sync-failed', message: expect.stringContaining('exceeded quota') },
    })
    expect(payment?.status).toBe('fulfilled')
  })

  it('of what stands already leaves no sync behind that would begin when a window opens', async () => {
    const scene = createScene()
    await scene.driver().writeSlots(both, signal)
    scene.argo.faults.closed = true
    expect(outcomes(await scene.driver().writeSlots(both, signal))).toEqual([
      'sync-not-begun',
      'sync-not-begun',
    ])
    scene.argo.settle()
    expect(scene.argo.show('shop.local.order-green')).toMatchObject({
      busy: false,
      operation: { phase: 'Failed', message: 'Operation terminated' },
    })
  })

  it('in a window that is still closed says so again, and asks for no sync', async () => {
    const scene = createScene()
    scene.argo.faults.closed = true
    for (let n = 0; n < 2; n++) {
      const results = await scene.driver().writeSlots(both, signal)
      expect(outcomes(results)).toEqual(['sync-not-begun', 'sync-not-begun'])
      expect(scene.argo.show('shop.local.order-green')).toMatchObject({ busy: false })
    }
  })

  it('ends an earlier operation that hangs', async () => {
    const scene = createScene()
    const application = 'shop.local.order-green'
    const isBusy = (): boolean => scene.argo.show(application).busy
    scene.argo.faults.hanging.add(application)
    const interrupt = new AbortController()
    const killed = scene.driver((name, run) => {
      if (name === 'argo.list' && isBusy()) interrupt.abort()
      return run()
    }, interrupt.signal)
    await killed.writeSlots([aWrite('order', 'green', 'eeeeeeeeee')], interrupt.signal)
    expect(isBusy()).toBe(true)
    const driver = scene.driver((name, run) => {
      if (name === 'argo.terminate') scene.argo.faults.hanging.clear()
      return run()
    })
    expect(outcomes(await driver.writeSlots(both, signal))).toEqual([undefined, undefined])
    expect(standing(scene, 'order-green')).toBe(`${next} 1`)
  })

  it('whose migration fails counts as written, and no pods are scaled', async () => {
    const scene = createScene()
    scene.argo.faults.failing['shop.local.order-green'] = 'Job order-green-migrate: backoff limit'
    const calls: string[] = []
    const driver = scene.driver((name, run) => {
      calls.push(name)
      return run()
    })
    expect(outcomes(await driver.writeSlots(both.slice(0, 1), signal))).toEqual([undefined])
    expect(calls.filter((name) => name.startsWith('scaling'))).toEqual([])
  })

  it('stops when it is interrupted', async () => {
    const scene = createScene()
    const interrupt = new AbortController()
    const driver = scene.driver((name, run) => {
      if (name === 'repo.push') interrupt.abort()
      return run()
    }, interrupt.signal)
    expect(outcomes(await driver.writeSlots(both, interrupt.signal))).toEqual([
      'interrupted',
      'interrupted',
    ])
    expect(scene.subjects()).toEqual([])
  })
})

describe('the number of pods after a write', () => {
  it.each<[string, Record<string, unknown>, number, string, object | null]>([
    ['is that of the chart', { replicas: 3 }, 0, `${next} 3`, null],
    ['is at least what serves', { replicas: 3 }, 5, `${next} 5`, null],
    ['falls to that of the chart', { replicas: 1 }, 1, `${next} 1`, null],
    // Its autoscaler sets it.
    [
      'stays, with an autoscaler',
      { autoscaling: { min: 3, max: 6 } },
      0,
      `${next} 2`,
      { minReplicas: 3, maxReplicas: 6 },
    ],
    [
      'is raised, with the autoscaler',
      { autoscaling: { min: 3, max: 6 } },
      8,
      `${next} 8`,
      { minReplicas: 8, maxReplicas: 8 },
    ],
  ])('%s', async (_, values, atLeast, expected, numbers) => {
    const scene = createScene()
    // What an earlier deploy or a person has set.
    await scene
      .driver()
      .scaleSlots([{ service: 'order', color: 'green', replicas: 2, min: null, declared: null }])
    await scene
      .driver()
      .writeSlots([aWrite('order', 'green', next, { values, atLeast, declared: 4 })], signal)
    scene.argo.settle()
    expect(standing(scene, 'order-green')).toBe(expected)
    const autoscaler = scene.api.objects.get(autoscalerPath('shop', 'order-green'))
    expect(autoscaler?.spec ?? null).toEqual(numbers && expect.objectContaining(numbers))
    const deployment = scene.api.objects.get(deploymentPath('shop', 'order-green'))
    expect(deployment?.metadata?.annotations).toMatchObject({ 'shopctl.dev/replicas': '4' })
  })

  it('of the chart counts again for an autoscaler that was raised before', async () => {
    const scene = createScene()
    const values = { autoscaling: { min: 3, max: 6 } }
    await scene
      .driver()
      .writeSlots([aWrite('order', 'green', next, { values, atLeast: 8 })], signal)
    await scene.driver().writeSlots([aWrite('order', 'green', 'dddddddddd', { values })], signal)
    const { spec, metadata } = scene.api.objects.get(autoscalerPath('shop', 'order-green')) ?? {}
    expect(spec).toMatchObject({ minReplicas: 3, maxReplicas: 6 })
    expect(metadata?.annotations).toMatchObject({ 'shopctl.dev/min-replicas': '3' })
  })

  it('is not taken for a change by Argo CD', async () => {
    const scene = createScene()
    await scene
      .driver()
      .scaleSlots([{ service: 'order', color: 'blue', replicas: 7, min: null, declared: null }])
    scene.argo.settle()
    expect([standing(scene, 'order-blue'), scene.argo.show('shop.local.order-blue').sync]).toEqual([
      `${blue.revision} 7`,
      'Synced',
    ])
  })
})
